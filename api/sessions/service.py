"""What becomes of sessions: seen, stopped, ended, and brought up to date with their grants."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import peewee

from api import audit, due
from api.actor import Actor
from api.conditional import check_if_match
from api.database import locked, now, write
from api.due import Claim
from api.errors import Conflict, SessionNotFound
from api.paging import Listing, Page, newest_first
from api.sessions.allowance import is_unlimited
from api.sessions.models import Session
from api.targets import service as targets
from api.targets.models import Grant

EXPIRED, MANUAL = "EXPIRED", "MANUAL"
EXPIRING = "EXPIRING"
STATUSES = ("PENDING", "ACTIVE", "PARTIAL", "FAILED", EXPIRING, "EXPIRED", "CANCELLED")

HAS_ENDED = "The session has ended. Start another one."


@dataclass(frozen=True, slots=True)
class SessionFilter(Page):
    """Which sessions, and which part of their list."""

    status: str | None = None


def of(actor: Actor, session_id: uuid.UUID) -> Session:
    """The session, if it is the caller's, or of the organisation that he administers. Raises SessionNotFound."""
    session: Session | None = _of_caller(actor).where(Session.id == session_id).first()
    if session is None:
        raise SessionNotFound(session_id)
    return session


def listed(actor: Actor, wanted: SessionFilter) -> Listing[Session]:
    """The caller's sessions, or all of the organisation that he administers; the last one first."""
    query = _of_caller(actor)
    return newest_first(query if wanted.status is None else query.where(Session.status == wanted.status), wanted)


def unfinished(actor: Actor, page: Page) -> Listing[Session]:
    """Of the same, those that have not ended, or whose rules are still being removed; the last one first."""
    return newest_first(_of_caller(actor).where(_is_unfinished()), page)


def finished(actor: Actor, page: Page) -> Listing[Session]:
    """Of the same, those of which nothing is left; the last one first."""
    return newest_first(_of_caller(actor).where(~_is_unfinished()), page)


def stop(actor: Actor, session_id: uuid.UUID) -> Session:
    """End a session before its time. Raises SessionNotFound, StaleObject; Conflict where it has ended."""
    with write():
        session = changeable(actor, session_id)
        Session.update(revision=Session.revision + 1).where(Session.id == session.id).execute()
        end(actor, Session.id == session.id, MANUAL)
        return of(actor, session_id)


def changeable(actor: Actor, session_id: uuid.UUID) -> Session:
    """A session that has not ended, locked with the targets of its grants. Inside `write`.

    Raises SessionNotFound, StaleObject, Conflict.
    """
    targets.hold((), Grant.session_id == of(actor, session_id).id)
    session: Session = locked(Session.select().where(Session.id == session_id)).get()
    check_if_match(session.revision)
    if session.ended_at is not None:
        raise Conflict(HAS_ENDED)
    return session


def end(actor: Actor, which: peewee.Node, reason: str) -> None:
    """End the sessions that have not ended, and their grants with them. Inside `write`."""
    live = which & Session.ended_at.is_null()
    found = [session.id for session in Session.select(Session.id).where(live)]
    if not found:
        return
    targets.hold((), Grant.session_id.in_(found))
    ending = list(locked(Session.select().where(Session.id.in_(found), live).order_by(Session.id)))
    ids = [session.id for session in ending]
    over = {"ended_at": now(), "ended_reason": reason, "due_at": None, "wanted_revision": Session.wanted_revision + 1}
    Session.update(**over).where(Session.id.in_(ids)).execute()
    targets.end(Grant.session_id.in_(ids))
    for session in ending:
        _tell_end(actor, session, reason)
    follow(ids)


def end_grants(actor: Actor, which: peewee.Node, reason: str) -> None:
    """End the grants that match and have not ended. A session that has nothing left ends with them. Inside `write`."""
    targets.hold((), which)
    changed = targets.end(which)
    live: Any = Grant.select(Grant.session_id).where(Grant.session_id.in_(list(changed)), Grant.ended_at.is_null())
    left = {grant.session_id for grant in live}
    end(actor, Session.id.in_(list(changed - left)), reason)
    follow(left)


def expire(claim: Claim) -> None:
    """End a claimed session whose time is up, and give the claim back. Raises LostClaim."""
    with write():
        is_up = (Session.id == claim.row_id) & (Session.expires_at <= now())
        end(Actor.system(claim.organisation_id), is_up, EXPIRED)
        due.settle(claim, {}, look_again_seconds=None)


def follow(session_ids: Collection[uuid.UUID]) -> None:
    """Bring the states of sessions up to date with their grants. Inside `write`."""
    following = list(locked(Session.select().where(Session.id.in_(list(session_ids))).order_by(Session.id)))
    # Read once nobody else can change the sessions: two workers that record two targets of one do not see each other's.
    grants = targets.grants_of(session_ids)
    for session in following:
        status = _status(session, grants[session.id])
        is_first = status in ("ACTIVE", "PARTIAL") and session.started_at is None
        started: dict[str, Any] = {"started_at": now()} if is_first else {}
        Session.update(status=status, **started).where(Session.id == session.id).execute()


def subject(session: Session) -> audit.Subject:
    """How the audit trail names a session."""
    return audit.Subject("SESSION", session.id, session.user_name)


def _tell_end(actor: Actor, session: Session, reason: str) -> None:
    if reason == EXPIRED:
        audit.record(actor, "SESSION_EXPIRE", subject(session), details={"endedReason": reason})
    else:
        audit.record(actor, "SESSION_STOP", subject(session), details={"endedReason": reason})


def _of_caller(actor: Actor) -> Any:
    query = Session.select().where(Session.organisation_id == actor.organisation)
    return query if is_unlimited(actor) else query.where(Session.user_id == actor.user_id)


def _is_unfinished() -> Any:
    return Session.ended_at.is_null() | (Session.status == EXPIRING)


def _status(session: Session, grants: Collection[Grant]) -> str:
    if session.ended_at is not None:
        if any(grant.status == targets.REMOVING for grant in grants):
            return EXPIRING
        return "EXPIRED" if session.ended_reason == EXPIRED else "CANCELLED"
    live = {grant.status for grant in grants if grant.ended_at is None}
    if live == {targets.APPLIED}:
        return "ACTIVE"
    if targets.APPLIED in live:
        return "PARTIAL"
    return "PENDING" if targets.PENDING in live else "FAILED"
