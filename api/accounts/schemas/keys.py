"""API keys."""

from typing import Any

from marshmallow import fields, validate

from api.access import SCOPES
from api.accounts.schemas.people import EXAMPLE_ID
from api.accounts.schemas.typed import Cidr
from api.accounts.service.api_keys import ORGANIZATION, USER, MadeApiKey, NewApiKey
from api.schemas import Body, Moment, Text

_PREFIX = "egk_4f9a01c2"
_TIME = "2026-02-18T10:00:00Z"
_BELONGS_TO = "USER: ends with the user who made it. ORGANIZATION: outlives its maker"
_CIDRS = "The networks that it may be used from; null: any"


class NewApiKeyBody(Body):
    """A key to make."""

    target = NewApiKey

    name = Text(
        required=True,
        validate=validate.Length(1, 200),
        metadata={"description": "What it is for", "example": "Pulumi CI"},
    )
    scopes = fields.List(
        fields.String(validate=validate.OneOf(sorted(SCOPES))),
        required=True,
        validate=validate.Length(1, len(SCOPES)),
        metadata={"description": "What it may do", "example": ["credentials:read", "credentials:write"]},
    )
    belongs_to = fields.String(
        validate=validate.OneOf([USER, ORGANIZATION]),
        metadata={"description": f"{_BELONGS_TO}. Default: USER", "example": ORGANIZATION},
    )
    expires_at = Moment(
        allow_none=True, metadata={"description": "When it ends (UTC); null: never", "example": "2027-02-18T10:00:00Z"}
    )
    allowed_cidrs = fields.List(
        Cidr(),
        allow_none=True,
        validate=validate.Length(1, 50),
        metadata={"description": _CIDRS, "example": ["203.0.113.0/24"]},
    )


class ShownApiKey(Body):
    """An API key, without its text."""

    id = fields.UUID(metadata={"description": "Names the key", "example": EXAMPLE_ID})
    name = fields.String(metadata={"description": "What it is for", "example": "Pulumi CI"})
    key_prefix = fields.String(metadata={"description": "How its text begins", "example": _PREFIX})
    scopes = fields.List(
        fields.String(),
        metadata={"description": "What it may do", "example": ["credentials:read", "credentials:write"]},
    )
    belongs_to = fields.String(
        metadata={"description": _BELONGS_TO, "enum": [USER, ORGANIZATION], "example": ORGANIZATION}
    )
    user_id = fields.UUID(
        metadata={
            "description": "The user that it belongs to; null where it belongs to the organization",
            "example": None,
            "type": ["string", "null"],
        }
    )
    created_by = fields.String(metadata={"description": "Who made it", "example": "ana@example.com"})
    allowed_cidrs = fields.List(
        fields.String(), metadata={"description": _CIDRS, "example": ["203.0.113.0/24"], "type": ["array", "null"]}
    )
    created_at = Moment(metadata={"description": "When it was made (UTC)", "example": _TIME})
    expires_at = Moment(
        metadata={"description": "When it ends (UTC); null: never", "example": None, "type": ["string", "null"]}
    )
    last_used_at = Moment(
        metadata={
            "description": "When it was last used (UTC), to the minute; null: never",
            "example": _TIME,
            "type": ["string", "null"],
        }
    )


class ShownNewApiKey(ShownApiKey):
    """A new API key, with its text."""

    plain_text_key = fields.String(
        metadata={
            "description": "The key's text, sent as `X-API-Key`. Shown this once: only its hash is kept",
            "example": f"{_PREFIX}_…",
        }
    )

    def get_attribute(self, obj: MadeApiKey, attr: str, default: Any) -> Any:
        if attr == "plain_text_key":
            return obj.plain_text
        return super().get_attribute(obj.row, attr, default)
