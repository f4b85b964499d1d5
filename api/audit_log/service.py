"""Reading the audit trail. It is written by `audit.record` alone."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.audit_log.models import AuditEntry
from api.database import connection
from api.paging import Listing, Page, newest_first

_PORTION = 500


@dataclass(frozen=True, slots=True)
class AuditFilter(Page):
    """Which events, and which part of their list."""

    event_type: str | None = None
    actor_email: str | None = None
    earliest: datetime | None = None
    latest: datetime | None = None
    export: str | None = None


def listed(organisation_id: uuid.UUID, wanted: AuditFilter) -> Listing[AuditEntry]:
    """The organisation's events that match, the last one first."""
    return newest_first(_matching(organisation_id, wanted), wanted, AuditEntry.position)


def every(organisation_id: uuid.UUID, wanted: AuditFilter) -> Iterator[AuditEntry]:
    """Every event that matches, the first one first.

    Read in portions, so that no export holds the trail in memory, or a connection between portions.
    """
    after = 0
    while True:
        with connection():
            portion = list(
                _matching(organisation_id, wanted)
                .where(AuditEntry.position > after)
                .order_by(AuditEntry.position)
                .limit(_PORTION)
            )
        yield from portion
        if len(portion) < _PORTION:
            return
        after = portion[-1].position


def _matching(organisation_id: uuid.UUID, wanted: AuditFilter) -> Any:
    query = AuditEntry.select().where(AuditEntry.organisation_id == organisation_id)
    conditions = (
        (wanted.event_type, AuditEntry.event_type == wanted.event_type),
        (wanted.actor_email, AuditEntry.actor_email == wanted.actor_email),
        (wanted.earliest, AuditEntry.created_at >= wanted.earliest),
        (wanted.latest, AuditEntry.created_at < wanted.latest),
    )
    for given, condition in conditions:
        if given is not None:
            query = query.where(condition)
    return query
