"""/users: the people of an organisation."""

import threading
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient

from api.accounts.models import User
from api.audit_log.models import AuditEntry
from tests.api.accounts.conftest import Hire, MakeKey
from tests.api.conftest import BASE, PASSWORD, Caller, unknown_id

NEW = {"email": "Bo@Example.com", "name": "Bo", "password": PASSWORD}


def last_event() -> Any:
    return AuditEntry.select().order_by(AuditEntry.position.desc()).first()


def test_a_user_is_added(admin: Caller) -> None:
    answer = admin.post("/users", NEW)

    assert answer.status_code == 201
    assert answer.headers["ETag"] == '"1"'
    assert answer.json.keys() == {
        "id", "email", "name", "role", "isActive", "createdAt", "updatedAt", "revision",
    }  # fmt: skip
    assert answer.json["email"] == "bo@example.com"
    assert answer.json["role"] == "USER"
    assert answer.json["isActive"] is True
    assert admin.get(f"/users/{answer.json['id']}").json == answer.json


def test_adding_a_user_is_recorded_without_the_password(admin: Caller) -> None:
    admin.post("/users", NEW)

    event = last_event()
    assert (event.event_type, event.resource_name, event.details) == ("USER_CREATE", "bo@example.com", {"role": "USER"})
    assert event.actor_email == "ada@example.com"


def test_an_address_is_in_an_organisation_once(admin: Caller) -> None:
    admin.post("/users", NEW)

    answer = admin.post("/users", {**NEW, "email": "bo@example.com"})

    assert answer.status_code == 409
    assert answer.json["error"] == "CONFLICT"


def test_an_address_may_be_in_two_organisations(admin: Caller, outsider: Caller) -> None:
    assert admin.post("/users", NEW).status_code == 201
    assert outsider.post("/users", NEW).status_code == 201


def test_the_same_address_at_once_is_added_once(app: flask.Flask, admin: Caller) -> None:
    statuses = at_once(app, admin, [("POST", "/users", NEW)] * 3)

    assert sorted(statuses) == [201, 409, 409]


@pytest.mark.parametrize(
    "change",
    [
        {"password": "eleven char"},
        {"password": "x" * 129},
        {"password": None},
        {"email": "bo"},
        {"email": "bo@exam ple.com"},
        {"email": "bo@example.com, eve@example.com"},
        {"email": f"{'b' * 250}@example.com"},
        {"name": ""},
        {"name": "Bo\u202eoB"},
        {"role": "ROOT"},
        {"role": None},
        {"isActive": False},
        {"id": unknown_id()},
        {"passwordHash": "x"},
    ],
)
def test_a_malformed_user_is_refused(admin: Caller, change: dict[str, Any]) -> None:
    answer = admin.post("/users", {**NEW, **change})

    assert answer.status_code == 400
    assert answer.json["error"] == "VALIDATION_ERROR"
    assert answer.json["details"].keys() == change.keys()


def test_the_same_idempotency_key_adds_one_user(admin: Caller) -> None:
    headers = {"Idempotency-Key": "once"}
    first = admin.post("/users", NEW, headers=headers)
    second = admin.post("/users", NEW, headers=headers)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json == second.json


def test_users_are_listed_oldest_first_and_in_pages(admin: Caller, outsider: Caller) -> None:
    for number in range(4):
        admin.post("/users", {**NEW, "email": f"bo-{number}@example.com"})
    whole = admin.get("/users")

    seen, path, answers = [], "/users?limit=2", 0
    while path:
        answer = admin.get(path)
        seen += answer.json
        answers += 1
        path = answer.headers.get("Link", "").partition(">")[0].removeprefix(f"<{BASE}")

    assert [user["email"] for user in whole.json] == ["ada@example.com", *(f"bo-{n}@example.com" for n in range(4))]
    assert "Link" not in whole.headers
    assert seen == whole.json
    assert answers == 3


def test_a_user_is_changed(admin: Caller) -> None:
    user = admin.post("/users", NEW).json

    answer = admin.patch(f"/users/{user['id']}", {"name": "Beau", "role": "ORG_ADMIN"})

    assert answer.status_code == 200
    assert (answer.json["name"], answer.json["role"], answer.json["revision"]) == ("Beau", "ORG_ADMIN", 2)
    assert answer.headers["ETag"] == '"2"'
    event = last_event()
    assert event.event_type == "USER_UPDATE"
    assert event.details == {"changed": ["name", "role"], "role": {"from": "USER", "to": "ORG_ADMIN"}}


def test_a_change_that_changes_nothing_leaves_the_revision(admin: Caller) -> None:
    user = admin.post("/users", NEW).json

    assert admin.patch(f"/users/{user['id']}", {"name": "Bo"}).json == user
    assert admin.patch(f"/users/{user['id']}", {}).json == user


@pytest.mark.parametrize("body", [{"name": None}, {"isActive": "yes"}, {"email": "x@example.com"}, {"name": 7}, []])
def test_a_malformed_change_is_refused(admin: Caller, body: Any) -> None:
    assert admin.patch(f"/users/{admin.user.id}", body).status_code == 400


def test_a_stale_change_is_refused(admin: Caller) -> None:
    user = admin.post("/users", NEW).json
    path = f"/users/{user['id']}"
    admin.patch(path, {"name": "Beau"})

    stale = {"If-Match": '"1"'}
    assert admin.patch(path, {"name": "Bob"}, headers=stale).status_code == 412
    assert admin.delete(path, headers=stale).status_code == 412
    assert admin.get(path).json["name"] == "Beau"
    assert admin.patch(path, {"name": "Bob"}, headers={"If-Match": '"2"'}).status_code == 200
    assert admin.delete(path, headers={"If-Match": "*"}).status_code == 204


def test_a_demoted_administrator_may_nothing_at_once(admin: Caller, hire: Hire) -> None:
    second = hire("ORG_ADMIN")
    assert second.get("/users").status_code == 200

    admin.patch(f"/users/{second.user.id}", {"role": "USER"})

    answer = second.get("/users")
    assert answer.status_code == 403
    assert answer.json["message"] == "User lacks ORG_ADMIN role"


def test_a_deactivated_user_is_out_at_once_and_stays_out(admin: Caller, hire: Hire) -> None:
    bo = hire()

    admin.patch(f"/users/{bo.user.id}", {"isActive": False})
    assert bo.get("/auth/me").status_code == 401

    admin.patch(f"/users/{bo.user.id}", {"isActive": True})
    assert bo.get("/auth/me").status_code == 401
    assert sign_in_status(bo) == 200


def test_a_deactivated_users_keys_end(admin: Caller, hire: Hire, make_key: MakeKey) -> None:
    second = hire("ORG_ADMIN")
    theirs = make_key("users:read", maker=second)
    of_organisation = make_key("users:read", maker=second, belongsTo="ORGANIZATION")

    admin.patch(f"/users/{second.user.id}", {"isActive": False})
    admin.patch(f"/users/{second.user.id}", {"isActive": True})

    assert theirs.ask("GET", "/users").status_code == 401
    assert of_organisation.ask("GET", "/users").status_code == 200
    assert AuditEntry.get(AuditEntry.event_type == "API_KEY_REVOKE").resource_id == theirs.made["id"]


def test_a_deleted_user_is_gone(admin: Caller, hire: Hire, make_key: MakeKey) -> None:
    second = hire("ORG_ADMIN")
    key = make_key("users:read", maker=second)
    path = f"/users/{second.user.id}"

    assert admin.delete(path).status_code == 204

    assert admin.get(path).status_code == 404
    assert admin.delete(path).status_code == 404
    assert second.get("/auth/me").status_code == 401
    assert key.ask("GET", "/users").status_code == 401
    assert sign_in_status(second) == 401
    assert AuditEntry.get(AuditEntry.event_type == "USER_DELETE").resource_name == second.user.email


@pytest.mark.parametrize("change", [{"role": "USER"}, {"isActive": False}, None])
def test_the_last_administrator_stays(admin: Caller, hire: Hire, change: dict[str, Any] | None) -> None:
    hire()
    inactive = hire("ORG_ADMIN")
    admin.patch(f"/users/{inactive.user.id}", {"isActive": False})
    path = f"/users/{admin.user.id}"

    answer = admin.delete(path) if change is None else admin.patch(path, change)

    assert answer.status_code == 400
    assert answer.json["error"] == "LAST_ADMIN"
    assert admin.get(path).status_code == 200


def test_two_administrators_cannot_demote_each_other_at_once(app: flask.Flask, admin: Caller, hire: Hire) -> None:
    for _ in range(5):
        second = hire("ORG_ADMIN")
        demotions = [("PATCH", f"/users/{user.id}", {"role": "USER"}) for user in (admin.user, second.user)]

        statuses = at_once(app, admin, demotions)

        assert User.select().where(User.role == "ORG_ADMIN").count() == 1
        # The loser is refused as the last one, or as nobody's administrator any more.
        assert sorted(statuses)[0] == 200
        assert sorted(statuses)[1] in (400, 403)
        User.update(role="ORG_ADMIN").where(User.id == admin.user.id).execute()
        User.update(role="USER").where(User.id == second.user.id).execute()


@pytest.mark.parametrize("user_id", ["x", "00000000-0000-0000-0000-000000000000", "%00", "1' OR '1'='1"])
def test_an_unknown_user_is_not_found(admin: Caller, user_id: str) -> None:
    for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        answer = admin.ask(method, f"/users/{user_id}", json=body)
        assert answer.status_code == 404
        assert answer.json["error"] == "USER_NOT_FOUND"


def test_a_strangers_user_is_not_found(admin: Caller, outsider: Caller) -> None:
    path = f"/users/{admin.user.id}"

    for method, body in (("GET", None), ("PATCH", {"name": "Eve"}), ("DELETE", None)):
        answer = outsider.ask(method, path, json=body)
        assert answer.status_code == 404
        assert answer.json["message"] == f"User with ID {admin.user.id} not found"
    assert [user["email"] for user in outsider.get("/users").json] == ["eve@example.org"]


def test_a_user_may_not_see_or_change_users(hire: Hire) -> None:
    bo = hire()

    for method, path in (
        ("GET", "/users"),
        ("POST", "/users"),
        ("GET", f"/users/{bo.user.id}"),
        ("PATCH", f"/users/{bo.user.id}"),
        ("DELETE", f"/users/{bo.user.id}"),
    ):
        assert bo.ask(method, path).status_code == 403


def test_a_stranger_may_nothing(client: FlaskClient, db: str) -> None:
    for method, path in (
        ("GET", "/users"),
        ("POST", "/users"),
        ("GET", f"/users/{unknown_id()}"),
        ("PATCH", f"/users/{unknown_id()}"),
        ("DELETE", f"/users/{unknown_id()}"),
    ):
        assert client.open(f"{BASE}{path}", method=method).status_code == 401


def sign_in_status(caller: Caller) -> int:
    body = {"email": caller.user.email, "password": PASSWORD}
    return caller.client.post(f"{BASE}/auth/login", json=body).status_code


def at_once(app: flask.Flask, caller: Caller, requests: list[tuple[str, str, Any]]) -> list[int]:
    """Send all requests at the same time; their statuses."""
    start, statuses = threading.Barrier(len(requests)), []

    def send(method: str, path: str, body: Any) -> None:
        own = Caller(app.test_client(), caller.user, caller.token)
        start.wait()
        statuses.append(own.ask(method, path, json=body).status_code)

    threads = [threading.Thread(target=send, args=request) for request in requests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses
