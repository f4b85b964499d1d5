"""What a resource opens: its `config` as a person types it, and in words.

The three ways in which `config` names ports are one field of a form: `443`, `22, 80, 443` or `8000-8100`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import fields

from api.clouds import Cloud
from api.clouds.derive import config_schema
from api.clouds.options import PORT_OPTIONS, PROTOCOLS
from api.errors import Details

_USUAL_PROTOCOL = PROTOCOLS[0]
_PROTOCOL_CHOICES = tuple((name, "All protocols" if name == "all" else name.upper()) for name in PROTOCOLS)
_PORTS_HELP = (
    "One as 443, several as 22, 80, 443, or a range as 8000-8100. ICMP and all protocols take none; with the others "
    "nothing can be opened without a port"
)
_RANGE = re.compile(r"\s*([0-9]{1,9})\s*[-\u2013]\s*([0-9]{1,9})\s*")
_WHOLE = re.compile(r"-?[0-9]{1,9}")
_BETWEEN = re.compile(r"[\s,;]+")


@dataclass(frozen=True, slots=True)
class Option:
    """A field of the form. is_rare: most leave it as it is."""

    name: str
    label: str
    help: str | None
    choices: tuple[tuple[str, str], ...] | None = None
    is_rare: bool = False


def options_of(cloud: Cloud, resource_type: str) -> list[Option]:
    """The fields for what a cloud's `config` may hold."""
    return list(_options(config_schema(cloud, resource_type)().fields))


def _options(known: Mapping[str, Any]) -> Iterator[Option]:
    if "port" in known:
        yield Option("config.ports", "Ports", _PORTS_HELP)
    for name, shape in known.items():
        if name == "protocol":
            yield Option(f"config.{name}", "Protocol", None, _PROTOCOL_CHOICES)
        elif name not in PORT_OPTIONS:
            label = re.sub("([A-Z])", lambda found: f" {found[1].lower()}", name).capitalize()
            yield Option(f"config.{name}", label, shape.metadata.get("description"), is_rare=True)


def whole(text: object) -> object:
    """The number that was typed; what is none stays, for a schema to refuse it."""
    return int(text) if isinstance(text, str) and _WHOLE.fullmatch(text.strip()) else text


def config_of(cloud: Cloud, resource_type: str, typed: object) -> Any:
    """A `config` of what was typed into the fields, right or wrong: the schema has the last word."""
    if not isinstance(typed, dict):
        return typed
    known = config_schema(cloud, resource_type)().fields
    config: dict[str, Any] = {}
    for name, text in typed.items():
        if name == "ports" and isinstance(text, str):
            config.update(_ports(text))
        else:
            config[name] = _value(known.get(name), text)
    return config


def _ports(text: str) -> dict[str, Any]:
    if found := _RANGE.fullmatch(text):
        return {"portRange": {"from": int(found[1]), "to": int(found[2])}}
    ports = [whole(part) for part in _BETWEEN.split(text) if part]
    return {"port": ports[0]} if len(ports) == 1 else {"ports": ports}


def _value(shape: object, text: object) -> object:
    if isinstance(shape, fields.List) and isinstance(text, str):
        return [part for part in _BETWEEN.split(text) if part]
    return whole(text) if isinstance(shape, fields.Integer) else text


def typed_of(config: Mapping[str, Any]) -> dict[str, str]:
    """What somebody would type to get this `config`."""
    return {f"config.{'ports' if name in PORT_OPTIONS else name}": _text(value) for name, value in config.items()}


def _text(value: object) -> str:
    if isinstance(value, dict):
        return f"{value['from']}-{value['to']}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def is_same(typed: object, config: Mapping[str, Any]) -> bool:
    """Both open the same: a protocol that is left out is the usual one."""
    usual = {"protocol": _USUAL_PROTOCOL}
    return isinstance(typed, dict) and {**usual, **typed} == {**usual, **config}


def beside_fields(errors: Details) -> Details:
    """Errors by the fields of the form: those of `config` stand where what they are about is typed."""
    found: dict[str, list[str]] = {}
    for path, sentences in errors.items():
        for sentence in sentences:
            name, told = _beside(path, sentence)
            if told not in found.setdefault(name, []):
                found[name].append(told)
    return found


def _beside(path: str, sentence: str) -> tuple[str, str]:
    first, *rest = path.split(".")
    if first != "config":
        return path, sentence
    ending = sentence.removeprefix(path)
    if not rest:
        named = (option for option in ("protocol", "priorityFrom") if option in sentence)
        return f"config.{next(named, 'ports')}", f"It{ending}"
    if rest[0] in PORT_OPTIONS:
        is_one = rest[0] == "port" or len(rest) > 1
        return "config.ports", f"Each port{ending}" if is_one else f"config.ports{ending}"
    return f"config.{rest[0]}", f"Each of them{ending}" if len(rest) > 1 else sentence


def in_words(cloud: Cloud, resource_type: str, config: Mapping[str, Any] | None) -> str:
    """`22, 80 and 443 (TCP)`"""
    config = config or {}
    if not cloud.resource_types[resource_type].options:
        return "All of it"
    protocol = config.get("protocol", _USUAL_PROTOCOL)
    opened = {"all": "Every port and protocol", "icmp": "ICMP"}.get(protocol) or _ports_in_words(config, protocol)
    tags = config.get("targetTags")
    return f"{opened}, on what is tagged {_listed(tags, 'or')}" if tags else opened


def _ports_in_words(config: Mapping[str, Any], protocol: str) -> str:
    if "portRange" in config:
        ports = f"{config['portRange']['from']} to {config['portRange']['to']}"
    else:
        ports = _listed(config.get("ports") or [port for port in (config.get("port"),) if port is not None], "and")
    return f"{ports} ({protocol.upper()})" if ports else "No port yet"


def _listed(values: list[Any], word: str) -> str:
    *others, last = map(str, values) if values else ("",)
    return f"{', '.join(others)} {word} {last}" if others else last
