"""The people of an organisation, as the commands and the API change them."""

import dataclasses
import uuid
from typing import Any

import pytest

from api.accounts import passwords
from api.accounts.models import ApiKey, Login, User
from api.accounts.service import api_keys, users
from api.accounts.service.users import ADMIN, NewUser, UserChange
from api.actor import Actor
from api.database import clock, current_time, write
from api.errors import (
    Conflict,
    EntryGuardError,
    InvalidInput,
    LastAdmin,
    NotAllowed,
    Unauthenticated,
    UserNotFound,
)
from api.idempotency import Asked
from api.paging import Page
from api.secret import Secret
from tests.api.accounts.acting import (
    PASSWORD,
    administrator,
    as_key,
    as_user,
    columns,
    events,
    tells,
    told,
)
from tests.refused import refused

BO = NewUser("bo@example.com", "Bo", PASSWORD)
NO_ADMINISTRATOR = "Only a person with the ORG_ADMIN role can make or change an administrator, not an API key"
LAST = "The last administrator can be neither demoted nor removed. Make somebody else ORG_ADMIN first."
SECOND = 1_000_000


@pytest.fixture
def bo(by_ada: Actor) -> User:
    """Somebody who administers nothing, with a login, a key of his own and one that he made for the organisation."""
    made = users.create(by_ada, BO)
    log_in(made)
    for owner in (api_keys.USER, api_keys.ORGANIZATION):
        api_keys.create(as_user(made), api_keys.NewApiKey(owner, [], belongs_to=owner))
    return made


def log_in(user: User) -> None:
    """A login as `sign_in` opens it, without tokens."""
    moment = current_time()
    with write():
        Login.create(
            organisation_id=user.organisation_id,
            user_id=user.id,
            refresh_hash=b"",
            created_at=moment,
            expires_at=moment,
        )


def holdings(user: User) -> dict[str, bool]:
    """Which keys still stand, by their names, and whether the login does."""
    keys = {key.name: key.revoked_at is None for key in ApiKey.select()}
    return {**keys, "login": Login.get(Login.user_id == user.id).ended_at is None}


@pytest.mark.parametrize("text", [" Ada@Example.COM\n", "ada@example.com"])
def test_an_address_is_kept_small_and_without_blanks(text: str) -> None:
    assert users.plain_email(text) == "ada@example.com"


def test_an_address_has_254_letters_at_most() -> None:
    longest = f"{'a' * 242}@example.com"
    assert users.plain_email(longest) == longest

    for wrong in (f"a{longest}", "ada", "ada@", "@example.com", "a b@example.com", "ada@example.com@example.com"):
        with refused(InvalidInput, "This is not an e-mail address."):
            users.plain_email(wrong)


def test_who_is_added_has_all_that_was_said(by_ada: Actor, standing_clock: None) -> None:
    clock.offset += SECOND

    made = users.create(by_ada, dataclasses.replace(BO, role=ADMIN))

    row = columns(made)
    assert passwords.matches(PASSWORD, row.pop("password_hash"))
    assert row == {
        "id": made.id,
        "organisation_id": by_ada.organisation_id,
        "email": "bo@example.com",
        "name": "Bo",
        "role": "ORG_ADMIN",
        "is_active": True,
        "revision": 1,
        "created_at": current_time(),
        "updated_at": current_time(),
    }
    subject = ("USER", made.id, "bo@example.com")
    assert told(events()[-1]) == tells(by_ada, "USER_CREATE", subject, details={"role": "ORG_ADMIN"})


def test_the_same_request_adds_nobody_twice(by_ada: Actor) -> None:
    request = Asked("user:1", "POST /users", "once", b"body")

    first, second = (users.create(by_ada, BO, request) for _ in range(2))

    assert first.id == second.id
    assert User.select().count() == 2


def test_an_address_is_in_an_organisation_once_and_may_be_in_another(by_ada: Actor, bo: User) -> None:
    with refused(Conflict, "A user with this email is in the organization already."):
        users.create(by_ada, BO)

    assert users.create(as_user(administrator("eve@example.org", "Other")), BO).id != bo.id


def test_a_key_makes_and_changes_no_administrator(ada: User, by_ada: Actor, bo: User) -> None:
    users.create(by_ada, NewUser("second@example.com", "Second", PASSWORD, ADMIN))
    key = as_key(ada, "users:write")
    deeds = (
        lambda: users.create(key, NewUser("x@example.com", "X", PASSWORD, ADMIN)),
        lambda: users.change(key, bo.id, UserChange(role=ADMIN)),
        lambda: users.change(key, ada.id, UserChange(name="Not Ada")),
        lambda: users.remove(key, ada.id),
    )
    for deed in deeds:
        with refused(NotAllowed, NO_ADMINISTRATOR):
            deed()

    assert users.create(key, NewUser("x@example.com", "X", PASSWORD)).role == "USER"
    assert users.change(key, bo.id, UserChange(name="Bob")).name == "Bob"


def test_nobody_finds_another_organisations_people(bo: User) -> None:
    eve = administrator("eve@example.org", "Other")
    deeds = (
        lambda: users.of(eve.organisation_id, bo.id),
        lambda: users.change(as_user(eve), bo.id, UserChange(name="x")),
        lambda: users.remove(as_user(eve), bo.id),
    )
    for deed in deeds:
        with refused(UserNotFound, f"User with ID {bo.id} not found"):
            deed()
    assert users.of(bo.organisation_id, bo.id).email == "bo@example.com"


def test_people_are_listed_by_organisation_and_page(ada: User, by_ada: Actor, bo: User) -> None:
    administrator("eve@example.org", "Other")

    assert [user.id for user in users.listed(by_ada, Page()).rows] == [ada.id, bo.id]
    assert [user.id for user in users.listed(by_ada, Page(limit=1)).rows] == [ada.id]


@pytest.mark.parametrize(
    ("wanted", "details"),
    [
        (UserChange(name="Bob"), {"changed": ["name"]}),
        (UserChange(role=ADMIN), {"changed": ["role"], "role": {"from": "USER", "to": "ORG_ADMIN"}}),
        (UserChange(is_active=False), {"changed": ["isActive"], "isActive": {"from": True, "to": False}}),
        (
            UserChange(name="Bob", role=ADMIN, is_active=True),
            {"changed": ["name", "role"], "role": {"from": "USER", "to": "ORG_ADMIN"}},
        ),
    ],
)
def test_a_change_is_kept_and_told(
    by_ada: Actor, bo: User, standing_clock: None, wanted: UserChange, details: dict[str, Any]
) -> None:
    before = columns(bo)
    clock.offset += SECOND

    changed = users.change(by_ada, bo.id, wanted)

    new = {name: value for name, value in dataclasses.asdict(wanted).items() if value is not None}
    assert columns(bo) == {**before, **new, "revision": 2, "updated_at": current_time()}
    assert dict(changed.__data__) == columns(bo)
    [event] = events("USER_UPDATE")
    assert told(event) == tells(by_ada, "USER_UPDATE", ("USER", bo.id, bo.email), details=details)


def test_what_changes_nothing_is_neither_a_revision_nor_an_event(by_ada: Actor, bo: User) -> None:
    before = columns(bo)

    unchanged = users.change(by_ada, bo.id, UserChange(name="Bo", role="USER", is_active=True))

    assert dict(unchanged.__data__) == columns(bo) == before
    assert events("USER_UPDATE") == []


def test_whoever_is_deactivated_loses_logins_and_own_keys(by_ada: Actor, ada: User, bo: User) -> None:
    log_in(ada)

    users.change(by_ada, bo.id, UserChange(is_active=False))

    assert holdings(bo) == {"USER": False, "ORGANIZATION": True, "login": False}
    assert holdings(ada)["login"]
    assert [event.actor_email for event in events("API_KEY_REVOKE")] == ["ada@example.com"]
    users.change(by_ada, bo.id, UserChange(is_active=True))
    assert holdings(bo) == {"USER": False, "ORGANIZATION": True, "login": False}
    assert len(events("API_KEY_REVOKE")) == 1


def test_whoever_is_renamed_or_promoted_keeps_all(by_ada: Actor, bo: User) -> None:
    users.change(by_ada, bo.id, UserChange(name="Bob", role=ADMIN))

    assert all(holdings(bo).values())


def test_who_is_removed_is_gone_with_what_is_his(by_ada: Actor, bo: User) -> None:
    users.remove(by_ada, bo.id)

    assert User.get_or_none(User.id == bo.id) is None
    assert User.select().count() == 1
    assert Login.get_or_none(Login.user_id == bo.id) is None
    revoked, removed = events()[-2:]
    assert (revoked.event_type, revoked.resource_name) == ("API_KEY_REVOKE", "USER")
    assert told(removed) == tells(by_ada, "USER_DELETE", ("USER", bo.id, bo.email))


@pytest.mark.parametrize(
    ("change", "answer"), [({"role": "USER"}, NotAllowed), ({"is_active": False}, Unauthenticated)]
)
def test_who_administers_no_more_makes_no_administrator(
    by_ada: Actor, ada: User, bo: User, change: dict[str, Any], answer: type[EntryGuardError]
) -> None:
    """Also where she was let through before."""
    with write():
        User.update(change).where(User.id == ada.id).execute()

    for deed in (
        lambda: users.change(by_ada, ada.id, UserChange(role=ADMIN, is_active=True)),
        lambda: users.change(by_ada, bo.id, UserChange(role=ADMIN)),
        lambda: users.create(by_ada, NewUser("other@example.com", "Other", PASSWORD, ADMIN)),
        lambda: users.remove(by_ada, bo.id),
        lambda: api_keys.create(by_ada, api_keys.NewApiKey("CI", [], belongs_to=api_keys.ORGANIZATION)),
    ):
        with pytest.raises(answer):
            deed()
    assert not User.select().where(User.role == ADMIN, User.is_active).exists()


OTHERS: dict[str, dict[str, Any]] = {
    "deactivated": {"is_active": False},
    "without a password": {"password_hash": None},
    "who administers nothing": {"role": "USER"},
}


@pytest.mark.parametrize("flaw", OTHERS)
def test_the_last_who_can_administer_stays_one(by_ada: Actor, ada: User, flaw: str) -> None:
    other = users.create(by_ada, NewUser("other@example.com", "Other", PASSWORD, ADMIN))
    administrator("eve@example.org", "Other")
    with write():
        User.update(OTHERS[flaw]).where(User.id == other.id).execute()

    for deed in (
        lambda: users.change(by_ada, ada.id, UserChange(role="USER")),
        lambda: users.change(by_ada, ada.id, UserChange(is_active=False)),
        lambda: users.change(by_ada, ada.id, UserChange(name="Eva", is_active=False)),
        lambda: users.remove(by_ada, ada.id),
    ):
        with refused(LastAdmin, LAST):
            deed()
    assert users.change(by_ada, ada.id, UserChange(name="Ada L.")).name == "Ada L."


@pytest.mark.parametrize("wanted", [UserChange(role="USER"), UserChange(is_active=False), None])
def test_one_of_two_administrators_may_go(by_ada: Actor, ada: User, wanted: UserChange | None) -> None:
    users.create(by_ada, NewUser("other@example.com", "Other", PASSWORD, ADMIN))

    if wanted is None:
        users.remove(by_ada, ada.id)
    else:
        users.change(by_ada, ada.id, wanted)

    assert User.select().where(User.role == ADMIN, User.is_active).count() == 1


@pytest.mark.parametrize("flaw", ["deactivated", "who administers nothing"])
def test_who_administers_nothing_may_go_though_one_is_left(by_ada: Actor, flaw: str) -> None:
    other = users.create(by_ada, NewUser("other@example.com", "Other", PASSWORD, ADMIN))
    with write():
        User.update(OTHERS[flaw]).where(User.id == other.id).execute()

    users.remove(by_ada, other.id)

    assert User.get_or_none(User.id == other.id) is None


def test_a_new_password_ends_the_logins_that_stand(by_ada: Actor, ada: User, bo: User, standing_clock: None) -> None:
    log_in(ada)
    before, hers = columns(bo), columns(ada)
    clock.offset += SECOND
    fresh = Secret.of_text("another battery staple")

    users.set_password(by_ada, bo, fresh)

    after = columns(bo)
    assert passwords.matches(fresh, after.pop("password_hash"))
    before.pop("password_hash")
    assert after == {**before, "updated_at": current_time()}
    assert columns(ada) == hers
    ended = Login.get(Login.user_id == bo.id).ended_at
    assert ended == current_time()
    assert Login.get(Login.user_id == ada.id).ended_at is None
    event = told(events()[-1])
    assert event == tells(by_ada, "USER_UPDATE", ("USER", bo.id, bo.email), details={"changed": ["password"]})
    clock.offset += SECOND
    users.set_password(by_ada, bo, fresh)
    assert Login.get(Login.user_id == bo.id).ended_at == ended


def test_nobody_is_found_by_an_id_that_names_nothing(by_ada: Actor) -> None:
    unknown = uuid.uuid4()

    with refused(UserNotFound, f"User with ID {unknown} not found"):
        users.of(by_ada.organisation, unknown)
