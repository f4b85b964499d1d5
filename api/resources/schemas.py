"""The shapes of the resources' requests and answers (docs/create-resource.txt)."""

from typing import Any, ClassVar

from marshmallow import fields, validate

from api.clouds import CLOUDS
from api.clouds.derive import config_component
from api.resources.service import NewResourceFields
from api.schemas import Body, Moment, Text, Whole

_EXAMPLE_TIME = "2026-02-18T11:00:00Z"
_CREDENTIAL_ID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
LONGEST_SESSION_MINUTES = 24 * 60


def _name(**options: Any) -> Text:
    return Text(
        validate=validate.Length(1, 255),
        metadata={"description": "Human-readable resource name", "example": "Production API Gateway"},
        **options,
    )


def _credential_id(**options: Any) -> fields.String:
    return fields.String(
        validate=validate.Length(1, 64),
        metadata={"description": "ID of existing cloud credential to use", "example": _CREDENTIAL_ID},
        **options,
    )


def _identifier(**options: Any) -> Text:
    return Text(
        validate=validate.Length(1, 512),
        metadata={"description": "Cloud provider's resource ID", "example": "sg-0abc123def456"},
        **options,
    )


def _region() -> Text:
    return Text(
        validate=validate.Length(1, 64),
        allow_none=True,
        metadata={"description": "Cloud region (required for AWS, optional for others)", "example": "eu-central-1"},
    )


def _config() -> fields.Dict:
    return fields.Dict(
        keys=fields.String(),
        error_messages={"invalid": "Must be a JSON object."},
        allow_none=True,
        metadata={
            "description": "What is opened: port, ports or portRange, and protocol; see the provider's schema",
            "example": {"port": 443, "protocol": "tcp"},
            "anyOf": [*_CONFIGS, {"type": "null"}],
        },
    )


_CONFIGS = [
    {"$ref": f"#/components/schemas/{config_component(cloud, resource_type)[0]}"}
    for cloud in CLOUDS.values()
    for resource_type in cloud.resource_types
]


def _max_session_minutes() -> Whole:
    return Whole(
        validate=validate.Range(1, LONGEST_SESSION_MINUTES),
        allow_none=True,
        metadata={"description": "The longest session on it, in minutes; null: the tier's", "example": 120},
    )


class NewResource(Body):
    """A resource to add."""

    target: ClassVar[type] = NewResourceFields

    name = _name(required=True)
    credential_id = _credential_id(required=True)
    provider = fields.String(
        required=True,
        validate=validate.OneOf(list(CLOUDS)),
        metadata={"description": "Cloud provider", "example": "AWS"},
    )
    resource_type = fields.String(
        required=True,
        validate=validate.OneOf([kind for cloud in CLOUDS.values() for kind in cloud.resource_types]),
        metadata={"description": "Type of resource; each provider has its own", "example": "SECURITY_GROUP"},
    )
    resource_identifier = _identifier(required=True)
    region = _region()
    config = _config()
    max_session_minutes = _max_session_minutes()


class ChangedResource(Body):
    """What to change; a key that is left out stays, `null` takes a value away. Provider and type never change."""

    name = _name()
    credential_id = _credential_id()
    resource_identifier = _identifier()
    region = _region()
    config = _config()
    max_session_minutes = _max_session_minutes()


class ShownResource(Body):
    """A resource, and the last verdict about it."""

    id = fields.UUID(
        metadata={"description": "Unique resource identifier", "example": "550e8400-e29b-41d4-a716-446655440000"}
    )
    name = fields.String(metadata={"description": "Human-readable resource name", "example": "Production API Gateway"})
    credential_id = fields.UUID(metadata={"description": "ID of linked cloud credential", "example": _CREDENTIAL_ID})
    credential_name = fields.String(
        metadata={"description": "Name of linked cloud credential", "example": "AWS Production Account"}
    )
    provider = fields.String(metadata={"description": "Cloud provider", "example": "AWS"})
    resource_type = fields.String(metadata={"description": "Type of resource", "example": "SECURITY_GROUP"})
    resource_identifier = fields.String(
        metadata={"description": "Cloud provider's resource ID", "example": "sg-0abc123def456"}
    )
    region = fields.String(allow_none=True, metadata={"description": "Cloud region", "example": "eu-central-1"})
    config = _config()
    is_active = fields.Boolean(
        metadata={"description": "Whether a valid credential has seen it; false until then", "example": True}
    )
    last_verified_at = Moment(
        allow_none=True, metadata={"description": "When the last verdict came", "example": _EXAMPLE_TIME}
    )
    created_at = Moment(metadata={"description": "When it was created", "example": _EXAMPLE_TIME})
    updated_at = Moment(metadata={"description": "When it last changed, verdicts included", "example": _EXAMPLE_TIME})
    verification_error = fields.String(
        allow_none=True, metadata={"description": "Why it is not active, the cloud's code first"}
    )
    max_session_minutes = Whole(
        allow_none=True, metadata={"description": "The longest session on it, in minutes; null: the tier's"}
    )
    deleting_since = Moment(allow_none=True, metadata={"description": "Since when it is being deleted; else null"})
    revision = Whole(metadata={"description": "Moves with every change that a caller makes", "example": 1})
    verified_revision = Whole(
        allow_none=True, metadata={"description": "The revision that the last verdict is about", "example": 1}
    )
