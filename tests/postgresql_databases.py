"""Databases of PostgreSQL for tests, each as a template is, and no two tests have the same one.

To copy a database costs a server far more than to empty one. So a database that was given back is renamed, which ends
every way to it, and then made to hold what the template holds. Where more was changed than rows it is dropped.
"""

import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg2
import psycopg2.errors
from psycopg2 import sql

# Rows that were deleted still take their place. With more of them it is quicker to copy the template again.
_MOST_BYTES = 2**20
# Connections that were told to end may need a moment, for which a server that renames their database waits.
_RESTING = 2
# PostgreSQL's own have lower numbers.
_FIRST_OBJECT = 16384

# Asked of the files: a session that has just begun would first have to learn all about each table.
_FILES: LiteralString = f"""
SELECT relname, relkind = 'r', (pg_stat_file(pg_relation_filepath(oid))).size FROM pg_class
WHERE relkind IN ('r', 't') AND oid >= {_FIRST_OBJECT}
"""  # noqa: S608 - no input
_SEQUENCES = "SELECT oid::regclass::text, pg_sequence_last_value(oid) FROM pg_class WHERE relkind = 'S' ORDER BY oid"
_CATALOGUES = {
    "pg_class": "oid",
    "pg_attribute": "attrelid",
    "pg_attrdef": "oid",
    "pg_constraint": "oid",
    "pg_namespace": "oid",
    "pg_proc": "oid",
    "pg_trigger": "oid",
    "pg_type": "oid",
}
# What is made or changed has the number of a later transaction, and what is dropped is one less.
_SHAPE: LiteralString = " UNION ALL ".join(
    f"SELECT count(*), max(xmin::text::bigint) FROM {catalogue} WHERE {number} >= {_FIRST_OBJECT}"  # noqa: S608 - no input
    for catalogue, number in _CATALOGUES.items()
)
_SETTINGS = """
SELECT count(*), 0 FROM pg_db_role_setting
WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"


@dataclass(frozen=True)
class _Contents:
    """What is in a database. rows: JSON of each table that has some. sequences: the last number of each, if any."""

    rows: dict[str, str]
    sequences: list[tuple[str, int | None]]


class Databases:
    """Fresh databases on a server, as `template` is: nobody may be connected to that one."""

    def __init__(self, server: str, template: str) -> None:
        self._server = server
        self._template = template
        self._given_back: deque[str] = deque()
        self._maintenance = self._connected()
        with closing(psycopg2.connect(with_database(server, template))) as link, link.cursor() as cursor:
            self._shape = _shape(cursor)
            filled, size = _filled(cursor)
            self._most_bytes = size + _MOST_BYTES
            rows = {name: rows for name in filled if (rows := _rows(cursor, name))}
            self._new = _Contents(rows, _asked(cursor, _SEQUENCES))

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """The URL of a database that nobody else has; gone after the block."""
        name = self._emptied() or self._copied()
        yield with_database(self._server, name)
        self._execute(_OTHERS, (name,))
        self._given_back.append(name)

    def close(self) -> None:
        """Drop what was given back."""
        while self._given_back:
            self._drop(self._given_back.popleft())
        self._maintenance.close()

    def _copied(self) -> str:
        name = _name()
        self._run("CREATE DATABASE {} TEMPLATE {}", name, self._template)
        return name

    def _emptied(self) -> str | None:
        """One that was given back and is as new; None where there is none."""
        while len(self._given_back) >= _RESTING:
            old, name = self._given_back.popleft(), _name()
            try:
                self._run("ALTER DATABASE {} RENAME TO {}", old, name)
            except psycopg2.errors.ObjectInUse:  # somebody has come back to it
                self._drop(old)
                continue
            if self._is_made_new(name):
                return name
            self._drop(name)
        return None

    def _is_made_new(self, name: str) -> bool:
        # A replica's session fires no triggers: neither those of foreign keys nor the guard of the audit trail.
        link: Any = psycopg2.connect(
            with_database(self._server, name), options="-c session_replication_role=replica -c jit=off"
        )
        with closing(link), link, link.cursor() as cursor:
            filled, size = _filled(cursor)
            if _shape(cursor) != self._shape or size > self._most_bytes:
                return False
            _restore(cursor, filled, self._new)
        return True

    def _drop(self, name: str) -> None:
        self._run("DROP DATABASE {} WITH (FORCE)", name)

    def _run(self, statement: LiteralString, *names: str) -> None:
        self._execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def _execute(self, statement: Any, values: tuple[str, ...] = ()) -> None:
        try:
            self._maintenance.cursor().execute(statement, values)
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            if not self._maintenance.closed:
                raise
            self._maintenance = self._connected()  # a test has ended all connections
            self._maintenance.cursor().execute(statement, values)

    def _connected(self) -> Any:
        link: Any = psycopg2.connect(self._server)
        link.autocommit = True
        return link


def with_database(server: str, name: str) -> str:
    """The URL of another database of the same server."""
    return server.replace("/postgres?", f"/{name}?")


def _name() -> str:
    return f"test_{uuid.uuid4().hex}"


def _asked(cursor: Any, statement: Any) -> list[Any]:
    cursor.execute(statement)
    return list(cursor.fetchall())


def _shape(cursor: Any) -> list[Any]:
    return _asked(cursor, f"{_SHAPE} UNION ALL {_SETTINGS}")


def _filled(cursor: Any) -> tuple[list[str], int]:
    """The tables that have rows or had some, and the bytes of all."""
    files = _asked(cursor, _FILES)
    return [name for name, is_table, size in files if is_table and size], sum(size for _, _, size in files)


def _rows(cursor: Any, table: str) -> str | None:
    """All rows of a table, as JSON; None where it is empty."""
    [[rows]] = _asked(cursor, sql.SQL("SELECT json_agg(t)::text FROM {} t").format(sql.Identifier(table)))
    return str(rows) if rows else None


def _restore(cursor: Any, filled: list[str], new: _Contents) -> None:
    """Have the tables hold what they hold in a new database, and the sequences go on from there."""
    changed = [name for name in filled if name not in new.rows or _rows(cursor, name) != new.rows[name]]
    for name in changed:
        cursor.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))
    for name in new.rows.keys() & changed:
        insert: LiteralString = (
            "INSERT INTO {0} OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(NULL::{0}, %s)"
        )
        cursor.execute(sql.SQL(insert).format(sql.Identifier(name)), (new.rows[name],))
    for sequence, last in new.sequences:
        cursor.execute("SELECT setval(%s, %s, %s)", (sequence, last or 1, last is not None))
