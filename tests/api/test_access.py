"""Who asks, and what they may do."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.access import SCOPES, allow, requires
from api.accounts.models import ApiKey
from api.actor import Actor
from api.database import clock, database, now, write
from api.errors import NotAllowed
from tests.api.accounts.conftest import Hire, MakeKey
from tests.api.accounts.conftest import hire as hire  # noqa: PLC0414 - fixtures are found by their names
from tests.api.accounts.conftest import make_key as make_key  # noqa: PLC0414
from tests.api.conftest import BASE, Caller

MINUTE = 60 * 1_000_000


def ask(client: FlaskClient, **headers: str) -> Any:
    return client.get(f"{BASE}/auth/me", headers={name.replace("_", "-"): value for name, value in headers.items()})


def person(role: str) -> Actor:
    return Actor(kind="USER", organisation_id=None, caller="user:1", role=role)


def key(*scopes: str, role: str | None = None) -> Actor:
    """A key of the organisation, or of a user with that role."""
    user_id = None if role is None else ApiKey().id
    return Actor("API_KEY", None, "key:1", user_id=user_id, role=role, scopes=frozenset(scopes))


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic YWRhOnB3", "{token}", "Token {token}", "Bearer  {token}", "Bearer {token} x",
     "Bearer {token},Bearer {token}", "Bearer {token}, x"],
)  # fmt: skip
def test_anything_but_one_bearer_token_is_nobody(client: FlaskClient, admin: Caller, header: str) -> None:
    assert ask(client, Authorization=header.format(token=admin.token)).status_code == 401


def test_the_schemes_name_may_be_written_small(client: FlaskClient, admin: Caller) -> None:
    assert ask(client, Authorization=f"bearer {admin.token}").status_code == 200


def test_a_token_counts_only_in_its_header(client: FlaskClient, admin: Caller) -> None:
    client.set_cookie("access_token_cookie", admin.token)

    assert client.get(f"{BASE}/auth/me?jwt={admin.token}").status_code == 401


class LateBody(io.BytesIO):
    """A body that arrives when something else has happened."""

    def __init__(self, content: bytes, meanwhile: Callable[[], object]) -> None:
        super().__init__(content)
        self._meanwhile = meanwhile

    def readinto(self, place: Any) -> int:
        self._meanwhile()
        return super().readinto(place)


def test_who_is_revoked_while_his_body_arrives_changes_nothing(
    client: FlaskClient, admin: Caller, make_key: MakeKey
) -> None:
    key = make_key("api-keys:write", belongsTo="ORGANIZATION").made
    body = json.dumps({"name": "made too late", "scopes": ["api-keys:write"]}).encode()

    def revoke() -> None:
        with write():
            ApiKey.update(revoked_at=now()).where(ApiKey.id == key["id"]).execute()

    answer = client.post(
        f"{BASE}/api-keys",
        headers={"X-API-Key": key["plainTextKey"]},
        content_type="application/json",
        content_length=len(body),
        input_stream=LateBody(body, revoke),
    )

    assert answer.status_code == 401
    assert admin.get("/api-keys").json == []


def test_a_token_and_a_key_at_once_are_refused(client: FlaskClient, admin: Caller, make_key: MakeKey) -> None:
    text = make_key("users:read").made["plainTextKey"]

    assert ask(client, Authorization=f"Bearer {admin.token}", X_API_Key=text).status_code == 401
    assert ask(client, Authorization=f"Bearer {admin.token}", X_API_Key="").status_code == 401
    assert ask(client, Authorization="", X_API_Key=text).status_code == 401


def test_what_is_no_key_of_ours_is_nobody(client: FlaskClient, make_key: MakeKey) -> None:
    text = make_key("users:read").made["plainTextKey"]

    for wrong in (
        "",
        "x",
        text[:-1],
        f"{text}x",
        text.upper(),
        f"{text[:-1]}{'A' if text[-1] != 'A' else 'B'}",
        f" {text}x",
    ):
        answer = ask(client, X_API_Key=wrong)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_key_shows_who_it_is(admin: Caller, make_key: MakeKey) -> None:
    shown = make_key("users:read", belongsTo="ORGANIZATION").ask("GET", "/auth/me").json

    assert (shown["actorType"], shown["name"], shown["scopes"]) == ("API_KEY", "CI", ["users:read"])
    assert (shown["id"], shown["role"]) == (None, None)
    assert shown["organizationId"] == str(admin.user.organisation_id)


def test_a_key_does_not_sign_out(make_key: MakeKey) -> None:
    assert make_key("users:read").ask("POST", "/auth/logout").status_code == 403


def test_a_key_does_what_its_scopes_say(make_key: MakeKey) -> None:
    reader = make_key("users:read")

    assert reader.ask("GET", "/users").status_code == 200
    refused = reader.ask("POST", "/users", json={})
    assert refused.status_code == 403
    assert refused.json["message"] == "API key lacks scope users:write"


def test_a_users_key_never_does_more_than_the_user(admin: Caller, hire: Hire, make_key: MakeKey) -> None:
    second = hire("ORG_ADMIN")
    theirs = make_key("users:read", maker=second)
    assert theirs.ask("GET", "/users").status_code == 200

    admin.patch(f"/users/{second.user.id}", {"role": "USER"})

    assert theirs.ask("GET", "/users").status_code == 403


def test_a_key_neither_makes_nor_changes_administrators(admin: Caller, hire: Hire, make_key: MakeKey) -> None:
    writer, bo = make_key("users:write"), hire()
    new = {"email": "x@example.com", "name": "X", "password": "correct horse battery"}

    assert writer.ask("POST", "/users", json=new).status_code == 201
    assert writer.ask("POST", "/users", json={**new, "email": "y@example.com", "role": "ORG_ADMIN"}).status_code == 403
    assert writer.ask("PATCH", f"/users/{bo.user.id}", json={"role": "ORG_ADMIN"}).status_code == 403
    assert writer.ask("PATCH", f"/users/{admin.user.id}", json={"role": "USER"}).status_code == 403
    assert writer.ask("DELETE", f"/users/{admin.user.id}").status_code == 403


def test_a_key_works_only_from_its_networks(client: FlaskClient, make_key: MakeKey) -> None:
    text = make_key("users:read", allowedCidrs=["198.51.100.0/24", "2001:db8::/32"]).made["plainTextKey"]

    def status(address: str) -> int:
        return client.get(
            f"{BASE}/users", headers={"X-API-Key": text}, environ_overrides={"REMOTE_ADDR": address}
        ).status_code

    assert status("198.51.100.7") == 200
    assert status("::ffff:198.51.100.7") == 200
    assert status("2001:db8::7") == 200
    assert status("198.51.101.7") == 403
    assert status("2001:db9::7") == 403
    assert status("127.0.0.1") == 403


def test_a_header_does_not_change_where_a_key_is_used_from(client: FlaskClient, make_key: MakeKey) -> None:
    text = make_key("users:read", allowedCidrs=["198.51.100.0/24"]).made["plainTextKey"]

    answer = client.get(f"{BASE}/users", headers={"X-API-Key": text, "X-Forwarded-For": "198.51.100.7"})

    assert answer.status_code == 403


def test_the_use_of_a_key_is_noted_once_a_minute(make_key: MakeKey) -> None:
    reader = make_key("users:read")

    def noted() -> Any:
        reader.ask("GET", "/auth/me")
        return ApiKey.get().last_used_at

    first = noted()
    clock.offset = MINUTE // 2
    assert noted() == first
    clock.offset = MINUTE * 2
    assert (noted() - first).total_seconds() == pytest.approx(120, abs=5)


def test_knowing_who_asks_takes_one_query(admin: Caller, make_key: MakeKey, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = make_key("users:read")
    reader.ask("GET", "/auth/me")
    queries: list[str] = []
    execute = database.obj.execute_sql

    def noted(sql: str, *rest: Any, **options: Any) -> Any:
        queries.append(sql)
        return execute(sql, *rest, **options)

    monkeypatch.setattr(database.obj, "execute_sql", noted)
    admin.get("/auth/me")
    assert len(queries) == 1
    reader.ask("GET", "/auth/me")
    assert len(queries) == 2


def test_a_stranger_is_told_401_before_anything_about_the_request(client: FlaskClient, db: str) -> None:
    assert client.post(f"{BASE}/users", data="{", content_type="application/json").status_code == 401
    assert client.patch(f"{BASE}/users/x", json={"no": 1}).status_code == 401


def test_who_may_not_is_told_403_before_anything_about_the_request(hire: Hire) -> None:
    bo = hire()

    assert bo.post("/users", {"no": 1}).status_code == 403
    assert bo.patch("/users/x", {"no": 1}).status_code == 403
    assert bo.delete("/users/x").status_code == 403


@pytest.mark.parametrize("scope", sorted(SCOPES))
def test_scopes_and_roles_decide(scope: str) -> None:
    for_every_user = scope.startswith("sessions:")
    assert may(person("ORG_ADMIN"), scope)
    assert may(person("USER"), scope) is for_every_user
    assert may(key(scope), scope)
    assert not may(key(*(SCOPES - {scope})), scope)
    assert may(key(scope, role="ORG_ADMIN"), scope)
    assert may(key(scope, role="USER"), scope) is for_every_user


def test_a_view_cannot_ask_for_a_scope_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match="credentials:admin is no scope"):
        requires("credentials:admin")


def may(actor: Actor, scope: str) -> bool:
    try:
        allow(actor, scope)
    except NotAllowed:
        return False
    return True
