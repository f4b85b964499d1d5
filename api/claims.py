"""Who is served next: the most urgent first, then the organisation that waited longest.

The size of anybody's backlog is never asked for, so a long one delays nobody else.
"""

import secrets
import uuid
from collections.abc import Sequence
from datetime import datetime

import peewee

from api import notify
from api.database import after_commit, locked, now, write
from api.due import LEASE_SECONDS, Claim, DueModel, Priority, Turn, is_due

# How often a look goes on to whoever is next when others took what it found, before it says that nothing is due.
_RACES = 5
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
    models = [model for model in models if _anything_due(model)]
    for _ in range(_RACES):
        waiting = [found for model in models if (found := _waiting(model, priorities))]
        if not waiting:
            return None
        for priority, _, organisation_id, model in sorted(waiting, key=lambda found: found[:2]):
            if taken := _take(model, organisation_id, Priority(priority), slot):
                return taken
    return None


def abandon(models: Sequence[type[DueModel]], slot: int) -> int:
    """Have others take over at once what the process in a slot had claimed: it is known to be dead.

    They inherit it as if its leases had run out, for a call of its own may still land. Returns how many rows.
    """
    first, last = _token(slot, 0), _token(slot, 2**_OWN_BITS - 1)
    with write():
        after_commit(notify.ring)
        return sum(
            model.update(claimed_until=now())
            .where(model.claim_token.between(first, last), model.claimed_until > now())
            .execute()
            for model in models
        )


def _token(slot: int, own: int) -> uuid.UUID:
    return uuid.UUID(int=slot << _OWN_BITS | own)


def _anything_due(model: type[DueModel]) -> bool:
    """One look at an index: an idle worker asks for nothing more."""
    return bool(model.select().where(model.due_at <= now()).exists())


def _waiting(
    model: type[DueModel], priorities: Sequence[Priority]
) -> tuple[int, datetime, uuid.UUID, type[DueModel]] | None:
    """Whose turn it is among the organisations with due rows: the best priority first, then the longest wait.

    Asks each organisation whether it has a due row, never how many.
    """
    steps = [(_has_due(model, priority), int(priority)) for priority in sorted(priorities)]
    urgency = peewee.Case(None, steps, _NOTHING)
    found = (
        Turn.select(urgency, Turn.served_at, Turn.organisation_id)
        .order_by(peewee.SQL("1"), peewee.SQL("2"))
        .tuples()
        .first()
    )
    if found is None or found[0] == _NOTHING:
        return None
    return *found, model


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
        # One claim of an organisation at a time, so that `ready` counts the others' claims.
        locked(Turn.select(Turn.organisation_id).where(turn)).execute()
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
        inherited=row.claim_token is not None,
    )
