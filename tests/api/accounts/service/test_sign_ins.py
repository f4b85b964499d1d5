"""Signing in, going on and signing out: which logins stand, and what the trail tells of it."""

import dataclasses
from datetime import datetime
from typing import Any

import flask
import pytest

from api import tokens
from api.access import hash_of
from api.accounts import passwords
from api.accounts import service as accounts
from api.accounts.models import Login, Organisation, SignInFailure, User
from api.accounts.service import administrators, sign_in
from api.accounts.service.sign_in import Attempt, Registration, SignedIn
from api.actor import Actor
from api.database import clock, current_time, now, write
from api.errors import Conflict, InvalidInput, NotAllowed, NotFound, Unauthenticated
from api.secret import Secret
from tests.api.accounts.acting import PASSWORD, administrator, as_key, as_user, columns, events, tells, told
from tests.refused import refused

KEY = Secret(b"k" * 32)
GUEST = Actor("USER", None, "stranger", ip_address="192.0.2.1", request_id="a request")
WRONG = "The email or the password is wrong"
MISSING = "Missing or invalid authentication token"
TWICE = {"reason": "a refresh token was used twice"}
ATTEMPT = Attempt("ada@example.com", PASSWORD)
SECOND = 1_000_000
MICROSECOND = 0.000001
WEEK = 7 * 24 * 3600


@pytest.fixture(autouse=True)
def _signing(app: flask.Flask) -> Any:
    """Tokens are signed with an application's key."""
    with app.app_context():
        yield


def signed_in(attempt: Attempt = ATTEMPT) -> SignedIn:
    return sign_in.sign_in(GUEST, attempt, KEY)


def refreshed(shown: SignedIn) -> SignedIn:
    return sign_in.refresh(GUEST, Secret.of_text(shown.refresh_token))


def guest_as(user: User) -> Actor:
    """The stranger, found to be that person."""
    known: dict[str, Any] = {"ip_address": "192.0.2.1", "request_id": "a request"}
    return as_user(user, **known)


def seconds(moment: datetime) -> int:
    return int((moment - current_time()).total_seconds())


def check_tokens(found: SignedIn, login: Login) -> None:
    """Both tokens are of that login, and the login knows the refresh token."""
    for text, kind in ((found.access_token, "access"), (found.refresh_token, "refresh")):
        claims = tokens.read(text, kind)  # type: ignore[arg-type]
        assert (claims.login_id, claims.user_id) == (login.id, found.user.id)
        assert claims.issued_at == int(current_time().timestamp())
    assert bytes(login.refresh_hash) == hash_of(found.refresh_token)


def test_a_sign_in_opens_a_login_for_a_week(ada: User, standing_clock: None) -> None:
    found = signed_in()

    login = Login.get()
    check_tokens(found, login)
    assert columns(login) | {"refresh_hash": None} == {
        "id": login.id,
        "organisation_id": ada.organisation_id,
        "user_id": ada.id,
        "refresh_hash": None,
        "created_at": current_time(),
        "expires_at": login.expires_at,
        "ended_at": None,
    }
    assert seconds(login.expires_at) == WEEK
    assert told(events()[-1]) == tells(guest_as(ada), "USER_LOGIN", ("USER", ada.id, ada.email))


@pytest.mark.parametrize("slug", [None, "acme"])
def test_a_wrong_password_is_told_to_the_organisation_that_was_meant(ada: User, slug: str | None) -> None:
    with refused(Unauthenticated, WRONG):
        signed_in(Attempt("ada@example.com", Secret.of_text("wrong password"), slug))

    actor = dataclasses.replace(GUEST, organisation_id=ada.organisation_id, email="ada@example.com")
    failure = tells(actor, "USER_LOGIN_FAILED", None, result="FAILURE", error_message=WRONG)
    assert told(events()[-1]) == failure
    assert not Login.select().exists()


@pytest.mark.parametrize(
    "attempt", [Attempt("nobody@example.com", PASSWORD), Attempt("ada@example.com", PASSWORD, "no")]
)
def test_a_failure_that_means_nobody_is_told_to_nobody(ada: User, attempt: Attempt) -> None:
    with refused(Unauthenticated, WRONG):
        signed_in(attempt)

    assert (events()[-1].organisation_id, events()[-1].actor_email) == (None, attempt.email)


def test_an_address_of_two_organisations_means_neither_without_a_slug(ada: User) -> None:
    other = administrator("ada@example.com", "Other")

    with refused(Unauthenticated, WRONG):
        signed_in()

    assert events()[-1].organisation_id is None
    assert signed_in(dataclasses.replace(ATTEMPT, organization_slug="other")).user.id == other.id
    with write():
        User.update(is_active=False).where(User.id == other.id).execute()
    assert signed_in().user.id == ada.id, "who is deactivated is in nobody's way"


@pytest.mark.parametrize("flaw", ["suspended", "deactivated"])
def test_who_may_not_sign_in_is_told_that_something_was_wrong(ada: User, flaw: str) -> None:
    with write():
        if flaw == "suspended":
            Organisation.update(suspended_at=now()).execute()
        else:
            User.update(is_active=False).execute()

    with refused(Unauthenticated, WRONG):
        signed_in()


def test_an_outdated_hash_is_renewed_for_that_person_alone(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    bea = administrator("bea@example.com")
    old, hers = columns(ada), columns(bea)
    signed_in()
    assert columns(ada) == old

    with monkeypatch.context() as today:
        today.setattr(passwords._HASHER, "_parameters", dataclasses.replace(passwords._HASHER._parameters, time_cost=3))
        signed_in()

    assert "t=3" in columns(ada)["password_hash"] != old["password_hash"]
    assert passwords.matches(PASSWORD, columns(ada)["password_hash"])
    assert columns(bea) == hers


def test_the_right_password_forgets_the_failures_of_the_account(ada: User) -> None:
    with pytest.raises(Unauthenticated):
        signed_in(Attempt("ada@example.com", Secret.of_text("wrong password")))
    assert [row.failures for row in SignInFailure.select()] == [1, 1, 1]

    signed_in()

    assert sorted(row.failures for row in SignInFailure.select()) == [0, 1], "of the email, of the address"


def test_a_failure_is_counted_for_the_address_that_it_came_from(ada: User) -> None:
    for address in ("192.0.2.1", "198.51.100.7"):
        with refused(Unauthenticated, WRONG):
            sign_in.sign_in(
                dataclasses.replace(GUEST, ip_address=address),
                Attempt("ada@example.com", Secret.of_text("wrong password")),
                KEY,
            )

    assert sorted(row.failures for row in SignInFailure.select()) == [1, 1, 2, 2], (
        "of each address, the email, the account"
    )


def test_whoever_registers_administers_what_he_made(db: str, standing_clock: None) -> None:
    wanted = Registration("Acme", "ada@example.com", "Ada", PASSWORD)

    found = sign_in.register(GUEST, wanted, "FREE")

    organisation, user = Organisation.get(), User.get()
    assert (organisation.name, organisation.tier) == ("Acme", "FREE")
    assert found.user.id == user.id
    assert (user.email, user.name, user.role) == ("ada@example.com", "Ada", "ORG_ADMIN")
    assert passwords.matches(PASSWORD, user.password_hash)
    check_tokens(found, Login.get())
    made, added, login = events()
    assert told(made) == tells(
        dataclasses.replace(GUEST, organisation_id=organisation.id),
        "ORGANIZATION_UPDATE",
        ("ORGANIZATION", organisation.id, "Acme"),
        details={"created": True, "tier": "FREE"},
    )
    actor = dataclasses.replace(GUEST, organisation_id=organisation.id, email="ada@example.com")
    subject = ("USER", user.id, user.email)
    assert told(added) == tells(actor, "USER_CREATE", subject, details={"role": "ORG_ADMIN"})
    assert told(login) == tells(guest_as(user), "USER_LOGIN", subject)


def test_a_refresh_goes_on_for_another_week(ada: User, standing_clock: None) -> None:
    first, other = signed_in(), signed_in()
    before = columns(Login.get(Login.refresh_hash == hash_of(other.refresh_token)))
    login = Login.get(Login.refresh_hash == hash_of(first.refresh_token))
    clock.offset += 3600 * SECOND

    renewed = refreshed(first)

    again = Login.get_by_id(login.id)
    check_tokens(renewed, again)
    assert (seconds(again.expires_at), again.ended_at, again.created_at) == (WEEK, None, login.created_at)
    assert columns(Login.get_by_id(before["id"])) == before
    assert len(events("USER_LOGIN")) == 2


def test_a_refresh_token_that_is_shown_twice_ends_its_login_alone(ada: User, standing_clock: None) -> None:
    first, other = signed_in(), signed_in()
    clock.offset += SECOND
    refreshed(first)

    for _ in range(2):
        with refused(Unauthenticated, MISSING):
            refreshed(first)

    ended = [login.refresh_hash for login in Login.select() if login.ended_at is not None]
    assert len(ended) == 1
    assert Login.get(Login.refresh_hash == hash_of(other.refresh_token)).ended_at is None
    [event] = events("USER_LOGOUT")
    assert told(event) == tells(guest_as(ada), "USER_LOGOUT", ("USER", ada.id, ada.email), details=TWICE)


def test_what_came_of_a_login_that_is_over_is_not_refreshed(ada: User) -> None:
    found = signed_in()
    sign_in.sign_out(as_user(ada, login_id=Login.get().id))
    trail = len(events())

    with refused(Unauthenticated, MISSING):
        refreshed(found)

    assert len(events()) == trail


def test_who_was_suspended_goes_on_afterwards(ada: User) -> None:
    found = signed_in()
    with write():
        Organisation.update(suspended_at=now()).execute()

    with refused(Unauthenticated, MISSING):
        refreshed(found)

    assert events("USER_LOGOUT") == []
    with write():
        Organisation.update(suspended_at=None).execute()
    assert refreshed(found).user.id == ada.id


def test_signing_out_ends_the_login_once(ada: User, standing_clock: None) -> None:
    signed_in()
    login = Login.get()
    signed_in()
    actor = as_user(ada, login_id=login.id)
    clock.offset += SECOND

    for _ in range(2):
        sign_in.sign_out(actor)
        clock.offset += SECOND

    ended = Login.get_by_id(login.id).ended_at
    assert seconds(ended) == -2
    assert Login.select().where(Login.ended_at.is_null()).count() == 1
    [event] = events("USER_LOGOUT")
    assert told(event) == tells(actor, "USER_LOGOUT", ("USER", ada.id, ada.email))


def test_a_key_does_not_sign_out(ada: User) -> None:
    with refused(NotAllowed, "An API key does not sign in or out; revoke it with DELETE /api-keys/{id}"):
        sign_in.sign_out(as_key(ada))


def test_a_login_without_a_person_is_a_mistake(ada: User) -> None:
    signed_in()

    with pytest.raises(LookupError, match=r"^a login belongs to a user$"):
        sign_in.sign_out(dataclasses.replace(as_key(ada), login_id=Login.get().id))


# What the operator does


def test_the_first_administrator_is_made_once(db: str) -> None:
    made = administrators.first_administrator(" Ada@Example.com", PASSWORD, "Acme", "FREE")
    assert made is not None

    assert administrators.first_administrator("bea@example.com", PASSWORD, "Second", "FREE") is None

    organisation = Organisation.get()
    assert (organisation.name, organisation.tier) == ("Acme", "FREE")
    assert (made.email, made.name, made.role) == ("ada@example.com", "ada", "ORG_ADMIN")
    assert passwords.matches(PASSWORD, columns(made)["password_hash"])
    actor, subject = Actor.system(organisation.id), ("USER", made.id, made.email)
    assert told(events()[-1]) == tells(actor, "USER_CREATE", subject, details={"role": "ORG_ADMIN"})


def test_an_administrator_joins_an_organisation_by_slug_or_name(db: str) -> None:
    first = accounts.add_administrator("ada@example.com", PASSWORD, "Acme Ltd", "FREE")
    assert Organisation.get().tier == "FREE"

    by_slug = accounts.add_administrator("bea@example.com", PASSWORD, "acme-ltd", "PAID")
    by_name = accounts.add_administrator("cy@example.com", PASSWORD, "Acme Ltd", "PAID")

    assert first.organisation_id == by_slug.organisation_id == by_name.organisation_id
    assert (by_slug.name, by_slug.role) == ("bea", "ORG_ADMIN")
    assert passwords.matches(PASSWORD, columns(by_slug)["password_hash"])
    actor = Actor.system(first.organisation_id)
    subject = ("USER", by_name.id, "cy@example.com")
    assert told(events()[-1]) == tells(actor, "USER_CREATE", subject, details={"role": "ORG_ADMIN"})


def test_a_name_of_several_organisations_is_no_answer(db: str) -> None:
    for _ in range(2):
        accounts.create_organisation(Actor.system(None), "Acme", "PAID")
    slugs = [each.slug for each in Organisation.select()]
    with write():
        Organisation.update(slug="x-1").where(Organisation.slug == "acme").execute()
        Organisation.update(slug="x-2").where(Organisation.slug == slugs[1]).execute()

    with refused(Conflict, "Several organizations are named Acme. Name one by its slug: x-1, x-2."):
        accounts.add_administrator("ada@example.com", PASSWORD, "Acme", "PAID")


@pytest.mark.parametrize("deed", [accounts.add_administrator, accounts.first_administrator])
def test_an_administrators_password_is_no_short_one(db: str, deed: Any) -> None:
    with refused(InvalidInput, "The password must have 12 to 128 characters."):
        deed("ada@example.com", Secret.of_text("short"), "Acme", "PAID")
    assert not Organisation.select().exists()


def test_a_reset_password_signs_its_person_out(ada: User) -> None:
    bea = administrator("bea@example.com")
    namesake = administrator("ada@example.com", "Other")
    signed_in(dataclasses.replace(ATTEMPT, organization_slug="acme"))
    fresh = Secret.of_text("another battery staple")

    found = accounts.reset_password(" ADA@example.com", fresh, "Acme")

    assert found.id == ada.id
    assert passwords.matches(fresh, columns(ada)["password_hash"])
    assert passwords.matches(PASSWORD, columns(bea)["password_hash"])
    assert Login.get().ended_at is not None
    actor, subject = Actor.system(ada.organisation_id), ("USER", ada.id, ada.email)
    assert told(events()[-1]) == tells(actor, "USER_UPDATE", subject, details={"changed": ["password"]})
    assert accounts.reset_password("ada@example.com", fresh, "Other").id == namesake.id


@pytest.mark.parametrize(("email", "name"), [("ada@example.com", "Nowhere"), ("bo@example.com", "Acme")])
def test_nobodys_password_is_not_reset(ada: User, email: str, name: str) -> None:
    with refused(NotFound, f"There is no user {email} in {name}."):
        accounts.reset_password(email, PASSWORD, name)
    with refused(InvalidInput, "The password must have 12 to 128 characters."):
        accounts.reset_password(email, Secret.of_text("short"), name)
