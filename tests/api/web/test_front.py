"""Signing in and out on the pages, and who is shown what."""

import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient

from api.accounts.models import Login, User
from api.audit_log.models import AuditEntry
from api.cookies import LIFETIME, Shown, give, new_key
from api.database import clock, write
from api.settings import Settings
from api.web.menu import entries
from tests.api.conftest import BASE, PASSWORD, Caller
from tests.api.test_errors import bind_to_nothing
from tests.api.web.conftest import FROM_OURSELVES, Visitor, text_of

pytestmark = pytest.mark.engines("sqlite")


def goes_to(answer: Any) -> str:
    assert answer.status_code == 303, answer.text
    return str(answer.location)


def cookie_of(answer: Any) -> str:
    return str(answer.headers["Set-Cookie"])


def events() -> list[str]:
    return [event.event_type for event in AuditEntry.select().order_by(AuditEntry.created_at)]


@pytest.mark.engines("sqlite", "postgresql")
def test_a_person_signs_in_and_comes_to_what_was_asked_for(stranger: Visitor, admin: Caller) -> None:
    assert goes_to(stranger.get("/credentials")) == "/sign-in?next=/credentials"
    assert "Sign in" in text_of(stranger.get("/sign-in?next=/credentials"))

    assert goes_to(stranger.sign_in(admin.user.email, next="/credentials")) == "/credentials"

    shown = text_of(stranger.get("/credentials"))
    assert admin.user.email in shown and "Sign out" in shown


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "evil.example", "/\t/evil.example", "javascript:x",
     "/sign-out", "/é"],
)  # fmt: skip
def test_signing_in_leads_to_no_other_site(stranger: Visitor, admin: Caller, elsewhere: str) -> None:
    assert goes_to(stranger.sign_in(admin.user.email, next=elsewhere)) == "/sessions"


def test_who_is_signed_in_is_not_asked_again(ada: Visitor) -> None:
    assert goes_to(ada.get("/sign-in")) == "/sessions"


def test_the_start_leads_to_the_page_that_everybody_has(ada: Visitor, stranger: Visitor) -> None:
    assert goes_to(ada.get("/")) == "/sessions"
    assert goes_to(stranger.get("/")) == "/sign-in"


def test_a_wrong_password_is_said_in_words_and_the_address_stays(stranger: Visitor, admin: Caller) -> None:
    answer = stranger.sign_in(admin.user.email, "not the password at all")

    assert answer.status_code == 401
    assert "The email or the password is wrong." in text_of(answer)
    assert f'value="{admin.user.email}"' in answer.text and "not the password" not in answer.text
    assert events()[-1] == "USER_LOGIN_FAILED"


def test_the_field_that_is_to_be_filled_in_next_is_the_one_to_type_into(stranger: Visitor, admin: Caller) -> None:
    pages = [stranger.get("/sign-in"), stranger.sign_in(admin.user.email, "not the password at all")]

    assert [re.findall(r'<input id="(\w+)"[^>]* autofocus', page.text) for page in pages] == [["email"], ["password"]]


def test_what_is_left_empty_is_said_beside_its_field(stranger: Visitor) -> None:
    answer = stranger.post("/sign-in", {"email": "", "password": ""})

    assert answer.status_code == 400
    assert "Email is required." in text_of(answer) and "Password is required." in text_of(answer)
    assert answer.text.count('aria-invalid="true"') == 2


def test_a_sign_in_on_the_pages_is_an_event_like_any_other(ada: Visitor) -> None:
    ada.post("/sign-out")

    assert events()[-2:] == ["USER_LOGIN", "USER_LOGOUT"]
    user, logins = User.get(), AuditEntry.select().where(AuditEntry.event_type == "USER_LOGIN")
    told = logins.order_by(AuditEntry.position.desc()).first()
    assert (told.resource_type, told.resource_id, told.resource_name) == ("USER", str(user.id), user.email)


def test_many_wrong_passwords_are_slowed_down_as_at_the_api(stranger: Visitor, admin: Caller) -> None:
    answers = [stranger.sign_in(admin.user.email, f"wrong password {number}") for number in range(12)]

    assert answers[0].status_code == 401 and answers[-1].status_code == 429
    assert "Try again in" in text_of(answers[-1]) and f'value="{admin.user.email}"' in answers[-1].text


def test_the_pages_know_nobody_by_a_token_and_the_api_nobody_by_a_cookie(
    ada: Visitor, client: FlaskClient, admin: Caller
) -> None:
    assert ada.get(f"{BASE}/auth/me").status_code == 401
    assert ada.client.post(f"{BASE}/auth/logout", json={}).status_code == 401
    assert client.get("/credentials", headers={"Authorization": f"Bearer {admin.token}"}).status_code == 303


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(stranger: Visitor, admin: Caller) -> None:
    cookie = cookie_of(stranger.sign_in(admin.user.email))

    assert re.match(r"entryguard=[0-9a-f]{32}\.[\w-]{43}\.[0-9a-f]{64};", cookie)
    assert {"HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=43200"} <= set(cookie.split("; "))


class TestBehindHttps:
    @pytest.fixture
    def environment(self, environment: dict[str, str]) -> dict[str, str]:
        return {**environment, "ENTRYGUARD_PUBLIC_URL": "https://entryguard.example.com"}

    def test_the_cookie_comes_by_https_alone(self, stranger: Visitor, admin: Caller) -> None:
        answer = stranger.sign_in(admin.user.email)

        assert cookie_of(answer).startswith("__Host-entryguard=") and "Secure" in cookie_of(answer).split("; ")
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def forged(cookie: str) -> list[str]:
    login, key, signature = cookie.split(".")
    return [
        f"{login}.{key}.{'0' * 64}",
        f"{login}.{key}",
        f"{login}.{'A' * 43}.{signature}",
        f"{'0' * 32}.{key}.{signature}",
        f"{cookie}x",
        cookie.upper(),
        "",
    ]


def test_a_cookie_that_we_did_not_make_is_nobodys(ada: Visitor, stranger: Visitor) -> None:
    cookie = ada.client.get_cookie("entryguard")
    assert cookie is not None
    for value in forged(cookie.value):
        stranger.client.set_cookie("entryguard", value)
        assert stranger.get("/credentials").status_code == 303, value
    stranger.client.set_cookie("entryguard", cookie.value)
    assert stranger.get("/credentials").status_code == 200


def test_who_has_our_secret_and_not_a_logins_key_is_nobody(ada: Visitor, stranger: Visitor, settings: Settings) -> None:
    """A copy of the database names every login, and tells no key."""
    cookie = ada.client.get_cookie("entryguard")
    assert cookie is not None
    login_id, answer = uuid.UUID(cookie.value.split(".")[0]), flask.Response()
    for key, status in ((new_key(), 303), (cookie.value.split(".")[1], 200)):
        give(answer, Shown(login_id, key), settings)
        stranger.client.set_cookie("entryguard", answer.headers.getlist("Set-Cookie")[-1].split(";")[0].split("=")[1])
        assert stranger.get("/credentials").status_code == status


def test_signing_out_ends_it_for_every_copy_of_the_cookie(ada: Visitor, stranger: Visitor) -> None:
    cookie = ada.client.get_cookie("entryguard")
    assert cookie is not None
    stranger.client.set_cookie("entryguard", cookie.value)
    assert stranger.get("/credentials").status_code == 200

    answer = ada.post("/sign-out")

    assert goes_to(answer) == "/sign-in" and "entryguard=;" in cookie_of(answer)
    assert stranger.get("/credentials").status_code == 303
    assert goes_to(ada.post("/sign-out")) == "/sign-in"


@pytest.mark.engines("sqlite", "postgresql")
def test_who_is_deactivated_has_stopped_at_the_next_request(uma: Visitor, admin: Caller, user: Caller) -> None:
    assert uma.get("/sessions").status_code == 200

    assert admin.patch(f"/users/{user.user.id}", json={"isActive": False}).status_code == 200

    assert uma.get("/sessions").status_code == 303


def test_who_is_demoted_sees_no_admin_page_at_the_next_request(
    admin: Caller, user: Caller, visit: Callable[[Caller], Visitor]
) -> None:
    admin.patch(f"/users/{user.user.id}", json={"role": "ORG_ADMIN"})
    visitor = visit(user)
    assert visitor.get("/credentials").status_code == 200

    admin.patch(f"/users/{user.user.id}", json={"role": "USER"})

    assert visitor.get("/credentials").status_code == 404


def test_a_login_ends_after_its_time_whatever_is_done_meanwhile(ada: Visitor) -> None:
    clock.offset = round((LIFETIME.total_seconds() - 60) * 1_000_000)
    assert ada.get("/sessions").status_code == 200

    clock.offset += 61_000_000

    assert ada.get("/sessions").status_code == 303


def test_of_a_login_only_a_hash_is_kept(ada: Visitor) -> None:
    cookie = ada.client.get_cookie("entryguard")
    assert cookie is not None
    key = cookie.value.split(".")[1]

    assert all(key.encode() not in bytes(login.refresh_hash) for login in Login.select())


def test_a_changed_password_hash_in_mid_sign_in_lets_nobody_in(
    stranger: Visitor, admin: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    from api.accounts import passwords  # noqa: PLC0415

    matches = passwords.matches

    def meanwhile(*arguments: Any) -> bool:
        with write():
            User.update(is_active=False).where(User.id == admin.user.id).execute()
        return matches(*arguments)

    monkeypatch.setattr(passwords, "matches", meanwhile)

    assert stranger.sign_in(admin.user.email).status_code == 401


# Another site's doing. What OWASP recommends: Fetch Metadata, else the Origin.
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:81"},
        {"Origin": "null"},
        {},
    ],
)
def test_no_form_of_another_site_does_anything(ada: Visitor, headers: dict[str, str]) -> None:
    answer = ada.client.post("/sign-out", headers=headers)

    assert answer.status_code == 403
    assert "nothing was done" in text_of(answer)
    assert ada.get("/sessions").status_code == 200


def test_a_form_of_ours_counts_by_its_origin_where_a_browser_says_no_more(ada: Visitor) -> None:
    assert goes_to(ada.client.post("/sign-out", headers={"Origin": "http://localhost"})) == "/sign-in"


def test_what_the_person_asked_the_browser_for_and_no_page_did_counts(ada: Visitor) -> None:
    assert goes_to(ada.client.post("/sign-out", headers={"Sec-Fetch-Site": "none"})) == "/sign-in"


def test_nobody_is_signed_in_by_another_site(stranger: Visitor, admin: Caller) -> None:
    form = {"email": admin.user.email, "password": PASSWORD}

    answer = stranger.client.post("/sign-in", data=form, headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403 and "Set-Cookie" not in answer.headers


def test_what_is_not_for_somebody_looks_like_what_is_not_there(uma: Visitor) -> None:
    browser = {"Accept": "text/html"}
    nowhere = uma.get("/no-such-page", headers=browser)

    for entry in entries():
        if not entry.scope.startswith("sessions:"):
            refused = uma.get(f"{entry.room.url_prefix}", headers=browser)
            assert (refused.status_code, refused.text) == (404, nowhere.text)
            assert entry.label not in text_of(uma.get("/sessions"))


def test_the_page_of_a_mistyped_address_is_sent_like_every_other(ada: Visitor) -> None:
    """Under the policy of programs, its style would not be there."""
    nowhere = ada.get("/no-such-page", headers={"Accept": "text/html"})
    names = ("Content-Security-Policy", "Permissions-Policy", "Referrer-Policy", "X-Frame-Options")

    assert nowhere.status_code == 404
    assert [nowhere.headers.get(name) for name in names] == [ada.get("/sessions").headers[name] for name in names]


def test_a_program_that_asks_for_what_is_not_there_is_answered_as_everywhere(client: FlaskClient) -> None:
    assert client.get("/no-such-page").json["error"] == "NOT_FOUND"  # type: ignore[index]
    answer = client.get(f"{BASE}/no-such-page", headers={"Accept": "text/html"})
    assert answer.json["error"] == "NOT_FOUND"  # type: ignore[index]


def test_a_wrong_method_is_told_as_a_page(ada: Visitor) -> None:
    answer = ada.client.post("/", headers={**FROM_OURSELVES, "Accept": "text/html"})

    assert answer.status_code == 405 and "<h1>" in answer.text


def test_an_administrator_sees_every_page_in_the_sidebar(ada: Visitor) -> None:
    shown = text_of(ada.get("/sessions"))

    assert [label for label in ("Sessions", "Admin", "Credentials", "Resources") if label not in shown] == []


def test_a_fragment_that_is_asked_for_after_the_login_ended_leads_to_the_sign_in(stranger: Visitor) -> None:
    answer = stranger.get("/credentials", headers={"HX-Request": "true"})

    assert answer.status_code == 401 and answer.headers["HX-Redirect"] == "/sign-in" and answer.text == ""


@pytest.mark.engines("postgresql")
def test_a_database_that_is_away_is_told_as_a_page(ada: Visitor, tmp_path: Path) -> None:
    bind_to_nothing(tmp_path, "postgresql")

    for path in ("/sessions", "/credentials", "/sign-in"):
        answer = ada.get(path)
        assert answer.status_code == 503 and answer.headers["Retry-After"] == "5"
        assert "not available just now" in text_of(answer)


def test_a_crash_is_told_as_a_page_that_says_nothing_of_it(ada: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        raise RuntimeError("the reason")

    monkeypatch.setattr("api.credentials.service.listed", crash)

    answer = ada.get("/credentials")

    assert answer.status_code == 500 and "Something went wrong" in text_of(answer) and "the reason" not in answer.text
