"""What became of an address on a resource, as whoever asked for it sees it."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_network

from api.due import STUCK_SECONDS
from api.network import plainly
from api.targets.models import Grant
from api.targets.service import REMOVING


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


def seen(grant: Grant, moment: datetime) -> ResourceIp:
    """The grant as it is shown at this moment."""
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
    if grant.status != REMOVING or grant.ended_at is None:
        return None
    return grant.ended_at if moment - grant.ended_at >= timedelta(seconds=STUCK_SECONDS) else None
