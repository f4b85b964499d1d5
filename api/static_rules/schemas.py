"""The shapes of the static rules' requests and answers."""

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validate

from api.errors import InvalidInput
from api.network import parse_network
from api.schemas import Body, Moment, Text, Whole
from api.static_rules.service import NewStaticRuleFields
from api.targets.schemas import ShownResourceIp

EXAMPLE_ID = "0e4f8b9c-2d31-4c57-8a6f-3b1d7e5c9a40"
_RESOURCE_ID = "550e8400-e29b-41d4-a716-446655440000"
_TIME = "2026-02-18T10:00:00Z"
_ENDS = "2027-02-18T10:00:00Z"
_LATEST = "until when (UTC); null: until somebody says otherwise"


class AddressOrNetwork(fields.String):
    """An address of either IP version, or a network with no bits set behind its prefix."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        try:
            return parse_network(super()._deserialize(value, attr, data, **kwargs))
        except InvalidInput as refusal:
            raise ValidationError(refusal.message) from None

    def _validate(self, value: Any) -> None:
        """What is read is no text any more."""
        super()._validate(str(value))


def _label(*, required: bool) -> Text:
    return Text(
        required=required,
        validate=validate.Length(1, 255),
        metadata={"description": "Whose address it is", "example": "Office in Zagreb"},
    )


def _ip_address(*, required: bool) -> AddressOrNetwork:
    return AddressOrNetwork(
        required=required,
        validate=validate.Length(1, 64),
        metadata={"description": "A public address, or a network of such", "example": "203.0.113.0/28"},
    )


def _resource_ids(*, required: bool) -> fields.Field[Any]:
    return fields.List(
        fields.String(validate=validate.Length(1, 64)),
        required=required,
        validate=validate.Length(1, 500),
        metadata={"description": "The resources that let it in", "example": [_RESOURCE_ID]},
    )


def _expires_at() -> Moment:
    return Moment(allow_none=True, metadata={"description": f"Let in {_LATEST}", "example": _ENDS})


class NewStaticRule(Body):
    """A static rule to add."""

    target: ClassVar[type] = NewStaticRuleFields

    label = _label(required=True)
    ip_address = _ip_address(required=True)
    resource_ids = _resource_ids(required=True)
    expires_at = _expires_at()


class ChangedStaticRule(Body):
    """What to change; a key that is left out stays, `null` takes the end away."""

    label = _label(required=False)
    ip_address = _ip_address(required=False)
    resource_ids = _resource_ids(required=False)
    expires_at = _expires_at()


class ShownStaticRule(Body):
    """A static rule, with what became of its address on each resource."""

    id = fields.UUID(attribute="rule.id", metadata={"description": "Names the static rule", "example": EXAMPLE_ID})
    label = fields.String(
        attribute="rule.label", metadata={"description": "Whose address it is", "example": "Office in Zagreb"}
    )
    ip_address = fields.String(
        attribute="rule.ip_address",
        metadata={"description": "The address, or the network", "example": "203.0.113.0/28"},
    )
    resource_ids = fields.List(
        fields.UUID(), metadata={"description": "The resources that let it in", "example": [_RESOURCE_ID]}
    )
    resource_ips = fields.List(
        fields.Nested(ShownResourceIp),
        metadata={"description": "What became of it on each resource, and what is being removed; the oldest first"},
    )
    expires_at = Moment(
        attribute="rule.expires_at", allow_none=True, metadata={"description": f"Let in {_LATEST}", "example": _ENDS}
    )
    created_at = Moment(
        attribute="rule.created_at", metadata={"description": "When it was added (UTC)", "example": _TIME}
    )
    updated_at = Moment(
        attribute="rule.updated_at", metadata={"description": "When it was last changed (UTC)", "example": _TIME}
    )
    deleting_since = Moment(
        attribute="rule.deleting_since",
        allow_none=True,
        metadata={"description": "Since when it is being deleted; else null"},
    )
    revision = Whole(
        attribute="rule.revision",
        metadata={"description": "Moves with every change that a caller makes", "example": 1},
    )
