"""Reading the audit trail. It is written by `audit.record` alone."""

import csv
import io
import json
import uuid
from collections.abc import Iterator
from typing import Any

from api.audit_log.models import AuditEntry
from api.audit_log.schemas import AuditFilter, ShownEvent
from api.database import connection
from api.paging import Listing, newest_first

_COLUMNS = list(ShownEvent().dump_fields)
_PORTION = 500


def listed(organisation_id: uuid.UUID, wanted: AuditFilter) -> Listing[AuditEntry]:
    """The organisation's events that match, the last one first."""
    return newest_first(_matching(organisation_id, wanted), wanted, AuditEntry.position)


def as_json_lines(organisation_id: uuid.UUID, wanted: AuditFilter) -> Iterator[str]:
    """Every event that matches as one JSON object a line, the first one first."""
    for event in _all(organisation_id, wanted):
        yield json.dumps(event) + "\n"


def as_csv(organisation_id: uuid.UUID, wanted: AuditFilter) -> Iterator[str]:
    """Every event that matches as CSV (RFC 4180) under a row of names, the first one first."""
    yield _row([ShownEvent().fields[name].data_key or name for name in _COLUMNS])
    for event in _all(organisation_id, wanted):
        yield _row([_cell(value) for value in event.values()])


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


def _all(organisation_id: uuid.UUID, wanted: AuditFilter) -> Iterator[dict[str, Any]]:
    """In portions, so that no export holds the trail in memory or a connection between portions."""
    after = 0
    while True:
        with connection():
            portion = list(
                _matching(organisation_id, wanted)
                .where(AuditEntry.position > after)
                .order_by(AuditEntry.position)
                .limit(_PORTION)
            )
        yield from ShownEvent(many=True).dump(portion)
        if len(portion) < _PORTION:
            return
        after = portion[-1].position


def _cell(value: Any) -> str:
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value)
    # A spreadsheet takes such a cell for a formula (OWASP, CSV injection).
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _row(cells: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
