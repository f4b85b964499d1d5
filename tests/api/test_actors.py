"""What the rooms are told of whoever asks."""

from typing import Any

import flask
import pytest

from api import tokens
from api.access import authenticated, client_address, current_actor, hash_of, requires, stranger
from api.accounts.models import ApiKey, Login, Organisation, User
from api.actor import Actor
from api.database import clock, current_time, database, write
from api.errors import InvalidInput, NotAllowed, Unauthenticated
from tests.api.accounts.conftest import Hire, MakeKey
from tests.api.accounts.conftest import hire as hire  # noqa: PLC0414 - fixtures are found by their names
from tests.api.accounts.conftest import make_key as make_key  # noqa: PLC0414
from tests.api.conftest import Caller
from tests.refused import refused

ADDRESS = "198.51.100.7"
SECOND = 1_000_000


def asking(app: flask.Flask, **headers: str) -> Any:
    """A request from `ADDRESS`, as the views see it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return app.test_request_context("/api/v1/credentials", headers=named, environ_overrides={"REMOTE_ADDR": ADDRESS})


def found(app: flask.Flask, **headers: str) -> Actor:
    with asking(app, **headers):
        flask.g.request_id = "a request"
        return current_actor()


def person(app: flask.Flask, caller: Caller) -> Actor:
    return found(app, Authorization=f"Bearer {caller.token}")


def test_a_person_is_known_by_the_login(app: flask.Flask, admin: Caller) -> None:
    assert person(app, admin) == Actor(
        kind="USER",
        organisation_id=admin.user.organisation_id,
        caller=f"user:{admin.user.id}",
        email="ada@example.com",
        user_id=admin.user.id,
        name="ada",
        role="ORG_ADMIN",
        login_id=Login.get().id,
        tier="PAID",
        ip_address=ADDRESS,
        request_id="a request",
    )


def test_a_persons_key_is_known_with_its_person(app: flask.Flask, admin: Caller, make_key: MakeKey) -> None:
    made = make_key("users:read", "audit:read").made

    assert found(app, X_API_Key=made["plainTextKey"]) == Actor(
        kind="API_KEY",
        organisation_id=admin.user.organisation_id,
        caller=f"key:{made['id']}",
        email="ada@example.com",
        user_id=admin.user.id,
        name="CI",
        role="ORG_ADMIN",
        scopes=frozenset({"users:read", "audit:read"}),
        key_id=ApiKey.get().id,
        tier="PAID",
        ip_address=ADDRESS,
        request_id="a request",
    )


def test_a_key_of_the_organisation_goes_by_its_own_name(app: flask.Flask, make_key: MakeKey) -> None:
    actor = found(app, X_API_Key=make_key("users:read", belongsTo="ORGANIZATION").made["plainTextKey"])

    assert (actor.email, actor.name, actor.user_id, actor.role) == ("CI", "CI", None, None)


def test_a_stranger_is_known_by_the_address_alone(app: flask.Flask) -> None:
    with asking(app):
        flask.g.request_id = "a request"
        assert stranger() == Actor("USER", None, "stranger", ip_address=ADDRESS, request_id="a request")


def test_who_asks_is_looked_up_once_for_a_request(
    app: flask.Flask, admin: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    with asking(app, Authorization=f"Bearer {admin.token}"):
        first = current_actor()
        monkeypatch.setattr(database.obj, "execute_sql", None)
        assert current_actor() is first


def test_a_refusal_is_found_once_for_a_request(app: flask.Flask) -> None:
    with asking(app):
        refusals = []
        for _ in range(2):
            with pytest.raises(Unauthenticated) as refusal:
                current_actor()
            refusals.append(refusal.value)
        assert refusals[0] is refusals[1]


def test_behind_a_proxy_its_header_tells_the_address(
    environment: dict[str, str], request: pytest.FixtureRequest
) -> None:
    environment["ENTRYGUARD_TRUSTED_PROXIES"] = "1"
    app = request.getfixturevalue("app")

    with asking(app, X_Forwarded_For="203.0.113.9, 192.0.2.3"):
        assert client_address() == "192.0.2.3"
    with asking(app), pytest.raises(InvalidInput):
        client_address()


def test_a_view_is_called_as_it_was_for_whoever_may(app: flask.Flask, admin: Caller) -> None:
    @requires("users:write")
    def view(*arguments: object, **named: object) -> object:
        """What it does"""
        return arguments, named

    with asking(app, Authorization=f"Bearer {admin.token}"):
        assert view(1, name=2) == ((1,), {"name": 2})
    assert (view.__name__, view.__doc__) == ("view", "What it does")


def test_a_view_is_not_called_for_whoever_may_not(app: flask.Flask, hire: Hire) -> None:
    seen = []
    view: Any = requires("users:write")(lambda: seen.append(True))
    bo = hire()

    with asking(app, Authorization=f"Bearer {bo.token}"), refused(NotAllowed, "User lacks ORG_ADMIN role"):
        view()
    with asking(app), pytest.raises(Unauthenticated):
        view()
    assert not seen


def test_a_view_for_everybody_still_wants_somebody(app: flask.Flask, hire: Hire) -> None:
    view: Any = authenticated(lambda: "seen")
    bo = hire()

    with asking(app, Authorization=f"Bearer {bo.token}"):
        assert view() == "seen"
    with asking(app), pytest.raises(Unauthenticated):
        view()


def test_a_view_tells_the_documentation_whom_it_is_for() -> None:
    def view() -> None: ...

    view._apidoc = {"summary": "kept"}  # type: ignore[attr-defined] # as flask-smorest keeps it

    guarded: Any = requires("users:write")(view)
    assert guarded._apidoc == {"summary": "kept", "requires": "users:write"}
    assert guarded._requires == "users:write"
    anybody: Any = authenticated(lambda: None)
    assert (anybody._apidoc, anybody._requires) == ({"requires": "any"}, "any")


def test_what_is_kept_of_a_key_is_its_sha256() -> None:
    # FIPS 180-2, appendix B.1
    assert hash_of("abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize("column", ["ended_at", "expires_at"])
def test_a_login_that_is_over_lets_nobody_in(
    app: flask.Flask, admin: Caller, standing_clock: None, column: str
) -> None:
    with write():
        Login.update({column: current_time()}).execute()

    with pytest.raises(Unauthenticated):
        person(app, admin)


def test_a_login_is_of_the_person_and_organisation_that_its_token_names(
    app: flask.Flask, admin: Caller, hire: Hire, outsider: Caller
) -> None:
    login = Login.get(Login.user_id == admin.user.id)
    elsewhere = User.get_by_id(admin.user.id)
    elsewhere.organisation_id = outsider.user.organisation_id

    for named in (hire().user, outsider.user, elsewhere):
        with app.app_context():
            token = tokens.issue("access", named, login.id, current_time())
        with pytest.raises(Unauthenticated):
            found(app, Authorization=f"Bearer {token}")


def test_a_login_lasts_to_its_last_microsecond(app: flask.Flask, admin: Caller, standing_clock: None) -> None:
    with write():
        Login.update(expires_at=current_time()).execute()
    clock.offset = -1

    assert person(app, admin).email == "ada@example.com"


def test_a_key_lasts_to_its_last_microsecond(app: flask.Flask, make_key: MakeKey, standing_clock: None) -> None:
    text = make_key("users:read").made["plainTextKey"]
    with write():
        ApiKey.update(expires_at=current_time()).execute()

    with pytest.raises(Unauthenticated):
        found(app, X_API_Key=text)
    clock.offset = -1
    assert found(app, X_API_Key=text).name == "CI"


def test_whose_organisation_is_suspended_is_nobody(app: flask.Flask, admin: Caller, make_key: MakeKey) -> None:
    text = make_key("users:read").made["plainTextKey"]
    with write():
        Organisation.update(suspended_at=current_time()).where(Organisation.id == admin.user.organisation_id).execute()

    for headers in ({"Authorization": f"Bearer {admin.token}"}, {"X_API_Key": text}):
        with pytest.raises(Unauthenticated):
            found(app, **headers)


def test_who_is_deactivated_is_nobody_and_so_is_their_key(app: flask.Flask, admin: Caller, make_key: MakeKey) -> None:
    text, theirs = (make_key("users:read", belongsTo=owner).made["plainTextKey"] for owner in ("ORGANIZATION", "USER"))
    with write():
        User.update(is_active=False).where(User.id == admin.user.id).execute()

    for headers in ({"Authorization": f"Bearer {admin.token}"}, {"X_API_Key": theirs}):
        with pytest.raises(Unauthenticated):
            found(app, **headers)
    assert found(app, X_API_Key=text).name == "CI"


def test_a_keys_use_is_noted_when_the_last_note_is_over_a_minute_old(
    app: flask.Flask, make_key: MakeKey, standing_clock: None
) -> None:
    text = make_key("users:read").made["plainTextKey"]
    found(app, X_API_Key=text)
    first = ApiKey.get().last_used_at

    clock.offset = 60 * SECOND
    found(app, X_API_Key=text)
    assert ApiKey.get().last_used_at == first
    clock.offset += 1
    found(app, X_API_Key=text)
    assert (ApiKey.get().last_used_at - first).total_seconds() == 60.000001


def test_using_one_key_notes_nothing_of_another(app: flask.Flask, make_key: MakeKey) -> None:
    used, idle = make_key("users:read").made, make_key("users:read").made

    found(app, X_API_Key=used["plainTextKey"])

    assert ApiKey.get_by_id(used["id"]).last_used_at is not None
    assert ApiKey.get_by_id(idle["id"]).last_used_at is None


def test_a_key_is_refused_elsewhere_in_words_that_say_so(app: flask.Flask, make_key: MakeKey) -> None:
    text = make_key("users:read", allowedCidrs=["203.0.113.0/24"]).made["plainTextKey"]

    with refused(NotAllowed, "API key may not be used from this address"):
        found(app, X_API_Key=text)
    assert ApiKey.get().last_used_at is None
