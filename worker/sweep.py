"""The sweeper: rings for what nobody served, forgets what is over, tells of what is stuck. Several may run."""

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import peewee

from api import database, installation, workers
from api.accounts.models import Login, SignInFailure
from api.credentials.models import TargetListing
from api.database import AWAY, connection, now, write
from api.due import DueModel, is_overdue, is_stuck
from api.idempotency import IdempotencyKey
from api.lifecycle import deleting
from api.lifecycle.due_rows import MODELS
from api.notify import Bell, redis_client
from api.process import end_when_told
from api.settings import Settings
from api.targets import overdue

_TICK_SECONDS = 1.0
_UNSERVED_SECONDS = 1.0
_STUCK_TICKS = 10
_FORGET_TICKS = 60
_COPY_TICKS = 60
_DAY_SECONDS = 24 * 3600
_HOUR_SECONDS = 3600
# Small, so that nobody waits for the sweeper's transactions.
_BATCH = 500
_SHOWN = 50

_log = logging.getLogger(__name__)


class Sweeper:
    """What is done each second, each ten and each minute."""

    def __init__(self, ring: Callable[[], object]) -> None:
        self._ring = ring
        self._told: set[uuid.UUID] = set()
        self._told_overdue: set[uuid.UUID] = set()
        self.has_more_to_forget = False

    def ring_for_unserved(self) -> bool:
        """Ring once if anything was due for a second that somebody could have claimed."""
        if not any(model.select().where(is_overdue(model, _UNSERVED_SECONDS)).exists() for model in MODELS):
            return False
        self._ring()
        return True

    def tell_of_stuck(self) -> None:
        """Log each row that has failed for two minutes, once, and again only if it was well between."""
        stuck = [(model, row) for model in MODELS for row in _longest_stuck(model)]
        for model, row in stuck:
            if row.id not in self._told:
                _log.error("%s %s is stuck after %d tries: %s", model.__name__, row.id, row.attempts, row.last_failure)
        self._told = {row.id for _, row in stuck}

    def tell_of_overdue(self) -> None:
        """Log each rule that should have been gone for two minutes, once."""
        reasons = overdue.reasons(_SHOWN)
        for rule_id in reasons.keys() - self._told_overdue:
            _log.error("rule %s is overdue: %s", rule_id, reasons[rule_id] or "nobody has looked at it yet")
        self._told_overdue = set(reasons)

    def tell_of_copy(self) -> None:
        """Log that nothing is done, and what to run, for as long as the database is a copy, or does not tell."""
        if obstacle := installation.obstacle():
            _log.error(obstacle)

    def forget(self) -> int:
        """Delete a batch of each kind of row that nobody will ask for again. Returns how many were deleted."""
        deleted = [_delete(which) for which in _forgettable()]
        self.has_more_to_forget = _BATCH in deleted
        return sum(deleted)


def run(settings: Settings) -> int:
    """Sweep until SIGTERM."""
    database.bind(settings.database_url, connections=2)
    sweeper = Sweeper(Bell(redis_client(settings.redis_url)).ring_now)
    ends: list[int] = []
    end_when_told(lambda: ends.append(1))
    tick = 0
    while not ends:
        try:
            with connection():
                _sweep(sweeper, tick)
        except AWAY as error:
            _log.warning("nothing was swept (%s)", type(error).__name__)
        tick += 1
        time.sleep(_TICK_SECONDS)
    return 0


def _sweep(sweeper: Sweeper, tick: int) -> None:
    sweeper.ring_for_unserved()
    if tick % _STUCK_TICKS == 0:
        sweeper.tell_of_stuck()
        sweeper.tell_of_overdue()
        deleting.finish()  # whoever saw a last rule go may have died before it was done
    if tick % _COPY_TICKS == 0:
        sweeper.tell_of_copy()
    if tick % _FORGET_TICKS == 0 or sweeper.has_more_to_forget:
        sweeper.forget()


def _longest_stuck(model: type[DueModel]) -> Sequence[DueModel]:
    """In an order that stays, though rows are written with each try: whoever is told of is shown until it is well."""
    rows: Any = model.select().where(is_stuck(model))
    return list(rows.order_by(model.unserved_since, model.id).limit(_SHOWN))


def _forgettable() -> Sequence[Any]:
    is_over = (Login.expires_at < now()) | (Login.ended_at < now(-_DAY_SECONDS))
    is_stale = (TargetListing.listed_at < now(-_HOUR_SECONDS)) & TargetListing.due_at.is_null()
    # Whoever asks again starts anew: so nobody has asked since, and the cloud has not answered.
    is_in_vain = TargetListing.unserved_since < now(-_HOUR_SECONDS)
    return (
        IdempotencyKey.select().where(IdempotencyKey.created_at < now(-_DAY_SECONDS)),
        Login.select().where(is_over),
        SignInFailure.select().where(SignInFailure.forgotten_at < now()),
        TargetListing.select().where(is_stale | is_in_vain),
        workers.Heartbeat.select().where(workers.Heartbeat.seen_at < now(-_HOUR_SECONDS)),
    )


def _delete(which: Any) -> int:
    model = which.model
    columns = model._meta.get_primary_keys()
    batch = which.select(*columns).limit(_BATCH)
    with write():
        return int(model.delete().where(peewee.Tuple(*columns).in_(batch)).execute())
