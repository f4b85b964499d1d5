"""/api-keys: what pipelines identify themselves with."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from api.access import SCOPES
from api.accounts.models import ApiKey
from api.audit_log.models import AuditEntry
from api.database import clock
from tests.api.accounts.conftest import Hire, MakeKey
from tests.api.conftest import BASE, Caller, unknown_id

NEW: dict[str, Any] = {"name": "CI", "scopes": ["credentials:read", "credentials:write"]}
HOUR = 3600 * 1_000_000


def test_a_key_is_made_and_its_text_shown_once(admin: Caller) -> None:
    answer = admin.post("/api-keys", NEW)

    assert answer.status_code == 201
    text = answer.json["plainTextKey"]
    assert text.startswith(f"{answer.json['keyPrefix']}_")
    assert answer.json["scopes"] == NEW["scopes"]
    assert answer.json["belongsTo"] == "USER"
    assert answer.json["userId"] == str(admin.user.id)
    assert answer.json["createdBy"] == "ada@example.com"
    listed = admin.get("/api-keys")
    assert text not in listed.text
    assert listed.json == [{name: value for name, value in answer.json.items() if name != "plainTextKey"}]


def test_only_a_hash_of_a_key_is_kept(admin: Caller) -> None:
    text = admin.post("/api-keys", NEW).json["plainTextKey"]

    key = ApiKey.get()
    assert len(bytes(key.key_hash)) == 32
    assert text.removeprefix(f"{key.key_prefix}_") not in str(key.__data__)
    event = AuditEntry.get(AuditEntry.event_type == "API_KEY_CREATE")
    assert event.details == {"scopes": NEW["scopes"], "keyPrefix": key.key_prefix}


def test_a_key_of_the_organisation_belongs_to_nobody(admin: Caller) -> None:
    made = admin.post("/api-keys", {**NEW, "belongsTo": "ORGANIZATION"}).json

    assert (made["belongsTo"], made["userId"]) == ("ORGANIZATION", None)


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": None},
        {"scopes": []},
        {"scopes": None},
        {"scopes": "credentials:read"},
        {"scopes": ["credentials:*"]},
        {"scopes": ["api-keys:read"]},
        {"belongsTo": "ME"},
        {"expiresAt": "tomorrow"},
        {"expiresAt": "2020-01-01T00:00:00Z"},
        {"allowedCidrs": []},
        {"allowedCidrs": ["203.0.113.1/24"]},
        {"allowedCidrs": ["fe80::1%eth0"]},
        {"allowedCidrs": ["anywhere"]},
        {"keyPrefix": "egk_00000000"},
    ],
)
def test_a_malformed_key_is_refused(admin: Caller, change: dict[str, Any]) -> None:
    answer = admin.post("/api-keys", {**NEW, **change})

    assert answer.status_code == 400
    assert answer.json["error"] == "VALIDATION_ERROR"


def test_every_scope_can_be_given(admin: Caller) -> None:
    assert set(admin.post("/api-keys", {**NEW, "scopes": sorted(SCOPES)}).json["scopes"]) == SCOPES


def test_the_text_of_a_key_is_not_given_twice(admin: Caller) -> None:
    headers = {"Idempotency-Key": "once"}
    admin.post("/api-keys", NEW, headers=headers)

    again = admin.post("/api-keys", NEW, headers=headers)

    assert again.status_code == 409
    assert ApiKey.select().count() == 1


def test_a_revoked_key_stops_at_once(admin: Caller, make_key: MakeKey) -> None:
    key = make_key("users:read")
    assert key.ask("GET", "/users").status_code == 200

    assert admin.delete(f"/api-keys/{key.made['id']}").status_code == 204

    assert key.ask("GET", "/users").status_code == 401
    assert admin.get("/api-keys").json == []
    assert admin.delete(f"/api-keys/{key.made['id']}").status_code == 404
    assert AuditEntry.select().where(AuditEntry.event_type == "API_KEY_REVOKE").count() == 1


def test_a_key_ends_when_it_expires(make_key: MakeKey) -> None:
    key = make_key("users:read", expiresAt="2100-01-01T00:00:00Z")
    assert key.ask("GET", "/users").status_code == 200

    ApiKey.update(expires_at=ApiKey.created_at + HOUR).execute()
    clock.offset = HOUR + 1

    assert key.ask("GET", "/users").status_code == 401


def test_a_key_with_a_stale_revision_is_not_revoked(admin: Caller, make_key: MakeKey) -> None:
    path = f"/api-keys/{make_key('users:read').made['id']}"

    assert admin.delete(path, headers={"If-Match": '"7"'}).status_code == 412
    assert admin.delete(path, headers={"If-Match": '"1"'}).status_code == 204


def test_keys_are_listed_oldest_first_and_in_pages(admin: Caller) -> None:
    for number in range(3):
        admin.post("/api-keys", {**NEW, "name": f"key {number}"})

    first = admin.get("/api-keys?limit=2")
    second = admin.get(first.headers["Link"].partition(">")[0].removeprefix(f"<{BASE}"))

    assert [key["name"] for key in first.json + second.json] == ["key 0", "key 1", "key 2"]
    assert "Link" not in second.headers


def test_a_key_makes_keys_with_its_own_scopes_or_fewer(make_key: MakeKey) -> None:
    maker = make_key("api-keys:write", "users:read")

    assert make_key("users:read", maker=maker).ask("GET", "/users").status_code == 200
    refused = maker.ask("POST", "/api-keys", json={"name": "more", "scopes": ["users:read", "users:write"]})
    assert refused.status_code == 403
    assert refused.json["message"] == "API key lacks scope users:write"


def test_a_key_revokes_only_keys_with_its_own_scopes_or_fewer(make_key: MakeKey) -> None:
    maker, stronger, weaker = make_key("api-keys:write"), make_key("users:write"), make_key("api-keys:write")

    assert maker.ask("DELETE", f"/api-keys/{stronger.made['id']}").status_code == 403
    assert maker.ask("DELETE", f"/api-keys/{weaker.made['id']}").status_code == 204


def test_a_key_makes_no_key_that_outlives_it(make_key: MakeKey) -> None:
    maker = make_key("api-keys:write", expiresAt="2100-01-01T00:00:00Z", allowedCidrs=["127.0.0.0/8", "::1"])

    def status(**body: Any) -> int:
        return int(
            maker.ask("POST", "/api-keys", json={"name": "child", "scopes": ["api-keys:write"], **body}).status_code
        )

    inside = {"expiresAt": "2099-01-01T00:00:00Z", "allowedCidrs": ["127.0.0.1"]}
    assert status(**inside) == 201
    assert status(**{**inside, "expiresAt": "2101-01-01T00:00:00Z"}) == 403
    assert status(**{**inside, "expiresAt": None}) == 403
    assert status(**{**inside, "allowedCidrs": ["0.0.0.0/0"]}) == 403
    assert status(**{**inside, "allowedCidrs": None}) == 403
    assert status(**inside, belongsTo="ORGANIZATION") == 403


def test_a_key_of_the_organisation_makes_keys_of_the_organisation(make_key: MakeKey) -> None:
    maker = make_key("api-keys:write", belongsTo="ORGANIZATION")

    assert make_key("api-keys:write", maker=maker).made["belongsTo"] == "ORGANIZATION"
    answer = maker.ask("POST", "/api-keys", json={"name": "x", "scopes": ["api-keys:write"], "belongsTo": "USER"})
    assert answer.status_code == 403


def test_a_strangers_key_is_not_found(outsider: Caller, make_key: MakeKey) -> None:
    key = make_key("users:read")
    unknown = unknown_id()

    answer, nothing = outsider.delete(f"/api-keys/{key.made['id']}"), outsider.delete(f"/api-keys/{unknown}")

    assert (answer.status_code, nothing.status_code) == (404, 404)
    assert answer.json["message"].replace(key.made["id"], "") == nothing.json["message"].replace(unknown, "")
    assert outsider.get("/api-keys").json == []
    assert key.ask("GET", "/users").status_code == 200


def test_a_user_may_not_make_see_or_revoke_keys(hire: Hire) -> None:
    bo = hire()

    for method, path in (("GET", "/api-keys"), ("POST", "/api-keys"), ("DELETE", f"/api-keys/{unknown_id()}")):
        assert bo.ask(method, path).status_code == 403


def test_a_stranger_may_nothing(client: FlaskClient, db: str) -> None:
    for method, path in (("GET", "/api-keys"), ("POST", "/api-keys"), ("DELETE", f"/api-keys/{unknown_id()}")):
        assert client.open(f"{BASE}{path}", method=method).status_code == 401
