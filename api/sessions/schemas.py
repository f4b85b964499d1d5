"""The shapes of the sessions' requests and answers."""

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validate

from api.errors import InvalidInput
from api.network import Network, parse_network
from api.paging import NewestPageArguments
from api.schemas import Body, Moment, Number, Text, Whole
from api.sessions.addresses import WantedAddresses
from api.sessions.allowance import WantedDuration
from api.sessions.service import STATUSES, SessionFilter
from api.sessions.starting import NewSessionFields
from api.targets.schemas import ShownResourceIp

_ID = "3d3c1b1e-6f0a-4c3b-9f0e-2f6f1c9f4a51"
_RESOURCE_ID = "550e8400-e29b-41d4-a716-446655440000"
_USER_ID = "9a1f6c1e-7a55-4be4-8a3c-5d0b7c2e9f10"
_STARTED, _ENDS = "2026-02-18T12:30:00Z", "2026-02-18T14:30:00Z"
_PROOF = f"v1.1771417800.cb007107.{'0' * 64}"
_LONGEST_PROOF = 160
_YEAR_IN_HOURS = 365 * 24
ENDED_REASONS = (
    *("EXPIRED", "MANUAL", "USER_DEACTIVATED", "ROLE_REMOVED"),
    *("RESOURCE_CHANGED", "RESOURCE_DELETED", "CREDENTIAL_DELETED", "ORGANIZATION_SUSPENDED"),
)


class AddressOrNetwork(fields.String):
    """An address of one IP version, or a network with no bits set behind its prefix."""

    def __init__(self, version: int, example: str, **options: Any) -> None:
        described = {"description": f"The IPv{version} address to let in; null or left out: see the operation"}
        super().__init__(
            validate=validate.Length(1, 64), allow_none=True, metadata={**described, "example": example}, **options
        )
        self._version = version

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        written = super()._deserialize(value, attr, data, **kwargs)
        network = _network_or_none(written)
        if network is None or network.version != self._version:
            raise ValidationError(f"Must be an IPv{self._version} address, or a network of such.")
        return network

    def _validate(self, value: Any) -> None:
        """What is read is no text any more."""
        super()._validate(str(value))


class WantedAddressesBody(Body):
    """From where somebody is to be let in: what is left out is the caller's own address."""

    target: ClassVar[type] = WantedAddresses

    ipv4_address = AddressOrNetwork(4, "203.0.113.7")
    ipv6_address = AddressOrNetwork(6, "2001:db8::7")
    proofs = fields.List(
        fields.String(validate=validate.Length(1, _LONGEST_PROOF)),
        validate=validate.Length(max=2),
        allow_none=True,
        metadata={"description": "Proofs from GET /detect-ip, one of each IP version", "example": [_PROOF]},
    )


class WantedDurationBody(Body):
    """How long: hours or minutes, not both."""

    target: ClassVar[type] = WantedDuration

    duration_hours = Number(
        validate=validate.Range(min=0, min_inclusive=False, max=_YEAR_IN_HOURS),
        allow_none=True,
        metadata={"description": "How long, in hours, such as 1.5", "exclusiveMinimum": 0},
    )
    duration_minutes = Number(
        validate=validate.Range(min=0, min_inclusive=False, max=_YEAR_IN_HOURS * 60),
        allow_none=True,
        metadata={"description": "How long, in minutes", "exclusiveMinimum": 0, "example": 90},
    )


class NewSession(WantedAddressesBody, WantedDurationBody):
    """A session to start. All of it may be left out."""

    target: ClassVar[type] = NewSessionFields

    resource_ids = fields.List(
        fields.String(validate=validate.Length(1, 64)),
        validate=validate.Length(1, 500),
        allow_none=True,
        metadata={"description": "What to open; null or left out: all that you may open", "example": [_RESOURCE_ID]},
    )
    reason = Text(
        validate=validate.Length(1, 500),
        allow_none=True,
        metadata={"description": "What it is for; the audit trail keeps it", "example": "TICKET-421"},
    )


class SessionParameters(NewestPageArguments):
    """The query of GET /sessions."""

    target = SessionFilter

    status = fields.String(
        validate=validate.OneOf(STATUSES), metadata={"description": "Only sessions in this state, such as ACTIVE"}
    )


class ShownSession(Body):
    """A session."""

    id = fields.UUID(attribute="session.id", metadata={"description": "Unique session identifier", "example": _ID})
    user_id = fields.UUID(
        attribute="session.user_id",
        allow_none=True,
        metadata={"description": "Whose it is; null for a key of the organization", "example": _USER_ID},
    )
    user_name = fields.String(
        attribute="session.user_name", metadata={"description": "Their name, or the key's", "example": "Ana Horvat"}
    )
    user_email = fields.String(
        attribute="session.user_email",
        metadata={"description": "Their e-mail address, or the key's name", "example": "ana@example.com"},
    )
    ipv4_address = fields.String(
        attribute="session.ipv4_address",
        allow_none=True,
        metadata={"description": "From where, by IPv4", "example": "203.0.113.7"},
    )
    ipv6_address = fields.String(
        attribute="session.ipv6_address", allow_none=True, metadata={"description": "From where, by IPv6"}
    )
    status = fields.String(
        attribute="session.status",
        metadata={
            "description": "PENDING: no address was seen on any resource yet. ACTIVE: each was on every one. PARTIAL: "
            "some were, resourceIps tells which. FAILED: none can be, resourceIps tells why; it is tried again when "
            "the cause is mended. EXPIRING: it is over, and its rules are being removed. EXPIRED, CANCELLED: they are "
            "gone; its time was up, or it ended before that, endedReason tells why",
            "enum": list(STATUSES),
            "example": "ACTIVE",
        },
    )
    started_at = Moment(
        attribute="session.started_at",
        allow_none=True,
        metadata={"description": "When its first rule was seen in a cloud (UTC)", "example": _STARTED},
    )
    expires_at = Moment(
        attribute="session.expires_at", metadata={"description": "When it ends by itself (UTC)", "example": _ENDS}
    )
    ended_at = Moment(
        attribute="session.ended_at", allow_none=True, metadata={"description": "When it was over (UTC); else null"}
    )
    ended_reason = fields.String(
        attribute="session.ended_reason",
        allow_none=True,
        metadata={"description": f"Why it was over: {', '.join(ENDED_REASONS)}"},
    )
    reason = fields.String(
        attribute="session.reason", allow_none=True, metadata={"description": "What it is for", "example": "TICKET-421"}
    )
    created_at = Moment(
        attribute="session.created_at", metadata={"description": "When it was asked for (UTC)", "example": _STARTED}
    )
    resource_ips = fields.List(
        fields.Nested(ShownResourceIp), metadata={"description": "Each address on each resource, the oldest first"}
    )
    revision = Whole(
        attribute="session.revision",
        metadata={"description": "Moves with every change that a caller makes", "example": 1},
    )


class ShownOpenable(Body):
    """A resource that the caller may open."""

    id = fields.UUID(
        attribute="resource.id",
        metadata={"description": "For `resourceIds` of POST /sessions", "example": _RESOURCE_ID},
    )
    name = fields.String(
        attribute="resource.name",
        metadata={"description": "Human-readable resource name; several may have one", "example": "Web servers"},
    )
    provider = fields.String(attribute="resource.provider", metadata={"description": "Its cloud", "example": "AWS"})
    is_active = fields.Boolean(
        attribute="resource.is_active",
        metadata={"description": "Whether a valid credential has seen it", "example": True},
    )
    max_duration_minutes = Whole(
        attribute="longest_minutes",
        metadata={"description": "How long a session of yours on it may last, in minutes", "example": 480},
    )
    obstacle = fields.String(
        allow_none=True, metadata={"description": "Why it cannot be opened now; null where it can", "example": None}
    )


class ShownAddress(Body):
    """An address that the server has seen."""

    ip = fields.String(metadata={"description": "Where the request came from", "example": "203.0.113.7"})
    version = Whole(metadata={"description": "4 or 6", "enum": [4, 6], "example": 4})
    timestamp = Moment(metadata={"description": "When (UTC)", "example": _STARTED})
    proof = fields.String(
        metadata={"description": "For `proofs` of POST /sessions: good for 60 s, for you alone", "example": _PROOF}
    )


def _network_or_none(written: str) -> Network | None:
    try:
        return parse_network(written)
    except InvalidInput:
        return None
