"""Who is served next: the most urgent first, then the organisation that waited longest.

The size of anybody's backlog is never asked for, so a long one delays nobody else.
"""

import functools
import random
import secrets
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import peewee

from api import notify
from api.database import after_commit, clock, database, is_sqlite, locked, now, write
from api.due import LEASE_SECONDS, Claim, DueModel, Priority, Turn, is_due, late_until

# How long a look goes on when others are taking what it found, before it says that nothing is due, and its pauses.
_RACE_SECONDS = 2.0
_PAUSE_SECONDS = 0.02
# How many organisations a look has in mind: of the first, what is due may be in somebody's hands for seconds.
_NEXT_FEW = 8
_NOTHING = 99
# A claim's token is the claimant's slot, then what is its own.
_OWN_BITS = 64


def new_slot() -> int:
    """A place for one process that claims, and for whoever comes after it when it has died."""
    return secrets.randbits(128 - _OWN_BITS)


def claim(models: Sequence[type[DueModel]], priorities: Sequence[Priority], slot: int | None = None) -> Claim | None:
    """Take the most urgent due row of the organisation that waited longest; None where nothing is due.

    Returns a claim whose lease is `LEASE_SECONDS` long. slot: the claimant's; None: one of its own.
    """
    slot = new_slot() if slot is None else slot
    models = _with_due_rows(tuple(models))
    until = time.monotonic() + _RACE_SECONDS
    while time.monotonic() < until:
        waiting = [found for model in models for found in _waiting(model, tuple(priorities))]
        if not waiting:
            return None
        for priority, _, organisation_id, model in sorted(waiting, key=lambda found: found[:2]):
            if taken := _take(model, organisation_id, Priority(priority), slot):
                return taken
        time.sleep(random.uniform(_PAUSE_SECONDS / 2, _PAUSE_SECONDS))  # noqa: S311 - hides nothing
    return None


def abandon(models: Sequence[type[DueModel]], slot: int) -> int:
    """Have others take over at once what the process in a slot had claimed: it is known to be dead.

    They inherit it as if its leases had run out, for a call of its own may still land. Returns how many rows.
    """
    first, last = _token(slot, 0), _token(slot, 2**_OWN_BITS - 1)
    abandoned = 0
    for model in models:
        theirs = model.claim_token.between(first, last) & (model.claimed_until > now())
        for row in list(model.select(model.id).where(theirs)):
            # Each for itself: others take several of them, in an order of their own.
            with write():
                after_commit(notify.ring)
                abandoned += model.update(claimed_until=now()).where(model.id == row.id, theirs).execute()
    return abandoned


def _token(slot: int, own: int) -> uuid.UUID:
    return uuid.UUID(int=slot << _OWN_BITS | own)


def _with_due_rows(models: tuple[type[DueModel], ...]) -> list[type[DueModel]]:
    """Those that have any. One look at an index of each: an idle worker asks for nothing more."""
    [found] = _asked(_any_due, models)
    return [model for model, is_any_due in zip(models, found, strict=True) if is_any_due]


def _any_due(models: tuple[type[DueModel], ...]) -> Any:
    due = [peewee.fn.EXISTS(model.select(peewee.SQL("1")).where(model.due_at <= now())) for model in models]
    return peewee.Select(columns=due).bind(database)


def _waiting(
    model: type[DueModel], priorities: tuple[Priority, ...]
) -> list[tuple[int, int, uuid.UUID, type[DueModel]]]:
    """Whose turn it is among the organisations with due rows: the best priority first, then the longest wait."""
    organisation_id: Any = Turn.organisation_id.python_value
    return [
        (priority, served_at, organisation_id(organisation), model)
        for priority, served_at, organisation in _asked(_whose_turn, model, priorities)
        if priority != _NOTHING
    ]


def _whose_turn(model: type[DueModel], priorities: tuple[Priority, ...]) -> Any:
    """Asks each organisation whether it has a due row, never how many."""
    steps = [(_has_due(model, priority), int(priority)) for priority in sorted(priorities)]
    urgency = peewee.Case(None, steps, _NOTHING)
    turns = Turn.select(urgency, Turn.served_at, Turn.organisation_id)
    return turns.order_by(peewee.SQL("1"), peewee.SQL("2")).limit(_NEXT_FEW)


def _asked(question: Callable[..., Any], *about: Any) -> Any:
    """The answer to what is asked many times a second. To put it into words costs Peewee more than to ask it."""
    text, values = _worded(question, about, is_sqlite(), clock.offset)
    return database.execute_sql(text, values).fetchall()


@functools.lru_cache(maxsize=100)
def _worded(
    question: Callable[..., Any], about: tuple[Any, ...], _is_sqlite: bool, _clock_offset: int
) -> tuple[str, list[Any]]:
    text, values = question(*about).sql()
    return text, values


def _has_due(model: type[DueModel], priority: Priority) -> peewee.Node:
    ours = model.organisation_id == Turn.organisation_id
    return peewee.fn.EXISTS(
        model.select(peewee.SQL("1")).where(ours, model.due_priority == int(priority), is_due(model))
    )


def _take(model: type[DueModel], organisation_id: uuid.UUID, priority: Priority, slot: int) -> Claim | None:
    query = (
        model.select(model.id, model.wanted_revision, model.attempts, model.claim_token)
        .where(model.organisation_id == organisation_id, model.due_priority == int(priority), is_due(model))
        .order_by(model.due_at)
    )
    turn = Turn.organisation_id == organisation_id
    with write():
        # One claim of an organisation at a time, so that `ready` counts the others' claims. Nobody queues for it: most
        # who did would find at the end of the queue that nothing is left, and hold up who comes behind them.
        if locked(Turn.select(Turn.organisation_id).where(turn), "SKIP LOCKED").first() is None:
            return None
        row = locked(query, "SKIP LOCKED").first()
        if row is None:
            return None
        token = _token(slot, secrets.randbits(_OWN_BITS))
        model.update(claim_token=token, claimed_until=now(LEASE_SECONDS)).where(model.id == row.id).execute()
        Turn.update(served_at=now()).where(turn).execute()
    return Claim(
        model=model,
        row_id=row.id,
        organisation_id=organisation_id,
        token=token,
        wanted_revision=row.wanted_revision,
        attempts=row.attempts,
        priority=priority,
        late_until=late_until(row.claim_token),
    )
