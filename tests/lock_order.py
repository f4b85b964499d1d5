"""In which order whoever writes takes rows: all in the same, so that nobody waits for somebody who waits for him.

It is watched on SQLite, where no row is locked and nobody else writes: what would be locked on PostgreSQL is noted. Not
seen here is what is taken late because somebody else was quicker, what is changed without being asked for first, and
what goes with a row that is deleted.
"""

import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import peewee

from api import database
from api.accounts.models import ApiKey, Organisation, User
from api.credentials.models import Credential, TargetListing
from api.due import Turn
from api.resources.models import Resource
from api.sessions.models import Session
from api.static_rules.models import StaticRule
from api.targets.models import Grant, Target

# Whoever has a row of a table waits for none of a table before it that is of the same organisation.
_TABLES = (
    Turn,
    Organisation,
    User,
    ApiKey,
    Credential,
    TargetListing,
    Resource,
    Target,
    StaticRule,
    Session,
    Grant,
)
# In which order those of a table are taken: by their ids where nothing else is said.
_WITHIN = {Resource: ("created_at", "id")}
_SKIPS = "SKIP LOCKED"


@dataclass(frozen=True, slots=True)
class _Row:
    model: type[peewee.Model]
    key: uuid.UUID
    organisation_id: uuid.UUID


# What a transaction has, and whether others may have it too.
_Taken = dict[_Row, bool]


class LockOrder:
    """What has been taken since a test began, and what was wrong with it."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        # Rows of a table may be taken with several statements by somebody who does so once in the life of a database.
        self.may_take_twice = False
        self._taken: list[_Row] = []
        self._by_transaction: WeakKeyDictionary[Any, _Taken] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def of(self, model: type[peewee.Model]) -> set[uuid.UUID]:
        """The keys of the rows of a table that have been taken."""
        return {row.key for row in self._taken if row.model is model}

    def forget(self) -> None:
        """What has been taken till now."""
        self._taken.clear()

    def take(self, query: Any, is_shared: bool, otherwise: str = "") -> None:
        """Note the rows that a query locks."""
        rows = _rows_of(query)[: 1 if otherwise == _SKIPS else None]
        with self._lock:
            mine = self._by_transaction.setdefault(database.database._state.transactions[0], {})
            self.faults += _faults(query, rows, mine, is_shared, otherwise)
            if not self.may_take_twice:
                self.faults += _taken_twice(query, rows, mine)
            self._taken += rows
            for row in rows:
                mine.setdefault(row, is_shared)


@contextmanager
def watched() -> Iterator[LockOrder]:
    """Fails at the end of the block if anything was taken out of order."""
    _install()
    order = LockOrder()
    _watching.append(order)
    try:
        yield order
    finally:
        _watching.remove(order)
    if order.faults:
        raise AssertionError("\n".join(order.faults))


_watching: list[LockOrder] = []


def _install() -> None:
    """Stand between the API's modules and what they take rows with, wherever they have imported it by name."""
    for name, is_shared in (("locked", False), ("held", True)):
        original: Callable[..., Any] = getattr(database, name)
        if getattr(original, "is_between", False):
            continue
        for module in list(sys.modules.values()):
            if getattr(module, "__name__", "").startswith("api.") and vars(module).get(name) is original:
                setattr(module, name, _between(original, is_shared))


def _between(original: Callable[..., Any], is_shared: bool) -> Callable[..., Any]:
    def taking(query: Any, *otherwise: str) -> Any:
        if _watching and database.is_sqlite() and database.database.in_transaction():
            _watching[-1].take(query, is_shared, *otherwise)
        return original(query, *otherwise)

    taking.is_between = True  # type: ignore[attr-defined]
    return taking


def _rows_of(query: Any) -> list[_Row]:
    model = query.model
    key = model._meta.primary_key
    organisation = key if model is Organisation else model.organisation_id
    those = query.clone()
    those._returning = (key, organisation)
    # Asked of SQLite itself: it is no statement of the product's.
    found = database.database.connection().cursor().execute(*those.sql()).fetchall()
    return [_Row(model, key.python_value(one), organisation.python_value(whose)) for one, whose in found]


def _faults(query: Any, rows: Sequence[_Row], mine: _Taken, is_shared: bool, otherwise: str) -> Iterator[str]:
    name, organisations = query.model.__name__, {row.organisation_id for row in rows}
    beside = {row.model for row in mine if row.organisation_id in organisations}
    if otherwise not in ("", _SKIPS):
        yield f"{name}: what is {otherwise!r}?"
    if otherwise != _SKIPS and (query.model is Turn or Turn in beside):
        yield f"{name}: whoever claims waits for nobody"
    after = [each.__name__ for each in beside if _TABLES.index(each) > _TABLES.index(query.model)]
    if after and not mine.keys() >= set(rows):
        yield f"{name} is taken after {', '.join(after)}"
    if not is_shared and any(mine.get(row) for row in rows):
        yield f"{name} is held beside others and then locked: two who do so wait for each other"
    order = tuple(getattr(column, "name", None) for column in query._order_by or ())
    wanted = _WITHIN.get(query.model, ("id",))
    if otherwise != _SKIPS and order != wanted and (order or len(rows) > 1):
        yield f"{name} is taken in the order {order}, not {wanted}"


def _taken_twice(query: Any, rows: Sequence[_Row], mine: _Taken) -> Iterator[str]:
    others = {(row.model, row.organisation_id) for row in mine}
    if any(row not in mine and (row.model, row.organisation_id) in others for row in rows):
        yield f"{query.model.__name__} is taken with two statements, so in no order"
