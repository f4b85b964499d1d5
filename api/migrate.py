"""Brings the database's tables to what this version needs: numbered scripts in `migrations/`, each run once."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from playhouse.migrations import Runner

from api.database import connection, database, is_sqlite, sqlite_file

_SCRIPTS = Path(__file__).parent / "migrations"
# Any number will do, so long as everybody who migrates this database takes the same one.
_ADVISORY_LOCK = 0x656E7472


def migrate() -> list[str]:
    """Run what has not been run yet, in order, each script in a transaction. Returns their names.

    Two that start together wait for each other, and the second finds nothing to do.
    """
    with connection(), _alone():
        return list(Runner(database.obj, str(_SCRIPTS)).up())


def pending() -> list[str]:
    """The scripts that `migrate` would run."""
    with connection():
        scripts = Runner(database.obj, str(_SCRIPTS)).status()
        return [script.name for script in scripts if script.path and not script.applied]


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    if is_sqlite():
        with _file_lock():
            yield
        return
    database.execute_sql("SELECT pg_advisory_lock(%s)", (_ADVISORY_LOCK,))
    try:
        yield
    finally:
        database.execute_sql("SELECT pg_advisory_unlock(%s)", (_ADVISORY_LOCK,))


@contextlib.contextmanager
def _file_lock() -> Iterator[None]:
    file = sqlite_file()
    with Path(f"{file}.migrating").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
