"""/auth: signing in, going on, signing out."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient

from api.accounts import passwords
from api.accounts import service as accounts
from api.accounts.models import Login, User
from api.audit_log.models import AuditEntry
from api.database import clock
from api.secret import Secret
from tests.api.conftest import BASE, PASSWORD, Caller

HOUR = 3600 * 1_000_000


def log_in(client: FlaskClient, email: str = "ada@example.com", password: str = PASSWORD, **more: str) -> Any:
    return client.post(f"{BASE}/auth/login", json={"email": email, "password": password, **more})


def refresh(client: FlaskClient, token: str) -> Any:
    return client.post(f"{BASE}/auth/refresh", json={"refreshToken": token})


def me(client: FlaskClient, token: str) -> Any:
    return client.get(f"{BASE}/auth/me", headers={"Authorization": f"Bearer {token}"})


def twice_at_once(app: flask.Flask, token: str) -> list[Any]:
    """Exchange the same refresh token in two requests at the same time; their answers."""
    start = threading.Barrier(2)

    def exchange(_: int) -> Any:
        own = app.test_client()
        start.wait()
        return refresh(own, token)

    with ThreadPoolExecutor(2) as both:
        return list(both.map(exchange, range(2)))


def without_times(answer: Any) -> dict[str, Any]:
    return {name: value for name, value in answer.json.items() if name not in ("timestamp", "requestId")}


def test_signing_in_answers_tokens_and_the_user(client: FlaskClient, admin: Caller) -> None:
    answer = log_in(client)

    assert answer.status_code == 200
    assert set(answer.json) == {"accessToken", "refreshToken", "tokenType", "expiresIn", "user"}
    assert answer.json["tokenType"] == "Bearer"
    assert answer.json["expiresIn"] == 900
    assert answer.json["user"]["email"] == "ada@example.com"
    assert answer.json["user"]["role"] == "ORG_ADMIN"
    assert "password" not in answer.text.lower()
    assert me(client, answer.json["accessToken"]).status_code == 200


def test_an_address_is_found_in_capital_letters(client: FlaskClient, admin: Caller) -> None:
    assert log_in(client, "ADA@Example.com").status_code == 200


def test_a_wrong_password_and_a_wrong_address_are_answered_alike(client: FlaskClient, admin: Caller) -> None:
    wrong_password = log_in(client, password="not this one at all")
    wrong_address = log_in(client, "nobody@example.com")
    wrong_organization = log_in(client, organizationSlug="elsewhere")

    assert wrong_password.status_code == 401
    assert wrong_password.headers["WWW-Authenticate"] == "Bearer"
    assert without_times(wrong_password) == without_times(wrong_address) == without_times(wrong_organization)


def test_a_deactivated_user_is_answered_like_a_stranger(client: FlaskClient, admin: Caller) -> None:
    stranger = log_in(client, "nobody@example.com")
    User.update(is_active=False).where(User.id == admin.user.id).execute()

    assert without_times(log_in(client)) == without_times(stranger)


def test_an_address_in_two_organisations_needs_the_slug(client: FlaskClient, admin: Caller) -> None:
    accounts.add_administrator("ada@example.com", Secret.of_text(PASSWORD), "Second", "PAID")

    assert log_in(client).status_code == 401
    assert log_in(client, organizationSlug="second").status_code == 200
    assert log_in(client, organizationSlug="acme").json["user"]["id"] == str(admin.user.id)


@pytest.mark.parametrize(
    "body",
    [
        {"email": "ada@example.com"},
        {"password": PASSWORD},
        {"email": "ada@example.com", "password": 12},
        {"email": "ada@example.com", "password": ""},
        {"email": "ada@example.com", "password": "x" * 129},
        {"email": "no address", "password": PASSWORD},
        {"email": "ada@example.com", "password": PASSWORD, "remember": True},
        [],
    ],
)
def test_a_malformed_sign_in_is_refused_without_showing_the_password(client: FlaskClient, body: Any) -> None:
    answer: Any = client.post(f"{BASE}/auth/login", json=body)

    assert answer.status_code == 400
    assert answer.json["error"] == "VALIDATION_ERROR"
    assert PASSWORD not in answer.text


def test_signing_in_is_recorded(client: FlaskClient, admin: Caller) -> None:
    log_in(client)

    event = AuditEntry.select().order_by(AuditEntry.position.desc()).first()
    assert (event.event_type, event.result, event.organisation_id) == (
        "USER_LOGIN",
        "SUCCESS",
        admin.user.organisation_id,
    )
    assert event.ip_address == "127.0.0.1"


def test_a_failure_is_recorded_with_the_organisation_that_was_meant(client: FlaskClient, admin: Caller) -> None:
    log_in(client, password="not this one at all")

    event = AuditEntry.get(AuditEntry.event_type == "USER_LOGIN_FAILED")
    assert (event.result, event.organisation_id) == ("FAILURE", admin.user.organisation_id)
    assert event.actor_email == "ada@example.com"


def test_a_failure_of_nobody_is_recorded_for_no_organisation(client: FlaskClient, admin: Caller) -> None:
    log_in(client, "nobody@example.com")

    assert AuditEntry.get(AuditEntry.event_type == "USER_LOGIN_FAILED").organisation_id is None


def test_a_refresh_token_gives_new_tokens(client: FlaskClient, admin: Caller) -> None:
    first = log_in(client).json

    second = refresh(client, first["refreshToken"])

    assert second.status_code == 200
    assert second.json["refreshToken"] != first["refreshToken"]
    assert me(client, second.json["accessToken"]).status_code == 200
    assert refresh(client, second.json["refreshToken"]).status_code == 200


def test_a_refresh_token_used_twice_ends_the_whole_family(client: FlaskClient, admin: Caller) -> None:
    first = log_in(client).json
    second = refresh(client, first["refreshToken"]).json

    assert refresh(client, first["refreshToken"]).status_code == 401

    assert refresh(client, second["refreshToken"]).status_code == 401
    assert me(client, second["accessToken"]).status_code == 401
    assert me(client, first["accessToken"]).status_code == 401
    assert AuditEntry.get(AuditEntry.event_type == "USER_LOGOUT").details == {
        "reason": "a refresh token was used twice"
    }


def test_another_login_survives_the_end_of_a_family(client: FlaskClient, admin: Caller) -> None:
    first = log_in(client).json
    refresh(client, first["refreshToken"])
    refresh(client, first["refreshToken"])

    assert admin.get("/auth/me").status_code == 200


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "\ud800", "é" * 50, 7, None])
def test_what_is_no_refresh_token_is_refused(client: FlaskClient, admin: Caller, token: Any) -> None:
    answer = client.post(f"{BASE}/auth/refresh", json={"refreshToken": token})

    assert answer.status_code in (400, 401)


def test_an_access_token_is_no_refresh_token(client: FlaskClient, admin: Caller) -> None:
    assert refresh(client, admin.token).status_code == 401


def test_a_refresh_token_is_no_access_token(client: FlaskClient, admin: Caller) -> None:
    assert me(client, log_in(client).json["refreshToken"]).status_code == 401


def test_an_access_token_ends_after_15_minutes_of_the_databases_clock(client: FlaskClient, admin: Caller) -> None:
    clock.offset = 14 * 60 * 1_000_000
    assert admin.get("/auth/me").status_code == 200

    clock.offset = 15 * 60 * 1_000_000 + 1
    assert admin.get("/auth/me").status_code == 401


def test_a_refresh_token_ends_after_7_days(client: FlaskClient, admin: Caller) -> None:
    token = log_in(client).json["refreshToken"]
    clock.offset = 7 * 24 * HOUR - HOUR
    token = refresh(client, token).json["refreshToken"]

    clock.offset += 7 * 24 * HOUR + 1
    assert refresh(client, token).status_code == 401


def test_signing_out_ends_all_tokens_of_the_login_at_once(client: FlaskClient, admin: Caller) -> None:
    login = log_in(client).json
    newer = refresh(client, login["refreshToken"]).json
    headers = {"Authorization": f"Bearer {login['accessToken']}"}

    assert client.post(f"{BASE}/auth/logout", headers=headers).status_code == 204

    assert me(client, login["accessToken"]).status_code == 401
    assert me(client, newer["accessToken"]).status_code == 401
    assert refresh(client, newer["refreshToken"]).status_code == 401
    assert admin.get("/auth/me").status_code == 200
    assert AuditEntry.select().where(AuditEntry.event_type == "USER_LOGOUT").count() == 1


def test_who_asks_is_shown(admin: Caller) -> None:
    shown = admin.get("/auth/me").json

    assert shown["id"] == str(admin.user.id)
    assert shown["email"] == "ada@example.com"
    assert shown["role"] == "ORG_ADMIN"
    assert shown["actorType"] == "USER"
    assert shown["scopes"] is None
    assert shown["organizationId"] == str(admin.user.organisation_id)


def test_a_stranger_is_nobody(client: FlaskClient, db: str) -> None:
    for method, path in (("GET", "/auth/me"), ("POST", "/auth/logout")):
        answer: Any = client.open(f"{BASE}{path}", method=method)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.json["error"] == "UNAUTHORIZED"


def test_only_a_hash_of_the_refresh_token_is_kept(client: FlaskClient, admin: Caller) -> None:
    token = log_in(client).json["refreshToken"]

    kept = [bytes(login.refresh_hash) for login in Login.select()]
    assert all(len(each) == 32 and token.encode() not in each for each in kept)


def test_of_two_refreshes_at_once_one_wins_at_most_and_the_family_ends(app: flask.Flask, admin: Caller) -> None:
    for _ in range(5):
        token = log_in(admin.client).json["refreshToken"]
        answers = twice_at_once(app, token)

        assert sorted(answer.status_code for answer in answers) == [200, 401]
        winner = next(answer for answer in answers if answer.status_code == 200)
        assert me(admin.client, winner.json["accessToken"]).status_code == 401
        assert refresh(admin.client, winner.json["refreshToken"]).status_code == 401


def test_who_is_deactivated_while_signing_in_is_left_without_a_login(
    admin: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    matches = passwords.matches

    def slowly(*arguments: Any) -> bool:
        User.update(is_active=False).where(User.id == admin.user.id).execute()
        return matches(*arguments)

    monkeypatch.setattr(passwords, "matches", slowly)
    logins = Login.select().count()

    answer = log_in(admin.client)

    assert answer.status_code == 401
    assert "The email or the password is wrong" in answer.text, "as whoever was never there is told"
    assert Login.select().count() == logins
