"""GET /audit-logs: who did what, for those who may know."""

import csv
import io
import json
import uuid
from datetime import timedelta
from typing import Any

import peewee
import pytest
from flask.testing import FlaskClient

from api import audit
from api.actor import Actor
from api.audit_log.models import AuditEntry
from api.database import clock, database, is_sqlite, write
from tests.api.conftest import BASE, Caller
from tests.api.published import CREATE_CREDENTIAL
from tests.api.test_errors import check
from tests.proof.ledger import proven

AWS = CREATE_CREDENTIAL["AWS"]
HOUR = 3600 * 1_000_000


def make_events(caller: Caller, *types: str, **columns: Any) -> None:
    """Events of the caller's organisation, written as the server writes them."""
    actor = Actor("USER", caller.user.organisation_id, "test", columns.pop("email", caller.user.email))
    with write():
        for event_type in types:
            audit.record(actor, event_type, **columns)


def types(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.json
    return [event["eventType"] for event in answer.json]


def test_the_last_event_comes_first(admin: Caller) -> None:
    make_events(admin, "FIRST", "SECOND", "THIRD")

    assert types(admin.get("/audit-logs"))[:3] == ["THIRD", "SECOND", "FIRST"]


def test_the_last_event_comes_first_though_the_clock_was_set_back(admin: Caller) -> None:
    make_events(admin, "FIRST")
    clock.offset = -HOUR
    make_events(admin, "SECOND")
    clock.offset = 0

    assert types(admin.get("/audit-logs"))[:2] == ["SECOND", "FIRST"]


def test_pages_hold_fifty_and_follow_the_link(admin: Caller) -> None:
    make_events(admin, *[f"EVENT_{number}" for number in range(120)])
    path: str | None = "/audit-logs"
    pages = []
    while path:
        answer = admin.get(path)
        pages.append(types(answer))
        link = answer.headers.get("Link")
        path = link.split(">")[0].removeprefix(f"<{BASE}") if link else None
        make_events(admin, "MEANWHILE")

    events = [event for page in pages for event in page]
    assert [len(page) for page in pages] == [50, 50, len(events) - 100]
    assert [event for event in events if event.startswith("EVENT")] == [f"EVENT_{n}" for n in range(119, -1, -1)]


def test_events_are_found_by_type_and_by_actor(admin: Caller) -> None:
    make_events(admin, "WANTED", "OTHER")
    make_events(admin, "WANTED", email="uma@example.com")

    assert types(admin.get("/audit-logs?eventType=WANTED")) == ["WANTED", "WANTED"]
    assert types(admin.get("/audit-logs?actorEmail=uma@example.com")) == ["WANTED"]
    assert types(admin.get("/audit-logs?actorEmail=uma@example.com&eventType=OTHER")) == []


def test_events_are_found_by_time_from_inclusive_to_exclusive(admin: Caller) -> None:
    clock.offset = -2 * HOUR
    make_events(admin, "EARLY")
    clock.offset = -HOUR
    make_events(admin, "LATE")
    clock.offset = 0
    late = AuditEntry.get(AuditEntry.event_type == "LATE").created_at.replace(microsecond=0)
    begin, end = (f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (late, late + timedelta(seconds=1)))

    assert types(admin.get(f"/audit-logs?from={begin}&to={end}")) == ["LATE"]
    assert types(admin.get(f"/audit-logs?to={begin}")) == ["EARLY"]


def test_a_change_is_told_with_who_where_and_in_which_request(admin: Caller) -> None:
    created = admin.post("/credentials", json=AWS)

    (event,) = admin.get("/audit-logs?eventType=CREDENTIAL_CREATE").json

    assert event["actorType"] == "USER" and event["actorEmail"] == admin.user.email
    assert event["ipAddress"] == "127.0.0.1" and event["requestId"] == created.headers["X-Request-ID"]
    assert (event["resourceType"], event["resourceId"]) == ("CREDENTIAL", created.json["id"])
    assert (event["resourceName"], event["result"], event["errorMessage"]) == (AWS["name"], "SUCCESS", None)


def test_another_organisations_events_are_not_there(admin: Caller, outsider: Caller) -> None:
    make_events(admin, "OURS")

    for path in ("/audit-logs?eventType=OURS", "/audit-logs?actorEmail=ada@example.com"):
        assert types(outsider.get(path)) == []
    assert "OURS" not in outsider.get("/audit-logs?format=jsonl").text


def test_only_administrators_and_keys_with_the_scope_may_know(client: FlaskClient, admin: Caller, user: Caller) -> None:
    allowed, other = (
        admin.post("/api-keys", json={"name": scope, "scopes": [scope]}).json["plainTextKey"]
        for scope in ("audit:read", "credentials:read")
    )

    check(user.get("/audit-logs"), 403, "FORBIDDEN")
    assert client.get(f"{BASE}/audit-logs", headers={"X-API-Key": allowed}).status_code == 200
    assert client.get(f"{BASE}/audit-logs", headers={"X-API-Key": other}).status_code == 403


def test_all_that_match_are_exported_as_json_lines(admin: Caller) -> None:
    make_events(admin, *["MANY"] * 1001)

    answer = admin.get("/audit-logs?format=jsonl&eventType=MANY")

    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert answer.mimetype == "application/jsonl" and "attachment" in answer.headers["Content-Disposition"]
    assert len({line["id"] for line in lines}) == len(lines) == 1001
    assert lines[-1] == admin.get("/audit-logs?eventType=MANY&limit=1").json[0]


def test_the_csv_has_the_same_columns_and_the_first_event_first(admin: Caller) -> None:
    make_events(admin, "FIRST", "SECOND", details={"changed": ["name"]}, error='He said "no",\nand left')

    answer = admin.get("/audit-logs?format=csv")

    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert answer.mimetype == "text/csv"
    assert list(rows[0]) == list(admin.get("/audit-logs?limit=1").json[0])
    assert [row["eventType"] for row in rows][-2:] == ["FIRST", "SECOND"]
    assert rows[-1]["errorMessage"] == 'He said "no",\nand left'
    assert json.loads(rows[-1]["details"]) == {"changed": ["name"]}


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|'/c calc'!A1", '=HYPERLINK("http://x")'])
def test_no_cell_of_the_csv_is_a_formula(admin: Caller, name: str) -> None:
    admin.post("/credentials", json={**AWS, "name": name})

    text = admin.get("/audit-logs?format=csv&eventType=CREDENTIAL_CREATE").text

    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert row["resourceName"] == f"'{name}"


def test_the_database_changes_and_deletes_no_event(admin: Caller) -> None:
    statements = ["UPDATE audit_log SET actor_email = 'nobody'", "DELETE FROM audit_log"]
    columns = ", ".join(AuditEntry._meta.columns)
    copies = f"SELECT {columns} FROM audit_log WHERE true"  # noqa: S608 - names of columns
    if is_sqlite():
        statements += [f"REPLACE INTO audit_log ({columns}) {copies.replace('actor_email', repr('nobody'))}"]
    else:
        upsert = f"INSERT INTO audit_log ({columns}) OVERRIDING SYSTEM VALUE {copies} ON CONFLICT (id)"
        statements += ["TRUNCATE audit_log", f"{upsert} DO UPDATE SET actor_email = 'nobody'"]
    before = AuditEntry.select().count()

    for statement in statements:
        with pytest.raises(peewee.DatabaseError, match="append-only"), database.atomic():
            database.execute_sql(statement)

    assert AuditEntry.select().where(AuditEntry.actor_email == admin.user.email).count() > 0
    assert AuditEntry.select().count() == before
    engine = "SQLite" if is_sqlite() else "PostgreSQL"
    proven("P10", f"audit rows changed, replaced and deleted by SQL, {engine}", f"{len(statements)} statements refused")


@pytest.mark.engines("sqlite")
def test_no_secret_is_in_the_trail(admin: Caller) -> None:
    secret, password = f"canary-{uuid.uuid4().hex}", f"canary-{uuid.uuid4().hex}"
    for example in (CREATE_CREDENTIAL[name] for name in ("AWS", "AZURE", "APISIX")):
        data = {
            key: secret if "ecret" in key or key == "apiKey" else text
            for key, text in example["credentialData"].items()
        }
        made = admin.post("/credentials", json={**example, "credentialData": data})
        assert admin.patch(f"/credentials/{made.json['id']}", json={"credentialData": data}).status_code == 200
    admin.post("/users", json={"email": "a@b.example", "name": "A", "password": password})
    admin.client.post(f"{BASE}/auth/login", json={"email": "ada@example.com", "password": password})
    key = admin.post("/api-keys", json={"name": "ci", "scopes": ["audit:read"]}).json["plainTextKey"]

    trail = admin.get("/audit-logs?format=jsonl").text

    assert len(trail.splitlines()) > 8
    assert not [hidden for hidden in (secret, password, key, admin.token) if hidden in trail]
