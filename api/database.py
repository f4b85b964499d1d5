"""The database: PostgreSQL or SQLite behind one set of words.

Times are columns of microseconds since the epoch, UTC: both engines then compare and add in the same way.
The clock is the database's (`now`), so that machines whose clocks differ agree on what is due.
"""

import contextlib
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import peewee
import psycopg2
import psycopg2.errors
from playhouse.pool import MaxConnectionsExceeded, PooledPostgresqlDatabase, PooledSqliteDatabase

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECONDS = 1_000_000
POOL_WAIT_SECONDS = 5
# Their values stay below the 32,766 that SQLite takes.
_ROWS_OF_A_STATEMENT = 1000
# clock_timestamp() goes on within a transaction; now() is when it began.
_POSTGRESQL_NOW = "(extract(epoch from clock_timestamp()) * 1000000)::bigint"

# What Peewee tells apart from OperationalError: a connection that is lost while libpq reads may have no code, and a
# server that has become a standby, as after a failover, refuses each write.
_AS_AWAY = dict.fromkeys(("DatabaseError", "ReadOnlySqlTransaction"), peewee.OperationalError)
peewee.EXCEPTIONS.update(_AS_AWAY)  # type: ignore[attr-defined] # its published types leave it out
# What is raised when the database is away, too busy, or was away when a connection was used again.
AWAY = (peewee.OperationalError, peewee.InterfaceError, MaxConnectionsExceeded)

database = peewee.DatabaseProxy()

# What every SQLite connection is opened with: SQLite's own defaults neither check foreign keys nor let a reader pass a
# writer, and NORMAL may lose the last commit when the power fails
# (https://www.sqlite.org/pragma.html#pragma_synchronous).
_SQLITE_PRAGMAS = {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 5000, "synchronous": "full"}


class _Pending(threading.local):
    """What this thread does once its open transaction is committed."""

    def __init__(self) -> None:
        self.callbacks: list[Callable[[], None]] = []


class _Postgresql(PooledPostgresqlDatabase):
    """A pool that leaves a server that is no primary any more, and lets nobody queue for one that takes no callers."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._failed_at = 0.0
        self._asked = threading.local()
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call] # peewee publishes half of its types

    def connect(self, reuse_if_open: bool = False) -> bool:
        self._asked.at = time.monotonic()
        return bool(super().connect(reuse_if_open))  # type: ignore[no-untyped-call]

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        try:
            return super().execute_sql(sql, params)  # type: ignore[no-untyped-call]
        except peewee.OperationalError as error:
            if isinstance(error.__context__, psycopg2.errors.ReadOnlySqlTransaction):
                self.connection().close()  # type: ignore[no-untyped-call] # or it would be used for ever
            raise

    def _connect(self) -> Any:
        # One connects after another, and may wait for seconds. Who stood behind him takes his failure for an answer.
        if self._failed_at > self._asked.at:
            raise psycopg2.OperationalError("somebody else has just tried")
        try:
            return super()._connect()
        except psycopg2.OperationalError:
            self._failed_at = time.monotonic()
            raise


class _Clock:
    """How far the database's clock is set off, in microseconds: always 0 outside tests."""

    offset = 0


_pending = _Pending()
clock = _Clock()


class Instant(peewee.BigIntegerField):
    """A moment: an aware datetime in Python, microseconds since the epoch in the column."""

    def db_value(self, value: Any) -> Any:
        return (value - _EPOCH) // timedelta(microseconds=1) if isinstance(value, datetime) else value

    def python_value(self, value: Any) -> datetime | None:
        return None if value is None else _EPOCH + timedelta(microseconds=int(value))


class Json(peewee.TextField):
    """A value kept as JSON text."""

    def db_value(self, value: Any) -> Any:
        return None if value is None else json.dumps(value, separators=(",", ":"), sort_keys=True)

    def python_value(self, value: Any) -> Any:
        return None if value is None else json.loads(value)


class Model(peewee.Model):
    """The base of every row: a random UUID names it."""

    id = peewee.UUIDField(primary_key=True, default=uuid.uuid4)

    class Meta:
        database = database
        legacy_table_names = False
        # What another transaction has changed meanwhile stays changed.
        only_save_dirty = True


def bind(url: str, connections: int = 20) -> None:
    """Say which database the process uses: `sqlite:///relative`, `sqlite:////absolute` or `postgresql://…`.

    `connections` is the most that the pool opens; a caller waits `POOL_WAIT_SECONDS` for a free one. Opens none by
    itself.
    """
    pool: dict[str, Any] = {"autoconnect": False, "max_connections": connections, "timeout": POOL_WAIT_SECONDS}
    database.initialize(_sqlite(url, pool) if url.startswith("sqlite:///") else _postgresql(url, pool))


def _sqlite(url: str, pool: dict[str, Any]) -> peewee.Database:
    engine: Any = PooledSqliteDatabase(
        url.removeprefix("sqlite:///"), pragmas=_SQLITE_PRAGMAS, check_same_thread=False, **pool
    )
    engine.register_function(_microseconds_now, "entryguard_now", 0)
    return cast(peewee.Database, engine)


def _postgresql(url: str, pool: dict[str, Any]) -> peewee.Database:
    return _Postgresql(
        url.replace("postgres://", "postgresql://", 1),
        connect_timeout=3,
        # What a standby knows may be old: a login that was ended meanwhile still stands there.
        target_session_attrs="read-write",
        options="-c statement_timeout=10s -c lock_timeout=5s -c idle_in_transaction_session_timeout=30s",
        # A machine that vanished without a word is given up in 15 s; the kernel's own way takes a quarter of an hour.
        keepalives_idle=5,
        keepalives_interval=5,
        keepalives_count=2,
        tcp_user_timeout=10_000,
        **pool,
    )


def is_sqlite() -> bool:
    return isinstance(database.obj, peewee.SqliteDatabase)


def sqlite_file() -> Path | None:
    return Path(database.obj.database) if is_sqlite() else None


def forget_connections() -> None:
    """Drop the pool without closing its sockets: in a forked child they are the parent's."""
    database.obj.dispose()


@contextlib.contextmanager
def connection() -> Iterator[None]:
    """Hold a connection of the pool for a block; inside another such block, the same one."""
    if not database.is_closed():
        yield
        return
    database.connect()
    try:
        yield
    finally:
        database.close()


@contextlib.contextmanager
def write() -> Iterator[None]:
    """One transaction for all that is written in the block; within another, a part of that one.

    The one place where anything is committed. What `after_commit` was given runs behind it, and not when it is rolled
    back.
    """
    if database.in_transaction():
        yield
        return
    _pending.callbacks.clear()
    # SQLite answers "database is locked" to a transaction that reads first and writes later; IMMEDIATE queues instead.
    with database.atomic("IMMEDIATE") if is_sqlite() else database.atomic():
        yield
    callbacks, _pending.callbacks = _pending.callbacks, []
    for callback in callbacks:
        callback()


def after_commit(callback: Callable[[], None]) -> None:
    """Run `callback` when the open transaction is committed, once however often it is given; at once where none is."""
    if not database.in_transaction():
        callback()
    elif callback not in _pending.callbacks:
        _pending.callbacks.append(callback)


def now(seconds: float = 0) -> peewee.Node:
    """The database's clock, `seconds` later, as an expression to compare and to store."""
    later = round(seconds * _MICROSECONDS)
    if is_sqlite():
        return peewee.fn.entryguard_now() + later
    # A select of its own is asked once for a statement. The bare function is asked for each row, and no index helps.
    return peewee.SQL(f"(SELECT {_POSTGRESQL_NOW} + %s)", (clock.offset + later,))


def current_time() -> datetime:
    """What the database's clock says."""
    moment = peewee.Select(columns=[peewee.fn.COALESCE(now(), 0)]).bind(database).scalar()
    return _EPOCH + timedelta(microseconds=int(moment))


def lock(row: Model) -> None:
    """Let nobody else change `row` until the open transaction ends."""
    locked(type(row).select(type(row).id).where(type(row).id == row.id)).execute()


def locked(query: Any, otherwise: str = "") -> Any:
    """The select `query`, whose rows nobody else changes until the open transaction ends.

    otherwise: what to do where somebody else has a row: wait, or SKIP LOCKED.
    A row that others refer to can still be referred to. Whoever locks a credential and its resources takes the
    credential first.
    """
    # SQLite's IMMEDIATE transaction has the whole database already.
    return query if is_sqlite() else query.for_update(f"FOR NO KEY UPDATE {otherwise}")


def held(query: Any) -> Any:
    """The select `query`, whose rows nobody changes until the open transaction ends; others may hold them too."""
    return query if is_sqlite() else query.for_update("FOR SHARE")


def insert_all(model: type[peewee.Model], rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert the rows, in their order, a thousand with a statement. Inside `write`."""
    for some in peewee.chunked(rows, _ROWS_OF_A_STATEMENT):
        model.insert_many(some).execute()


def insert_missing(model: type[peewee.Model], rows: Iterable[Mapping[str, Any]]) -> None:
    """The same of those that the table has no equal of. Inside `write`."""
    for some in peewee.chunked(rows, _ROWS_OF_A_STATEMENT):
        model.insert_many(some).on_conflict_ignore().execute()


def by_row(key: peewee.Field, values: Mapping[Any, Any], column: peewee.Field) -> peewee.Node:
    """What an update of many rows sets `column` to: each row's value, by its `key`; where there is none it stays."""
    told = [(key.db_value(which), column.db_value(value)) for which, value in values.items()]
    return peewee.Case(key, told, column) if told else column


def delete(model: type[peewee.Model], which: peewee.Node, *and_which: peewee.Node) -> int:
    """Delete the rows that all the conditions hold for; how many there were. Inside `write`."""
    deleted: int = model.delete().where(which, *and_which).execute()
    return deleted


def _microseconds_now() -> int:
    return time.time_ns() // 1000 + clock.offset
