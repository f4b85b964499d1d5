"""No test meets what another one has left in PostgreSQL."""

from contextlib import closing
from typing import Any

import psycopg2
import pytest

from tests.databases import administer
from tests.postgresql_databases import Databases

ENOUGH = 6
"""So many are asked for that some have been used before."""


def connected(url: str) -> Any:
    link = psycopg2.connect(url)
    link.autocommit = True
    return link


def asked(url: str, question: str) -> list[Any]:
    with closing(connected(url)) as link, link.cursor() as cursor:
        cursor.execute(question)
        return list(cursor.fetchall())


ADD_EVENT = (
    "INSERT INTO audit_log (id, event_type, actor_type, result, created_at) "
    "VALUES (gen_random_uuid(), 'LOGIN', 'USER', 'SUCCESS', 1) RETURNING position"
)


def test_each_is_as_the_first_was(postgresql_databases: Databases) -> None:
    seen, numbers = [], []
    for _ in range(ENOUGH):
        with postgresql_databases.fresh() as url:
            rows = asked(url, "SELECT id, database_identity FROM installation")
            seen.append((rows, asked(url, "SELECT count(*) FROM audit_log")))
            numbers += asked(url, ADD_EVENT)
            administer(url, "UPDATE installation SET id = gen_random_uuid(), database_identity = 'elsewhere'")
            administer(url, "DELETE FROM schema_migration")

    assert [rows for rows, _ in seen] == [seen[0][0]] * ENOUGH
    assert [count for _, count in seen] == [[(0,)]] * ENOUGH
    assert numbers == [(1,)] * ENOUGH
    with postgresql_databases.fresh() as url:
        assert asked(url, "SELECT count(*) FROM schema_migration")[0][0] > 0


@pytest.mark.parametrize(
    "change",
    [
        "DROP TABLE audit_log",
        "ALTER TABLE credentials DROP COLUMN name",
        "ALTER TABLE credentials ALTER COLUMN name DROP NOT NULL",
        "ALTER TABLE credentials ALTER COLUMN name SET DEFAULT 'x'",
        "ALTER TABLE audit_log DISABLE TRIGGER audit_log_guard",
        "CREATE OR REPLACE FUNCTION audit_log_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
        "CREATE TABLE more (id int)",
        "CREATE SCHEMA more",
        "CREATE INDEX more ON credentials (name)",
        "DROP INDEX credentials_due",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = 64', current_database()); END $$",
    ],
)
def test_one_whose_tables_were_changed_is_not_used_again(postgresql_databases: Databases, change: str) -> None:
    with postgresql_databases.fresh() as url:
        administer(url, change)
        changed = asked(url, "SELECT oid FROM pg_database WHERE datname = current_database()")

    for _ in range(ENOUGH):
        with postgresql_databases.fresh() as url:
            assert asked(url, "SELECT oid FROM pg_database WHERE datname = current_database()") != changed


def test_who_had_one_cannot_come_back_to_it(postgresql_databases: Databases) -> None:
    with postgresql_databases.fresh() as former:
        left_open = connected(former)

    for _ in range(ENOUGH):
        with postgresql_databases.fresh():
            pass

    with pytest.raises(psycopg2.OperationalError):
        left_open.cursor().execute("SELECT 1")
    with pytest.raises(psycopg2.OperationalError, match="does not exist"):
        connected(former)


def test_one_that_somebody_has_come_back_to_is_not_used_again(postgresql_databases: Databases) -> None:
    with postgresql_databases.fresh() as url:
        came_from = asked(url, "SELECT oid FROM pg_database WHERE datname = current_database()")
    with closing(connected(url)):
        for _ in range(ENOUGH):
            with postgresql_databases.fresh() as other:
                assert asked(other, "SELECT oid FROM pg_database WHERE datname = current_database()") != came_from


def test_they_go_on_when_all_connections_were_ended(postgresql_databases: Databases) -> None:
    with postgresql_databases.fresh() as url:
        asked(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")

    with postgresql_databases.fresh() as url:
        assert asked(url, "SELECT 1") == [(1,)]
