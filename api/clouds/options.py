"""What a resource's `config` may hold: each option once, with its shape, its limits and its description.

Which options a cloud takes is said by its ResourceType. Messages are the ends of sentences that begin with the path.
"""

from collections.abc import Mapping
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

PROTOCOLS = ("tcp", "udp", "icmp", "all")
# As RFC 1035 has it. Written so that Python and JavaScript, which read it from the OpenAPI, both refuse a last newline.
_TAG = r"^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$(?!\n)"
PORT_OPTIONS = ("port", "ports", "portRange")
# A security group of AWS holds 60 rules, and each port is one; the rest is room for other addresses.
MOST_PORTS = 30
# The most network tags that GCP takes as the targets of one firewall rule.
MOST_TAGS = 70


class Strict(Schema):
    """Refuses what it does not know. Its messages are the ends of sentences."""

    error_messages = {"unknown": "is not known", "type": "must be an object"}

    class Meta:
        unknown = RAISE
        register = False


class Whole(fields.Integer):
    """A whole number within limits: `"443"`, `443.0` and `true` are none."""

    def __init__(self, least: int, most: int, **others: Any) -> None:
        sentence = f"must be a whole number from {least} to {most}"
        messages: dict[str, Any] = dict.fromkeys(("invalid", "null", "too_large"), sentence)
        super().__init__(
            strict=True,
            validate=validate.Range(least, most, error=sentence),
            error_messages=messages | {"required": "is required"},
            **others,
        )


class Words(fields.String):
    """Text. What is no string is refused with a sentence."""

    default_error_messages = {"invalid": "must be a string", "null": "must be a string", "required": "is required"}


def _port(**others: Any) -> Whole:
    return Whole(1, 65535, **others)


class _Ends(Strict):
    @validates_schema(skip_on_field_errors=True)
    def begins_before_it_ends(self, data: Mapping[str, Any], **_: Any) -> None:
        if data["from"] > data["to"]:
            raise ValidationError("must not end before it begins")


# Made of a mapping, since `from` cannot be an attribute's name.
_port_range = _Ends.from_dict({"from": _port(required=True), "to": _port(required=True)}, name="PortRange")


def _list_of(item: fields.Field[Any], most: int, what: str, description: str) -> fields.List[Any]:
    sentence = f"must be a list of 1 to {most} different {what}"

    def all_different(values: list[Any]) -> None:
        if not 0 < len(values) <= most or len(set(values)) != len(values):
            raise ValidationError(sentence)

    messages: dict[str, Any] = {"invalid": sentence, "null": sentence}
    return fields.List(item, validate=all_different, error_messages=messages, metadata={"description": description})


def option_fields(names: tuple[str, ...]) -> dict[str, fields.Field[Any]]:
    """New marshmallow fields for the options of these names."""
    tag = Words(validate=validate.Regexp(_TAG, error="must be a network tag of GCP"))
    every: dict[str, fields.Field[Any]] = {
        "port": _port(metadata={"description": "The one port to open"}),
        "ports": _list_of(_port(), MOST_PORTS, "ports", "The ports to open"),
        "portRange": fields.Nested(
            _port_range,
            error_messages={"null": "must be an object"},
            metadata={"description": "The first and the last port to open"},
        ),
        "protocol": Words(
            validate=validate.OneOf(PROTOCOLS, error=f"must be one of {', '.join(PROTOCOLS)}"),
            metadata={"description": "tcp where it is left out; icmp and all take no ports"},
        ),
        "targetTags": _list_of(tag, MOST_TAGS, "tags", "Only instances with one of these network tags are opened"),
        "priority": Whole(0, 65535, metadata={"description": "The rules' priority, 1000 where it is left out"}),
        "priorityFrom": Whole(100, 4096, metadata={"description": "First priority to use, 1000 where it is left out"}),
        "priorityTo": Whole(100, 4096, metadata={"description": "Last priority to use, 3999 where it is left out"}),
    }
    return {name: every[name] for name in names}


def check_together(config: Mapping[str, Any]) -> None:
    """What options say about each other. Raises marshmallow's ValidationError."""
    ports = [name for name in PORT_OPTIONS if name in config]
    if len(ports) > 1:
        raise ValidationError("takes only one of port, ports and portRange")
    if ports and config.get("protocol") in ("icmp", "all"):
        raise ValidationError(f"takes no {ports[0]} with the protocol {config['protocol']}")
    if config.get("priorityFrom", 1000) > config.get("priorityTo", 3999):
        raise ValidationError("must not have priorityFrom above priorityTo")
