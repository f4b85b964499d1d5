"""Work that is due: who does it, in which order, and how often it is tried.

A row that wants work says so in its own columns, in the transaction that changes what is wanted. Whoever looks claims a
due row, acts so that acting twice does no harm, and records what was seen; only the claim's owner can. Messages may be
lost, doubled or late: they only say "look".
"""

import enum
import math
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import peewee

from api import notify
from api.database import Instant, Model, after_commit, current_time, database, now, write

LEASE_SECONDS = 20
STUCK_SECONDS = 120
CLAIMS_PER_CREDENTIAL = 4
_BACKOFF_CAP_SECONDS = 60
# A token below it is a moment, and nobody's claim: a claimant's slot stands above these bits.
_KEPT = 2**64
_REVOKE_BACKOFF_CAP_SECONDS = 15


class Priority(enum.IntEnum):
    """The order in which due rows are served; lower first."""

    REVOKE = 0
    APPLY = 1
    REQUESTED = 2
    RECHECK = 3


class LostClaim(Exception):
    """The claim is somebody else's by now, or its row is gone: what was seen is not recorded."""


class Turn(peewee.Model):
    """When an organisation was served last: who waited longest is next, however long anybody's backlog.

    Every organisation has one, from the transaction that makes it.
    """

    organisation_id = peewee.UUIDField(primary_key=True)
    served_at = Instant(default=0)

    class Meta:
        database = database
        table_name = "turns"


class DueModel(Model):
    """The columns of a row that wants work.

    due_at: when to look at it next (None: never). wanted_revision: moves when what is wanted changes. seen_revision:
    the wanted_revision that the last record was about. claim_token, claimed_until: who works on it, and how long it
    may; a token alone is the moment until when a call of somebody before may land. attempts: failures in a row.
    unserved_since, last_failure: since when it fails, and the last reason.
    """

    organisation_id = peewee.UUIDField()
    due_at = Instant(null=True)
    due_priority = peewee.SmallIntegerField(default=Priority.REQUESTED)
    wanted_revision = peewee.IntegerField(default=1)
    seen_revision = peewee.IntegerField(default=0)
    claim_token = peewee.UUIDField(null=True)
    claimed_until = Instant(null=True)
    attempts = peewee.IntegerField(default=0)
    unserved_since = Instant(null=True)
    last_failure = peewee.TextField(null=True)

    @classmethod
    def ready(cls) -> peewee.Node | None:
        """What must be true beside being due: a cap, a circuit breaker. None: nothing."""
        return None


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on one row until its lease runs out.

    late_until: until when a call of an owner before may still arrive, whose lease ran out unrecorded; None: there is
    none.
    """

    model: type[DueModel]
    row_id: uuid.UUID
    organisation_id: uuid.UUID
    token: uuid.UUID
    wanted_revision: int
    attempts: int
    priority: Priority
    late_until: datetime | None = None

    @property
    def inherited(self) -> bool:
        """A call of an owner before may still arrive."""
        return self.late_until is not None


def want(model: type[DueModel], which: peewee.Node, priority: Priority = Priority.REQUESTED) -> None:
    """Make the rows due now, because what is wanted of them has changed. Inside `write`.

    What is more urgent and still to be done, if only later since it has failed, is done with it.
    """
    already_more_urgent = model.due_at.is_null(False) & (model.due_priority < priority)
    model.update(
        wanted_revision=model.wanted_revision + 1,
        due_at=now(),
        due_priority=peewee.Case(None, [(already_more_urgent, model.due_priority)], int(priority)),
        attempts=0,
        unserved_since=None,
        last_failure=None,
    ).where(which).execute()
    after_commit(notify.ring)


def have_inherited(model: type[DueModel], which: peewee.Node) -> None:
    """Have the next claims of the rows count as inherited for as long as a lease: somebody unknown may have called.

    Inside `write`. Whoever works on one of them loses it.
    """
    until = current_time() + timedelta(seconds=LEASE_SECONDS)
    model.update(claim_token=_nobodys(until)).where(which).execute()


def renew(claim: Claim) -> None:
    """Start the lease anew. Raises LostClaim when it is somebody else's, or ran out: then no further call may start."""
    model = claim.model
    with write():
        changed = (
            model.update(claimed_until=now(LEASE_SECONDS))
            .where(model.id == claim.row_id, model.claim_token == claim.token, model.claimed_until > now())
            .execute()
        )
    if not changed:
        raise LostClaim


def settle(claim: Claim, seen: Mapping[str, Any], look_again_seconds: float | None) -> None:
    """Record what was seen and give the claim back. Inside `write`. Raises LostClaim.

    The row stays due when what is wanted has moved since the claim. A claim that was inherited is looked at once more,
    when no call of the owner before it can land any more; whoever looks sooner inherits it too.
    """
    model = claim.model
    again = _sooner(look_again_seconds, claim.late_until)
    unchanged = model.wanted_revision == claim.wanted_revision
    _give_back(
        claim,
        {
            **seen,
            "seen_revision": claim.wanted_revision,
            "due_at": peewee.Case(None, [(unchanged, None if again is None else now(again))], model.due_at),
            "due_priority": peewee.Case(None, [(unchanged, int(Priority.RECHECK))], model.due_priority),
            "attempts": 0,
            "unserved_since": None,
            "last_failure": None,
        },
        token=_kept(claim),
    )


def postpone(claim: Claim, reason: str, longest_seconds: float = math.inf, *, is_under_way: bool = False) -> float:
    """Try again later, `longest_seconds` at most, because nothing could be seen. Inside `write`.

    Returns the seconds until then. Raises LostClaim. Where what is wanted has moved since the claim, it stays due, and
    this failure does not count against it. is_under_way: as for `release`.
    """
    model = claim.model
    seconds = min(longest_seconds, backoff_seconds(claim.attempts, claim.priority))
    unchanged = model.wanted_revision == claim.wanted_revision
    since = peewee.fn.COALESCE(model.unserved_since, now())
    _give_back(
        claim,
        {
            "due_at": peewee.Case(None, [(unchanged, now(seconds))], model.due_at),
            "attempts": peewee.Case(None, [(unchanged, model.attempts + 1)], model.attempts),
            "unserved_since": peewee.Case(None, [(unchanged, since)], model.unserved_since),
            "last_failure": peewee.Case(None, [(unchanged, reason)], model.last_failure),
        },
        token=claim.token if is_under_way else _kept(claim),
    )
    return seconds


def release(claim: Claim, *, is_under_way: bool = False) -> None:
    """Give the claim back untouched: somebody else may take the row at once. Raises LostClaim.

    is_under_way: a call may land yet, as if the owner had died; whoever is next inherits the claim.
    """
    with write():
        _give_back(claim, {}, token=claim.token if is_under_way else _kept(claim))


def backoff_seconds(attempts: int, priority: Priority) -> float:
    """How long to wait after `attempts` earlier failures: doubling from 1 s, with jitter, and never giving up."""
    cap = _REVOKE_BACKOFF_CAP_SECONDS if priority is Priority.REVOKE else _BACKOFF_CAP_SECONDS
    longest = min(cap, 2.0 ** min(attempts, 10))
    return random.uniform(longest / 2, longest)  # noqa: S311 - spreads retries, hides nothing


def is_due(model: type[DueModel]) -> peewee.Node:
    """Rows that anybody may claim now."""
    unclaimed = model.claimed_until.is_null() | (model.claimed_until <= now())
    due = (model.due_at <= now()) & unclaimed
    ready = model.ready()
    return due if ready is None else due & ready


@dataclass(frozen=True, slots=True)
class Figures:
    """How much of one kind of row is due, how long the oldest of it waits, and how much is stuck."""

    due_rows: int
    oldest_overdue_seconds: float
    stuck_rows: int


def figures(model: type[DueModel]) -> Figures:
    """Count what is due now, also what waits for its credential or is being worked on."""
    due = model.due_at <= now()
    oldest = model.select(peewee.fn.MIN(model.due_at)).where(due).scalar()
    waited = (current_time() - oldest).total_seconds() if oldest else 0.0
    stuck = model.select().where(is_stuck(model)).count()
    return Figures(model.select().where(due).count(), waited, stuck)


def is_stuck(model: type[DueModel]) -> peewee.Node:
    """Rows that have failed for `STUCK_SECONDS`, whatever was tried."""
    return model.unserved_since <= now(-STUCK_SECONDS)


def is_overdue(model: type[DueModel], seconds: float) -> peewee.Node:
    """Rows that anybody could have claimed for `seconds`."""
    return (model.due_at <= now(-seconds)) & is_due(model)


def late_until(token: uuid.UUID | None) -> datetime | None:
    """Until when a call of those may land who had a row before, by the token that they left; None: not any more."""
    if token is None:
        return None
    moment = current_time()
    latest = moment + timedelta(seconds=LEASE_SECONDS)
    # Where the database's clock has gone back, a kept moment may seem far away.
    until = min(Instant().python_value(token.int) or latest, latest) if token.int < _KEPT else latest
    return until if until > moment else None


def _kept(claim: Claim) -> uuid.UUID | None:
    """The token to leave on a row that is given back: nobody's, which says until when the next claim is inherited."""
    return None if claim.late_until is None else _nobodys(claim.late_until)


def _nobodys(until: datetime) -> uuid.UUID:
    return uuid.UUID(int=Instant().db_value(until))


def _sooner(seconds: float | None, late_until: datetime | None) -> float | None:
    """In how many seconds to look again: when no call can land late any more, if not before."""
    if late_until is None:
        return seconds
    left = max((late_until - current_time()).total_seconds(), 0.0)
    return left if seconds is None else min(seconds, left)


def _give_back(claim: Claim, changes: Mapping[str, Any], token: Any = None) -> None:
    model = claim.model
    changed = (
        model.update(claim_token=token, claimed_until=None, **changes)
        .where(model.id == claim.row_id, model.claim_token == claim.token)
        .execute()
    )
    if not changed:
        raise LostClaim
