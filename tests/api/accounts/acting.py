"""Acting without the API between: who asks a service, and what the trail then tells."""

import uuid
from collections.abc import Iterable
from typing import Any

from api.accounts import service as accounts
from api.accounts.models import ApiKey, Organisation, User
from api.accounts.service import organisations
from api.actor import Actor
from api.audit_log.models import AuditEntry
from api.database import current_time, write
from api.secret import Secret

PASSWORD = Secret.of_text("correct horse battery staple")


def administrator(email: str = "ada@example.com", organisation: str = "Acme") -> User:
    """An administrator of the organisation, which is made if need be."""
    return accounts.add_administrator(email, PASSWORD, organisation, "PAID")


def as_user(user: User, **more: Any) -> Actor:
    """That person, signed in."""
    known: dict[str, Any] = {"email": user.email, "user_id": user.id, "name": user.name, "role": user.role}
    return Actor("USER", user.organisation_id, f"user:{user.id}", **{**known, **more})


def as_key(user: User, *scopes: str, key_id: uuid.UUID | None = None, of_user: bool = False) -> Actor:
    """A key of the person's organisation, or of the person, with these scopes. It is made if no other is named."""
    owner = user.id if of_user else None
    key_id = key_id or _made_key(user.organisation_id, owner, scopes)
    return Actor(
        "API_KEY",
        user.organisation_id,
        f"key:{key_id}",
        email="CI",
        user_id=owner,
        role=user.role if of_user else None,
        scopes=frozenset(scopes),
        key_id=key_id,
    )


def another_organisation(name: str = "Other") -> Organisation:
    return organisations.create_organisation(Actor.system(None), name, "PAID")


def events(event_type: str | None = None) -> list[AuditEntry]:
    """The trail, the first event first."""
    query = AuditEntry.select().order_by(AuditEntry.position)
    return list(query if event_type is None else query.where(AuditEntry.event_type == event_type))


def told(event: AuditEntry) -> dict[str, Any]:
    """All that an event tells but for its own id, place and time."""
    left_out = ("id", "position", "created_at")
    return {name: value for name, value in event.__data__.items() if name not in left_out and value is not None}


def tells(actor: Actor, event_type: str, subject: tuple[str, object, str] | None, **more: Any) -> dict[str, Any]:
    """What the event of a deed of `actor` is to tell."""
    kind, subject_id, name = subject or (None, None, None)
    said = {
        "organisation_id": actor.organisation_id,
        "event_type": event_type,
        "actor_type": actor.kind,
        "actor_email": actor.email,
        "ip_address": actor.ip_address,
        "request_id": actor.request_id,
        "resource_type": kind,
        "resource_id": None if subject_id is None else str(subject_id),
        "resource_name": name,
        "result": "SUCCESS",
        **more,
    }
    return {name: value for name, value in said.items() if value is not None}


def columns(row: Any) -> dict[str, Any]:
    """The row as the database has it now."""
    return dict(type(row).get_by_id(row.id).__data__)


def _made_key(organisation_id: uuid.UUID, user_id: uuid.UUID | None, scopes: Iterable[str]) -> uuid.UUID:
    """A key that nobody knows the text of, and that the trail tells nothing of."""
    with write():
        key = ApiKey.create(
            organisation_id=organisation_id,
            user_id=user_id,
            created_by="",
            name="CI",
            key_prefix="egk_00000000",
            key_hash=uuid.uuid4().bytes,
            scopes=sorted(scopes),
            created_at=current_time(),
        )
    return key.id
