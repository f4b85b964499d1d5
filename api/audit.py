"""The audit trail's one way in: a row in the transaction of what it tells of."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.actor import Actor
from api.audit_log.models import AuditEntry
from api.database import database, insert_all, now


@dataclass(frozen=True, slots=True)
class Subject:
    """What an event is about: kind (CREDENTIAL, RESOURCE, USER, …), id and the name that people know it by."""

    kind: str
    id: uuid.UUID | str
    name: str


def record(
    actor: Actor,
    event_type: str,
    subject: Subject | None = None,
    *,
    error: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write down what `actor` did; FAILURE where there is an `error`.

    Inside `write`, so that neither is there without the other. `details` says what changed, by
    name; it never holds a secret.
    """
    _write([_row(actor, event_type, subject, error, details)])


def record_each(
    actor: Actor, event_type: str, subjects: Iterable[Subject], *, details: Mapping[str, Any] | None = None
) -> None:
    """Write down what `actor` did with each of them. Inside `write`."""
    _write([_row(actor, event_type, subject, None, details) for subject in subjects])


def _write(rows: Sequence[Mapping[str, Any]]) -> None:
    if not database.in_transaction():
        raise RuntimeError("an audit row belongs in the transaction of what it tells of")
    insert_all(AuditEntry, rows)


def _row(
    actor: Actor, event_type: str, subject: Subject | None, error: str | None, details: Mapping[str, Any] | None
) -> dict[str, Any]:
    return {
        "id": uuid.uuid4(),
        "organisation_id": actor.organisation_id,
        "event_type": event_type,
        "actor_type": actor.kind,
        "actor_email": actor.email,
        "ip_address": actor.ip_address,
        "resource_type": subject.kind if subject else None,
        "resource_id": str(subject.id) if subject else None,
        "resource_name": subject.name if subject else None,
        "result": "FAILURE" if error else "SUCCESS",
        "error_message": error,
        "details": details,
        "request_id": actor.request_id,
        "created_at": now(),
    }
