"""Everything that is in a database, to compare."""

from collections.abc import Collection
from typing import Any

from api.database import database

_NOTES = {"last_used_at", "seen_at"}
"""Columns that are written whatever becomes of a request."""


def contents(but_for: Collection[str] = ()) -> dict[str, list[str]]:
    """All rows of all tables but these, in an order of their own, readable."""
    tables = sorted(set(database.get_tables()) - set(but_for))
    return {table: _rows(table) for table in tables}


def _rows(table: str) -> list[str]:
    cursor: Any = database.execute_sql(f'SELECT * FROM "{table}"')  # noqa: S608 - the database's own name
    names = [column[0] for column in cursor.description]
    return sorted(
        repr({name: _readable(value) for name, value in zip(names, row, strict=True) if name not in _NOTES})
        for row in cursor.fetchall()
    )


def _readable(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value
