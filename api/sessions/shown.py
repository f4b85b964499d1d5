"""A session as its user sees it: with what became of each address on each resource."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_network

from api.database import current_time
from api.due import STUCK_SECONDS
from api.network import plainly
from api.sessions.models import Session
from api.targets import service as targets
from api.targets.models import Grant


@dataclass(frozen=True, slots=True)
class ResourceIp:
    """An address on a resource. overdue_since: it should be gone since then, and the cloud has not let it go."""

    id: uuid.UUID
    resource_id: uuid.UUID
    resource_name: str
    ip_version: int
    ip_address: str
    status: str
    provider_rule_id: str | None
    applied_at: datetime | None
    removed_at: datetime | None
    error_message: str | None
    kept_by: uuid.UUID | None
    overdue_since: datetime | None


@dataclass(frozen=True, slots=True)
class Overview:
    """A session with its addresses on its resources, those that are gone among them."""

    session: Session
    resource_ips: Sequence[ResourceIp]


def overview(session: Session) -> Overview:
    """One session, as it is now."""
    return overviews([session])[0]


def overviews(sessions: Sequence[Session]) -> list[Overview]:
    """The sessions in their order, as they are now."""
    moment = current_time()
    grants = targets.grants_of(session.id for session in sessions)
    return [Overview(session, [_seen(grant, moment) for grant in grants[session.id]]) for session in sessions]


def _seen(grant: Grant, moment: datetime) -> ResourceIp:
    network = ip_network(grant.address)
    return ResourceIp(
        id=grant.id,
        resource_id=grant.resource_id,
        resource_name=grant.resource_name,
        ip_version=network.version,
        ip_address=plainly(network),
        status=grant.status,
        provider_rule_id=grant.provider_rule_id,
        applied_at=grant.applied_at,
        removed_at=grant.removed_at,
        error_message=grant.error,
        kept_by=grant.kept_by,
        overdue_since=_overdue_since(grant, moment),
    )


def _overdue_since(grant: Grant, moment: datetime) -> datetime | None:
    if grant.status != targets.REMOVING or grant.ended_at is None:
        return None
    return grant.ended_at if moment - grant.ended_at >= timedelta(seconds=STUCK_SECONDS) else None
