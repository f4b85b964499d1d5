"""What can be done with sessions."""

import uuid
from collections.abc import Collection

import peewee

from api import audit
from api.actor import Actor
from api.database import locked, now
from api.sessions.models import Session
from api.targets import service as targets
from api.targets.models import Grant

EXPIRED = "EXPIRED"


def end(actor: Actor, which: peewee.Node, reason: str) -> None:
    """End the sessions that have not ended, and their grants with them. Inside `write`."""
    live = locked(Session.select().where(which, Session.ended_at.is_null()).order_by(Session.id))
    for session in live:
        Session.update(
            ended_at=now(), ended_reason=reason, due_at=None, wanted_revision=Session.wanted_revision + 1
        ).where(Session.id == session.id).execute()
        targets.end(Grant.session_id == session.id)
        event = "SESSION_EXPIRE" if reason == EXPIRED else "SESSION_STOP"
        audit.record(actor, event, subject(session), details={"reason": reason})
    follow({session.id for session in live})


def follow(session_ids: Collection[uuid.UUID]) -> None:
    """Bring the states of sessions up to date with their grants. Inside `write`."""
    grants = targets.grants_of(session_ids)
    for session in locked(Session.select().where(Session.id.in_(list(session_ids))).order_by(Session.id)):
        status = _status(session, grants[session.id])
        is_first = status in ("ACTIVE", "PARTIAL") and session.started_at is None
        started = {"started_at": now()} if is_first else {}
        Session.update(status=status, **started).where(Session.id == session.id).execute()


def subject(session: Session) -> audit.Subject:
    """How the audit trail names a session."""
    return audit.Subject("SESSION", session.id, session.user_name)


def _status(session: Session, grants: list[Grant]) -> str:
    if session.ended_at is not None:
        if any(grant.status == targets.REMOVING for grant in grants):
            return "EXPIRING"
        return "EXPIRED" if session.ended_reason == EXPIRED else "CANCELLED"
    live = [grant.status for grant in grants if grant.ended_at is None]
    if all(status == targets.APPLIED for status in live):
        return "ACTIVE"
    if targets.APPLIED in live:
        return "PARTIAL"
    return "PENDING" if targets.PENDING in live else "FAILED"
