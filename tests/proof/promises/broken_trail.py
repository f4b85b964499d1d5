"""A database that takes no event any more: at the insert, or at the commit."""

import contextlib
from collections.abc import Iterator

from api.audit_log.models import AuditEntry
from api.database import connection, database, is_sqlite

AT_COMMIT = 0
HELP_TABLES = {"broken", "sign_in_failures"}
"""What the breaking needs, and what is counted before it is known who signs in, whatever becomes of that."""


@contextlib.contextmanager
def broken_trail(event: int = 1) -> Iterator[None]:
    """In the block the `event`-th event from now on cannot be written; `AT_COMMIT`: none can be committed."""
    with connection():  # not for the whole block: a command opens one of its own
        full_at = AuditEntry.select().count() + event - 1
        for statement in _at_commit() if event == AT_COMMIT else _at_insert(full_at):
            database.execute_sql(statement)
    try:
        yield
    finally:
        with connection():
            database.execute_sql("DROP TRIGGER broken" if is_sqlite() else "DROP TRIGGER broken ON audit_log")
            if is_sqlite():
                database.execute_sql("DROP TABLE IF EXISTS broken")


def _at_insert(full_at: int) -> list[str]:
    full = f"(SELECT COUNT(*) FROM audit_log) >= {full_at}"  # noqa: S608 - a number
    if is_sqlite():
        return [f"CREATE TRIGGER broken BEFORE INSERT ON audit_log WHEN {full} BEGIN SELECT RAISE(ABORT, 'full'); END"]
    # What PostgreSQL says when its disk is full.
    body = f"BEGIN IF {full} THEN RAISE EXCEPTION 'full' USING ERRCODE = '53100'; END IF; RETURN NEW; END"
    return [
        _function(body),
        "CREATE TRIGGER broken BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION broken()",
    ]


def _at_commit() -> list[str]:
    if is_sqlite():
        # A link to nothing, which is looked at when all is done.
        return [
            "CREATE TABLE broken (id TEXT REFERENCES organisations (id) DEFERRABLE INITIALLY DEFERRED)",
            "CREATE TRIGGER broken AFTER INSERT ON audit_log BEGIN INSERT INTO broken VALUES ('nothing'); END",
        ]
    return [
        _function("BEGIN RAISE EXCEPTION 'full' USING ERRCODE = '53100'; END"),
        "CREATE CONSTRAINT TRIGGER broken AFTER INSERT ON audit_log DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION broken()",
    ]


def _function(body: str) -> str:
    return f"CREATE OR REPLACE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$"
