"""What becomes of sessions: seen, stopped, ended, and brought up to date with their grants."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import peewee

from api import audit, due
from api.actor import Actor
from api.conditional import check_if_match
from api.database import locked, now, write
from api.due import Claim, Priority
from api.errors import Conflict, SessionNotFound
from api.paging import Listing, Page, newest_first
from api.resources.models import Resource
from api.sessions.allowance import is_unlimited
from api.sessions.models import Session
from api.targets import service as targets
from api.targets.holding import Held
from api.targets.models import Grant

EXPIRED, MANUAL = "EXPIRED", "MANUAL"
EXPIRING = "EXPIRING"
STATUSES = ("PENDING", "ACTIVE", "PARTIAL", "FAILED", EXPIRING, "EXPIRED", "CANCELLED")

HAS_ENDED = "The session has ended. Start another one."
HAS_ENDED_ALREADY = "The session has ended already."


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


def last_of(actor: Actor) -> Session | None:
    """The one that the caller started last, over or not; None where he never did."""
    theirs = (Session.organisation_id == actor.organisation) & (Session.user_id == actor.user_id)
    last: Session | None = Session.select().where(theirs).order_by(Session.created_at.desc(), Session.id.desc()).first()
    return last


def stop(actor: Actor, session_id: uuid.UUID) -> Session:
    """End a session before its time. Raises SessionNotFound, StaleObject; Conflict where it has ended."""
    with write():
        check_changeable(of(actor, session_id), HAS_ENDED_ALREADY)
        held = targets.hold((), Grant.session_id == session_id)
        session = changeable(session_id, HAS_ENDED_ALREADY)
        _end(actor, [session], MANUAL, held, revision=Session.revision + 1)
    return of(actor, session_id)


def changeable(session_id: uuid.UUID, otherwise: str = HAS_ENDED) -> Session:
    """A session that has not ended, locked: whoever changes its grants holds their targets first. Inside `write`.

    otherwise: what he is told of one that has. Raises StaleObject, Conflict.
    """
    session: Session = locked(Session.select().where(Session.id == session_id)).get()
    check_changeable(session, otherwise)
    return session


def check_changeable(session: Session, otherwise: str) -> None:
    """Raises StaleObject, and Conflict where it has ended. Either is for good, so it can be asked before any lock."""
    check_if_match(session.revision)
    if session.ended_at is not None:
        raise Conflict(otherwise)


def end(actor: Actor, which: peewee.Node, reason: str) -> None:
    """End the sessions that have not ended, and their grants with them. Inside `write`."""
    live = which & Session.ended_at.is_null()
    found = [session.id for session in Session.select(Session.id).where(live)]
    if not found:
        return
    held = targets.hold((), Grant.session_id.in_(found))
    ending = list(locked(Session.select().where(Session.id.in_(found), live).order_by(Session.id)))
    _end(actor, ending, reason, held)


def end_grants(actor: Actor, which: peewee.Node, reason: str) -> None:
    """End the grants that match and have not ended. A session that has nothing left ends with them. Inside `write`."""
    held = targets.hold((), which)
    # Two that each end a part of a session must not each see the other's part as left.
    _lock_holders(which)
    changed = targets.end(which, held)
    live: Any = Grant.select(Grant.session_id).where(Grant.session_id.in_(list(changed)), Grant.ended_at.is_null())
    left = {grant.session_id for grant in live}
    end(actor, Session.id.in_(list(changed - left)), reason)
    follow(left)


def try_again(resource: Resource) -> None:
    """Ask anew for what could not be asked for, where it can be by now; sessions follow. Inside `write`."""
    which = targets.failed_on(resource)
    if Grant.select().where(which).exists():
        held = targets.hold([resource])
        _lock_holders(which)
        follow(targets.try_again(resource, held))


def expire(claim: Claim) -> None:
    """End a claimed session whose time is up, and give the claim back. Raises LostClaim."""
    with write():
        is_up = (Session.id == claim.row_id) & (Session.expires_at <= now())
        end(Actor.system(claim.organisation_id), is_up, EXPIRED)
        # No cloud was asked: nothing of a worker that died before is still to land.
        due.settle(replace(claim, late_until=None), {}, look_again_seconds=None)
        # Where the clock has gone back since the claim its end is still to come.
        coming = {"due_at": Session.expires_at, "due_priority": int(Priority.REVOKE)}
        Session.update(coming).where(Session.id == claim.row_id, Session.ended_at.is_null()).execute()


def follow(session_ids: Collection[uuid.UUID]) -> None:
    """Bring the states of sessions up to date with their grants. Inside `write`."""
    if session_ids:
        _write_down(list(locked(Session.select().where(Session.id.in_(list(session_ids))).order_by(Session.id))))


def subject(session: Session) -> audit.Subject:
    """How the audit trail names a session."""
    return audit.Subject("SESSION", session.id, session.user_name)


def _lock_holders(which: peewee.Node) -> None:
    """Lock the sessions of grants that have not ended: after their targets, and before the grants."""
    theirs = Grant.select(Grant.session_id).where(which, Grant.ended_at.is_null())
    locked(Session.select(Session.id).where(Session.id.in_(theirs)).order_by(Session.id)).execute()


def _end(actor: Actor, ending: Collection[Session], reason: str, held: Held, **also: Any) -> None:
    """End sessions that are locked, as the targets of their grants are. also: columns to write beside."""
    targets.end(Grant.session_id.in_([session.id for session in ending]), held)
    for session in ending:
        session.ended_reason = reason
    over = {"ended_at": now(), "ended_reason": reason, "due_at": None, "wanted_revision": Session.wanted_revision + 1}
    _write_down(ending, **over, **also)
    event = "SESSION_EXPIRE" if reason == EXPIRED else "SESSION_STOP"
    audit.record_each(actor, event, map(subject, ending), details={"endedReason": reason})


def _write_down(sessions: Collection[Session], **also: Any) -> None:
    """Write down the states of sessions that are locked, and other columns."""
    # Read once nobody else can change the sessions: two workers that record two targets of one do not see each other's.
    grants = targets.grants_of(session.id for session in sessions)
    alike: dict[str, list[uuid.UUID]] = {}
    for session in sessions:
        alike.setdefault(_status(session, grants[session.id]), []).append(session.id)
    for status, ids in alike.items():
        first = {"started_at": peewee.fn.COALESCE(Session.started_at, now())} if status in ("ACTIVE", "PARTIAL") else {}
        Session.update(status=status, **first, **also).where(Session.id.in_(ids)).execute()


def _of_caller(actor: Actor) -> Any:
    query = Session.select().where(Session.organisation_id == actor.organisation)
    if is_unlimited(actor):
        return query
    is_keys_own = actor.user_id is None
    return query.where(Session.api_key_id == actor.key_id if is_keys_own else Session.user_id == actor.user_id)


def _is_unfinished() -> Any:
    return Session.ended_at.is_null() | (Session.status == EXPIRING)


def _status(session: Session, grants: Collection[Grant]) -> str:
    if session.ended_reason is not None:
        if any(grant.status == targets.REMOVING for grant in grants):
            return EXPIRING
        return "EXPIRED" if session.ended_reason == EXPIRED else "CANCELLED"
    live = {grant.status for grant in grants if grant.ended_at is None}
    if live == {targets.APPLIED}:
        return "ACTIVE"
    if targets.APPLIED in live:
        return "PARTIAL"
    return "PENDING" if targets.PENDING in live else "FAILED"
