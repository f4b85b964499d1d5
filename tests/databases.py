"""Fresh databases for tests: a copy of a migrated one costs milliseconds."""

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest


@contextlib.contextmanager
def fresh_database(engine: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """The URL of a migrated database of that kind, which nobody else has; gone after the block."""
    name = f"test_{uuid.uuid4().hex}"
    if engine == "sqlite":
        file = folder / f"{name}.sqlite"
        file.write_bytes(request.getfixturevalue("sqlite_template"))
        yield f"sqlite:///{file}"
        return
    server = request.getfixturevalue("postgresql_server")
    administer(server, f"CREATE DATABASE {name} TEMPLATE {request.getfixturevalue('postgresql_template')}")
    yield with_database(server, name)
    administer(server, f"DROP DATABASE {name} WITH (FORCE)")


def administer(server: str, statement: str) -> None:
    """Run one statement outside of a transaction, as CREATE DATABASE wants it."""
    link: Any = psycopg2.connect(server)
    try:
        link.autocommit = True
        link.cursor().execute(statement)
    finally:
        link.close()


def with_database(server: str, name: str) -> str:
    """The URL of another database of the same server."""
    return server.replace("/postgres?", f"/{name}?")
