"""The shapes of the roles' requests and answers."""

from typing import ClassVar

from marshmallow import fields, validate

from api.roles.service import NewRoleFields
from api.schemas import Body, Moment, Text, Whole

EXAMPLE_ID = "b5c0e2a4-90de-4d18-8b7e-6d3a1f0c5e21"
_RESOURCE_ID = "550e8400-e29b-41d4-a716-446655440000"
_USER_ID = "3f8c1f0e-6b7a-4a51-9d7e-0c5b7f2a9e11"
_KEY_ID = "9c1d2e3f-4a5b-4c6d-8e7f-0a1b2c3d4e5f"
_TIME = "2026-02-18T10:00:00Z"
_MOST_HOURS = 24


def _name(*, required: bool) -> Text:
    return Text(
        required=required,
        validate=validate.Length(1, 255),
        metadata={"description": "The role's name, which no other role has", "example": "On call"},
    )


def _description() -> Text:
    return Text(
        validate=validate.Length(1, 1000),
        allow_none=True,
        metadata={"description": "What it is for", "example": "Whoever answers the phone this week"},
    )


def _hours() -> Whole:
    return Whole(
        attribute="max_session_hours",
        validate=validate.Range(1, _MOST_HOURS),
        allow_none=True,
        metadata={"description": "The longest session on its resources, in hours; null: the tier's", "example": 8},
    )


class NewRole(Body):
    """A role to add."""

    target: ClassVar[type] = NewRoleFields

    name = _name(required=True)
    description = _description()
    max_session_duration_hours = _hours()


class ChangedRole(Body):
    """What to change; a key that is left out stays, `null` takes a value away."""

    name = _name(required=False)
    description = _description()
    max_session_duration_hours = _hours()


class ShownRole(Body):
    """A role: which resources may be opened by it, by whom, and for how long."""

    id = fields.UUID(attribute="role.id", metadata={"description": "Names the role", "example": EXAMPLE_ID})
    name = fields.String(attribute="role.name", metadata={"description": "The role's name", "example": "On call"})
    description = fields.String(
        attribute="role.description", allow_none=True, metadata={"description": "What it is for"}
    )
    max_session_duration_hours = Whole(
        attribute="role.max_session_hours",
        allow_none=True,
        metadata={"description": "The longest session on its resources, in hours; null: the tier's", "example": 8},
    )
    resource_ids = fields.List(
        fields.UUID(), metadata={"description": "The resources that it opens", "example": [_RESOURCE_ID]}
    )
    user_ids = fields.List(fields.UUID(), metadata={"description": "The users who have it", "example": [_USER_ID]})
    api_key_ids = fields.List(
        fields.UUID(), metadata={"description": "The organization's API keys that have it", "example": [_KEY_ID]}
    )
    created_at = Moment(
        attribute="role.created_at", metadata={"description": "When it was added (UTC)", "example": _TIME}
    )
    updated_at = Moment(
        attribute="role.updated_at", metadata={"description": "When it was last changed (UTC)", "example": _TIME}
    )
    revision = Whole(
        attribute="role.revision", metadata={"description": "Counts the changes; the ETag is made of it", "example": 1}
    )
