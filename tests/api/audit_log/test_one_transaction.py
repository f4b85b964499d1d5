"""No change without its event: where the event cannot be written, nothing is changed."""

from collections.abc import Iterator
from typing import Any

import flask
import pytest

from api.audit_log.models import AuditEntry
from api.database import database, is_sqlite
from api.openapi import BASE_PATH, written
from tests.api.conftest import PASSWORD, Caller
from tests.api.published import CREATE_CREDENTIAL, CREATE_RESOURCE
from tests.api.test_errors import check

AWS = CREATE_CREDENTIAL["AWS"]
SIGN_IN = {"email": "ada@example.com", "password": PASSWORD}
# What each operation that changes something is asked here. A new one without an entry fails the test below.
ASKED: dict[str, dict[str, Any] | None] = {
    "POST /auth/register": {**SIGN_IN, "email": "new@example.com", "organizationName": "New", "name": "N"},
    "POST /auth/login": SIGN_IN,
    "POST /auth/logout": None,
    "PATCH /organization": {"name": "Renamed"},
    "POST /users": {"email": "new@example.com", "name": "N", "password": PASSWORD},
    "PATCH /users/{user_id}": {"role": "ORG_ADMIN"},
    "DELETE /users/{user_id}": None,
    "POST /api-keys": {"name": "k", "scopes": ["audit:read"]},
    "DELETE /api-keys/{key_id}": None,
    "POST /credentials": AWS,
    "PATCH /credentials/{credential_id}": {"name": "Renamed", "credentialData": AWS["credentialData"]},
    "DELETE /credentials/{credential_id}": None,
    "POST /resources": CREATE_RESOURCE,
    "PATCH /resources/{resource_id}": {"name": "Renamed"},
    "DELETE /resources/{resource_id}": None,
}
# These change nothing that anybody did: a worker writes the event when it has a verdict, and new tokens go on with a
# login that has its event.
WITHOUT_EVENT = {
    "POST /credentials/{credential_id}/verify",
    "POST /resources/{resource_id}/verify",
    "POST /auth/refresh",
}
# Counted before it is known who signs in, so that an attempt counts whatever becomes of it.
_NOT_OF_THE_CHANGE = ("sign_in_failures",)


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return {**environment, "ENTRYGUARD_OPEN_REGISTRATION": "on"}


@pytest.fixture
def ids(admin: Caller, user: Caller) -> dict[str, str]:
    """What there is to change."""
    credential_id = admin.post("/credentials", json=AWS).json["id"]
    resource = {**CREATE_RESOURCE, "credentialId": credential_id}
    return {
        "user_id": str(user.user.id),
        "key_id": admin.post("/api-keys", json={"name": "k", "scopes": ["audit:read"]}).json["id"],
        "credential_id": credential_id,
        "resource_id": admin.post("/resources", json=resource).json["id"],
    }


@pytest.fixture
def broken_trail(ids: dict[str, str]) -> Iterator[None]:
    """From now on the database takes no event."""
    if is_sqlite():
        database.execute_sql("CREATE TRIGGER broken BEFORE INSERT ON audit_log BEGIN SELECT RAISE(ABORT, 'full'); END")
    else:
        body = "BEGIN RAISE EXCEPTION 'full'; END"
        database.execute_sql(f"CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$")
        database.execute_sql("CREATE TRIGGER broken BEFORE INSERT ON audit_log EXECUTE FUNCTION broken()")
    yield


def contents() -> dict[str, list[Any]]:
    """Everything that is in the database."""
    tables = [table for table in database.get_tables() if table not in _NOT_OF_THE_CHANGE]
    return {
        table: sorted(_readable(row) for row in database.execute_sql(f'SELECT * FROM "{table}"'))  # noqa: S608
        for table in tables
    }


def _readable(row: tuple[Any, ...]) -> str:
    return repr([bytes(value) if isinstance(value, memoryview) else value for value in row])


def ask(admin: Caller, operation: str, ids: dict[str, str]) -> Any:
    method, path = operation.split(" ")
    body = ASKED[operation]
    if operation == "POST /resources":
        body = {**CREATE_RESOURCE, "credentialId": ids["credential_id"]}
    return admin.ask(method, path.format(**ids), json=body)


@pytest.mark.engines("sqlite")
def test_every_operation_that_changes_something_is_asked_here(app: flask.Flask) -> None:
    operations = {
        f"{method.upper()} {path.removeprefix(BASE_PATH)}"
        for path, methods in written(app)["paths"].items()
        for method in methods
        if method in ("post", "put", "patch", "delete")
    }

    assert operations == set(ASKED) | WITHOUT_EVENT


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("operation", ASKED)
def test_a_change_and_its_event_come_together(admin: Caller, ids: dict[str, str], operation: str) -> None:
    events = AuditEntry.select().count()
    before = contents()

    answer = ask(admin, operation, ids)

    assert answer.status_code < 300, answer.json
    assert AuditEntry.select().count() > events and contents() != before


@pytest.mark.parametrize("operation", ASKED)
def test_without_its_event_nothing_is_changed(
    admin: Caller, ids: dict[str, str], broken_trail: None, operation: str
) -> None:
    before = contents()

    answer = ask(admin, operation, ids)

    check(answer, 500, "INTERNAL_ERROR")
    assert contents() == before


def test_a_failed_sign_in_needs_its_event_too(admin: Caller, broken_trail: None) -> None:
    answer = admin.client.post(f"{BASE_PATH}/auth/login", json={**SIGN_IN, "password": "not the password"})

    check(answer, 500, "INTERNAL_ERROR")
