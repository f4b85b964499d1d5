"""What follows from a cloud's declaration: the shapes of `credentialData` and `config`, their errors, their OpenAPI."""

import functools
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from api.clouds.base import Cloud, Field
from api.clouds.options import Strict, Words, check_together, option_fields

_ERRORS_AT_MOST = 20
_NAME_AT_MOST = 64

Errors = dict[str, list[str]]
"""Sentences by the path of what they are about, such as `credentialData.accessKeyId`, in the order of the fields."""


class _Config(Strict):
    @validates_schema(skip_on_field_errors=True)
    def fits_together(self, data: Mapping[str, Any], **_: Any) -> None:
        check_together(data)


@functools.cache
def credential_schema(cloud: Cloud) -> type[Schema]:
    """The shape of a cloud's `credentialData`: required fields, types and lengths, and nothing else."""
    kind = f"{cloud.name} {cloud.credential_type} credentials"
    shape = {field.name: _entry(field, f"is required for {kind}") for field in cloud.fields}
    schema: type[Schema] = Strict.from_dict(shape, name=f"{_title(cloud.name)}CredentialData")
    schema.error_messages = {"unknown": f"is not a field of {kind}", "type": "must be an object"}
    return schema


@functools.cache
def config_schema(cloud: Cloud, resource_type: str) -> type[Schema]:
    """The shape of the `config` of a cloud's resource. KeyError if the cloud has no such type."""
    kind = cloud.resource_types[resource_type]
    name = f"{_title(cloud.name)}{_title(kind.name)}Config"
    schema: type[Schema] = _Config.from_dict(dict(option_fields(kind.options)), name=name)
    schema.error_messages = {"unknown": f"is not known for {cloud.name} {kind.name} resources"}
    return schema


def credential_errors(cloud: Cloud, data: object) -> Errors:
    """What is wrong with a `credentialData`; nothing if it can be sealed."""
    return _errors(credential_schema(cloud), data, "credentialData")


def config_errors(cloud: Cloud, resource_type: str, config: object) -> Errors:
    """What is wrong with a resource's `config`; nothing if it can be stored as it is."""
    return _errors(config_schema(cloud, resource_type), config, "config")


def credential_component(cloud: Cloud) -> tuple[str, dict[str, Any]]:
    """The name and the body of the OpenAPI 3.1 schema of a cloud's `credentialData`, with the published example."""
    return _component(
        credential_schema(cloud),
        title=f"{cloud.label}, {cloud.credential_type}",
        description=f"Needs these permissions: {', '.join(cloud.permissions)}.",
        examples=[{field.name: field.example for field in cloud.fields}],
    )


def config_component(cloud: Cloud, resource_type: str) -> tuple[str, dict[str, Any]]:
    """The name and the body of the OpenAPI 3.1 schema of the `config` of a cloud's resource."""
    ports = {"port": 443, "protocol": "tcp"}
    kind = cloud.resource_types[resource_type]
    return _component(
        config_schema(cloud, resource_type),
        title=f"{cloud.label}, {resource_type}",
        description="At most one of port, ports and portRange." if kind.options else "Empty: all of it is opened.",
        examples=[{name: ports[name] for name in ports if name in kind.options}],
    )


def _component(schema: type[Schema], **beside: Any) -> tuple[str, dict[str, Any]]:
    # A schema without a name is written in its place; the published types know only names.
    nameless: Any = lambda _: None  # noqa: E731
    inline = MarshmallowPlugin(schema_name_resolver=nameless)
    APISpec("EntryGuard", "1", "3.1.0", plugins=[inline])
    converter: Any = inline.converter
    return schema.__name__, {**converter.schema2jsonschema(schema()), **beside}


def _entry(field: Field, required: str) -> fields.Field[Any]:
    length = validate.Length(max=field.max_length, error=f"must have at most {field.max_length:,} characters")
    present = validate.Length(min=1, error=required)
    return Words(
        required=field.required,
        validate=[present, length] if field.required else [length],
        error_messages={"required": required, "null": required if field.required else "must be a string"},
        metadata={
            "title": field.label,
            "description": field.help,
            **({"enum": list(field.allowed)} if field.allowed else {}),
            **({"format": "password", "writeOnly": True} if field.secret else {}),
        },
    )


def _errors(schema: type[Schema], data: object, path: str) -> Errors:
    try:
        schema().load(data)  # type: ignore[arg-type]  # what is no object is refused by the schema itself
    except ValidationError as error:
        found: Errors = {}
        for where, ending in islice(_sentences(path, error.messages), _ERRORS_AT_MOST):
            found.setdefault(where, []).append(f"{where} {ending}")
        return found
    return {}


def _sentences(path: str, messages: Any) -> Iterator[tuple[str, str]]:
    """Each message with its path; what a schema says about the whole stands at the path of the whole."""
    if isinstance(messages, list):
        yield from ((path, message) for message in messages)
        return
    for name, inner in messages.items():
        yield from _sentences(path if name == "_schema" else f"{path}.{str(name)[:_NAME_AT_MOST]}", inner)


def _title(name: str) -> str:
    return "".join(word.title() for word in name.split("_"))
