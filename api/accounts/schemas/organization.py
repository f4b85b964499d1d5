"""The organization, and who one is in it."""

from typing import Any

from marshmallow import fields, post_dump, validate

from api.accounts.schemas.people import EXAMPLE_ID
from api.accounts.service.organisations import OrganisationChange
from api.schemas import Body, Moment, Text, Whole

_TIME = "2026-02-18T10:00:00Z"


# The smallest networks that are routed by themselves: what is wider may be several customers'.
_WIDEST_IPV4, _WIDEST_IPV6 = 24, 48
_WIDEST_IPV4_TOLD = "The shortest IPv4 prefix that a session may be for; 32: single addresses only"
_WIDEST_IPV6_TOLD = "The shortest IPv6 prefix that a session may be for; 128: single addresses only"


class OrganizationChangeBody(Body):
    """What to change of the organization; what is left out stays."""

    target = OrganisationChange

    name = Text(validate=validate.Length(1, 200), metadata={"description": "Its name", "example": "Acme Ltd"})
    widest_ipv4_prefix = Whole(
        validate=validate.Range(_WIDEST_IPV4, 32), metadata={"description": _WIDEST_IPV4_TOLD, "example": 32}
    )
    widest_ipv6_prefix = Whole(
        validate=validate.Range(_WIDEST_IPV6, 128), metadata={"description": _WIDEST_IPV6_TOLD, "example": 64}
    )


class ShownLimits(Body):
    """What the tier allows."""

    resources = Whole(
        metadata={"description": "Resources at most; null: any number", "example": 3, "type": ["integer", "null"]}
    )
    session_minutes = Whole(metadata={"description": "The longest session, in minutes", "example": 120})
    sessions_per_user = Whole(metadata={"description": "Sessions that a user may have open at once", "example": 1})


class ShownUsage(Body):
    """What the organization has."""

    users = Whole(metadata={"description": "Active users", "example": 4})
    api_keys = Whole(metadata={"description": "API keys that are neither revoked nor expired", "example": 1})
    credentials = Whole(metadata={"description": "Cloud credentials", "example": 1})
    resources = Whole(metadata={"description": "Cloud resources", "example": 2})


class ShownOrganization(Body):
    """An organization."""

    id = fields.UUID(attribute="organisation.id", metadata={"description": "Names it", "example": EXAMPLE_ID})
    slug = fields.String(
        attribute="organisation.slug", metadata={"description": "Its short name at sign-in", "example": "acme"}
    )
    name = fields.String(attribute="organisation.name", metadata={"description": "Its name", "example": "Acme Ltd"})
    tier = fields.String(
        attribute="organisation.tier",
        metadata={"description": "What it may use", "enum": ["FREE", "PAID"], "example": "FREE"},
    )
    widest_ipv4_prefix = Whole(
        attribute="organisation.widest_ipv4_prefix", metadata={"description": _WIDEST_IPV4_TOLD, "example": 32}
    )
    widest_ipv6_prefix = Whole(
        attribute="organisation.widest_ipv6_prefix", metadata={"description": _WIDEST_IPV6_TOLD, "example": 64}
    )
    limits = fields.Nested(ShownLimits, metadata={"description": "The limits in force"})
    usage = fields.Nested(ShownUsage, metadata={"description": "How much of them is used"})
    created_at = Moment(
        attribute="organisation.created_at", metadata={"description": "When it was made (UTC)", "example": _TIME}
    )
    updated_at = Moment(
        attribute="organisation.updated_at",
        metadata={"description": "When it was last changed (UTC)", "example": _TIME},
    )
    revision = Whole(
        attribute="organisation.revision",
        metadata={"description": "Counts the changes; the ETag is made of it", "example": 1},
    )


class ShownCaller(Body):
    """Who asks: a person, or an API key."""

    id = fields.UUID(
        attribute="user_id",
        metadata={
            "description": "The user; null for a key of the organization",
            "example": EXAMPLE_ID,
            "type": ["string", "null"],
        },
    )
    actor_type = fields.String(
        attribute="kind", metadata={"description": "What asks", "enum": ["USER", "API_KEY"], "example": "USER"}
    )
    email = fields.String(
        metadata={
            "description": "The person's address; the name of a key of the organization",
            "example": "ana@example.com",
        }
    )
    name = fields.String(metadata={"description": "The person's or the key's name", "example": "Ana Horvat"})
    role = fields.String(
        metadata={
            "description": "The person's role; null for a key of the organization",
            "example": "ORG_ADMIN",
            "type": ["string", "null"],
        }
    )
    scopes = fields.List(
        fields.String(),
        metadata={
            "description": "What a key may do; null for a person, whose role tells it",
            "example": None,
            "type": ["array", "null"],
        },
    )
    organization_id = fields.UUID(
        attribute="organisation_id", metadata={"description": "Their organization", "example": EXAMPLE_ID}
    )
    tier = fields.String(
        metadata={"description": "The organization's tier", "enum": ["FREE", "PAID"], "example": "FREE"}
    )

    @post_dump
    def in_order(self, shown: dict[str, Any], **_: Any) -> dict[str, Any]:
        """The same request is answered alike each time: a set of scopes has no order."""
        return {**shown, "scopes": shown["scopes"] and sorted(shown["scopes"])}
