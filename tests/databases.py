"""Fresh databases for tests: a copy of a migrated one costs milliseconds."""

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from tests.postgresql_databases import Databases, with_database

__all__ = ["administer", "fresh_database", "with_database"]


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
