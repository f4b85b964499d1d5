"""Two transactions at once on PostgreSQL, in tests: who holds what, and who waits for it."""

import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg2

from api.database import connection, write
from tests.eventually import eventually


class Other:
    """Another transaction on the same PostgreSQL."""

    def __init__(self, url: str) -> None:
        self._link: Any = psycopg2.connect(url)

    def lock(self, table: str, row_id: uuid.UUID) -> None:
        """Raises LockNotAvailable at once where somebody else has the row."""
        statement = f"SELECT 1 FROM {table} WHERE id = %s FOR NO KEY UPDATE NOWAIT"  # noqa: S608 - the tests' own names
        self._link.cursor().execute(statement, (str(row_id),))

    def waits(self) -> bool:
        """Somebody waits for a lock."""
        with self._link.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            return cursor.fetchone() is not None

    def end(self) -> None:
        self._link.rollback()
        self._link.close()


@contextmanager
def other(db: str) -> Iterator[Other]:
    one = Other(db)
    try:
        yield one
    finally:
        one.end()


@contextmanager
def waiting(deed: Callable[[], Any], one: Other) -> Iterator[Future[Any]]:
    """`deed` is begun in another thread, and waits for a lock of `one`."""

    def do() -> Any:
        with connection():
            return deed()

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(do)
        try:
            assert eventually(one.waits), "nobody waits"
            yield done
        finally:
            one.end()


@contextmanager
def besides(db: str) -> Iterator[Callable[[Callable[[], Any]], Future[Any]]]:
    """Gives a way to have something done in another thread: it has ended by itself then, or waits for a lock."""

    def do(deed: Callable[[], Any]) -> Any:
        with connection():
            return deed()

    with ThreadPoolExecutor(1) as pool, other(db) as looking:

        def begin(deed: Callable[[], Any]) -> Future[Any]:
            begun = pool.submit(do, deed)
            assert eventually(lambda: begun.done() or looking.waits(), 30)
            return begun

        yield begin


@contextmanager
def uncommitted(db: str, deed: Callable[[], Any]) -> Iterator[Callable[[Callable[[], Any]], Future[Any]]]:
    """`deed` is done in another thread, and committed when the block ends.

    Gives a way to have something else done meanwhile, as `besides`.
    """
    is_done, may_commit = threading.Event(), threading.Event()

    def do_slowly() -> None:
        with connection(), write():
            deed()
            is_done.set()
            may_commit.wait(60)

    with ThreadPoolExecutor(1) as pool, besides(db) as meanwhile:
        first = pool.submit(do_slowly)
        try:
            assert eventually(lambda: is_done.is_set() or first.done(), 30)
            yield meanwhile
        finally:
            may_commit.set()
        first.result(30)


@contextmanager
def just_before(db: str, statement: str, deed: Callable[[], Any]) -> Iterator[list[Future[Any]]]:
    """`deed` is done in another thread when this one is about to send the first statement that begins so.

    Gives what becomes of it.
    """
    done: list[Future[Any]] = []
    here = threading.get_ident()

    def listen(record: logging.LogRecord) -> bool:
        """peewee logs each statement, as the pair of its text and its parameters, before it is sent."""
        is_it = isinstance(record.msg, tuple) and str(record.msg[0]).startswith(statement)
        if is_it and not done and threading.get_ident() == here:
            done.append(begin(deed))
        return False

    log = logging.getLogger("peewee")
    level = log.level
    with besides(db) as begin:
        # Not a handler: it would have whoever else logs wait meanwhile.
        log.addFilter(listen)
        log.setLevel(logging.DEBUG)
        try:
            yield done
        finally:
            log.removeFilter(listen)
            log.setLevel(level)
    assert done, "nobody said so"
