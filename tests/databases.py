"""Fresh databases for tests: a copy of a migrated one costs milliseconds."""

import contextlib
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from tests.postgresql_databases import Databases, with_database
from tests.proof.neighbours.redis_faults import OPTION
from tests.proof.scale import FULL

__all__ = ["administer", "engines_of", "fresh_database", "with_database"]


def engines_of(test: pytest.Item, usual: Sequence[str]) -> tuple[str, ...]:
    """The databases that a test is done with: those of its `engines`, else the usual ones.

    Of these only those of `shortly`, if it has them; but all in the proof's long form, and while Redis is in trouble.
    """
    asked, shortly = test.get_closest_marker("engines"), test.get_closest_marker("shortly")
    engines = tuple(asked.args if asked else usual)
    if shortly is None or FULL or test.config.getoption(OPTION):
        return engines
    return tuple(engine for engine in engines if engine in shortly.args) or engines


@contextlib.contextmanager
def fresh_database(engine: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """The URL of a migrated database of that kind, which nobody else has; gone after the block."""
    if engine == "sqlite":
        file = folder / f"test_{uuid.uuid4().hex}.sqlite"
        file.write_bytes(request.getfixturevalue("sqlite_template"))
        yield f"sqlite:///{file}"
        return
    databases: Databases = request.getfixturevalue("postgresql_databases")
    with databases.fresh() as url:
        yield url


def administer(server: str, statement: str) -> None:
    """Run one statement outside of a transaction, as CREATE DATABASE wants it."""
    link: Any = psycopg2.connect(server)
    try:
        link.autocommit = True
        link.cursor().execute(statement)
    finally:
        link.close()
