"""The shape of an address on a resource, in what a session or a static rule shows."""

from marshmallow import fields

from api.schemas import Body, Moment, Whole
from api.targets.service import APPLIED, FAILED, PENDING, REMOVED, REMOVING

_APPLIED_AT = "2026-02-18T12:30:00Z"
_RESOURCE_ID = "550e8400-e29b-41d4-a716-446655440000"
_RULE_ID = "sgr-0123456789abcdef0"


class ShownResourceIp(Body):
    """An address on a resource, and what became of it."""

    id = fields.UUID(metadata={"description": "Names it", "example": "6a1c0d6e-46f4-4d6e-8f57-1c1c0f1b8a22"})
    resource_id = fields.UUID(metadata={"description": "The resource", "example": _RESOURCE_ID})
    resource_name = fields.String(
        metadata={"description": "The resource's name when it was asked for", "example": "Production API Gateway"}
    )
    ip_version = Whole(metadata={"description": "4 or 6", "enum": [4, 6], "example": 4})
    ip_address = fields.String(metadata={"description": "The address, or the network", "example": "203.0.113.7"})
    status = fields.String(
        metadata={
            "description": "PENDING: not seen in the cloud yet. FAILED: see errorMessage. REMOVED: gone, or it stays "
            "for keptBy",
            "enum": [PENDING, APPLIED, FAILED, REMOVING, REMOVED],
            "example": "APPLIED",
        }
    )
    provider_rule_id = fields.String(
        allow_none=True, metadata={"description": "The cloud's own name for the rule", "example": _RULE_ID}
    )
    applied_at = Moment(
        allow_none=True, metadata={"description": "When it was first seen in the cloud (UTC)", "example": _APPLIED_AT}
    )
    removed_at = Moment(allow_none=True, metadata={"description": "When it was seen to be gone (UTC)"})
    error_message = fields.String(allow_none=True, metadata={"description": "What is wrong, the cloud's code first"})
    kept_by = fields.UUID(
        allow_none=True, metadata={"description": "The session or static rule that the same rule stays for"}
    )
    overdue_since = Moment(
        allow_none=True, metadata={"description": "Since when it should be gone, where the cloud does not let it go"}
    )
