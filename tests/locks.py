"""Two transactions at once on PostgreSQL, in tests: who holds what, and who waits for it."""

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
def uncommitted(db: str, deed: Callable[[], Any]) -> Iterator[Callable[[Callable[[], Any]], Future[Any]]]:
    """`deed` is done in another thread, and committed when the block ends.

    Gives a way to have something else done meanwhile: it has ended by itself, or waits for a lock.
    """
    is_done, may_commit = threading.Event(), threading.Event()

    def do_slowly() -> None:
        with connection(), write():
            deed()
            is_done.set()
            may_commit.wait(60)

    def do(one: Callable[[], Any]) -> Any:
        with connection():
            return one()

    with ThreadPoolExecutor(2) as pool, other(db) as looking:

        def meanwhile(one: Callable[[], Any]) -> Future[Any]:
            begun = pool.submit(do, one)
            assert eventually(lambda: begun.done() or looking.waits(), 30)
            return begun

        first = pool.submit(do_slowly)
        try:
            assert eventually(lambda: is_done.is_set() or first.done(), 30)
            yield meanwhile
        finally:
            may_commit.set()
        first.result(30)
