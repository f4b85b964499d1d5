"""The audit trail's one way in: a row in the transaction of what it tells of."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.actor import Actor
from api.audit_log.models import AuditEntry
from api.database import current_time, database


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
    if not database.in_transaction():
        raise RuntimeError("an audit row belongs in the transaction of what it tells of")
    AuditEntry.insert(
        id=uuid.uuid4(),
        organisation_id=actor.organisation_id,
        event_type=event_type,
        actor_type=actor.kind,
        actor_email=actor.email,
        ip_address=actor.ip_address,
        resource_type=subject.kind if subject else None,
        resource_id=str(subject.id) if subject else None,
        resource_name=subject.name if subject else None,
        result="FAILURE" if error else "SUCCESS",
        error_message=error,
        details=details,
        request_id=actor.request_id,
        created_at=current_time(),
    ).execute()
