"""API keys: nobody gets more than he has, and what is kept of a key."""

import dataclasses
import re
from datetime import timedelta
from typing import Any

import pytest

from api.access import KEY_SHAPE, hash_of
from api.accounts.models import ApiKey, User
from api.accounts.service import api_keys
from api.accounts.service.api_keys import ORGANIZATION, USER, MadeApiKey, NewApiKey
from api.actor import Actor
from api.database import clock, current_time, delete, write
from api.errors import ApiKeyNotFound, Conflict, InvalidInput, NotAllowed, Unauthenticated
from api.idempotency import Asked
from api.paging import Page
from tests.api.accounts.acting import administrator, as_key, as_user, columns, events, tells, told
from tests.refused import refused

WANTED = NewApiKey("CI", ["users:read", "audit:read"])
LATER = "An API key makes no key that expires later than itself"
ELSEWHERE = "An API key makes no key for other networks than its own"
SECOND = 1_000_000


def made_by(made: MadeApiKey, *, of_user: User | None = None) -> Actor:
    """That key, asking."""
    key = made.row
    return Actor(
        "API_KEY",
        key.organisation_id,
        f"key:{key.id}",
        email="CI",
        user_id=of_user.id if of_user else None,
        role=of_user.role if of_user else None,
        scopes=frozenset(key.scopes),
        key_id=key.id,
    )


def test_what_is_kept_of_a_key(ada: User, by_ada: Actor, standing_clock: None) -> None:
    expiry = current_time() + timedelta(microseconds=1)
    wanted = dataclasses.replace(WANTED, expires_at=expiry, allowed_cidrs=["192.0.2.0/24"])

    made = api_keys.create(by_ada, wanted)

    assert KEY_SHAPE.fullmatch(made.plain_text)
    assert re.fullmatch("egk_[0-9a-f]{8}", made.row.key_prefix) and made.plain_text.startswith(made.row.key_prefix)
    row = columns(made.row)
    assert bytes(row.pop("key_hash")) == hash_of(made.plain_text)
    assert row == {
        "id": made.row.id,
        "organisation_id": ada.organisation_id,
        "user_id": ada.id,
        "created_by": "ada@example.com",
        "name": "CI",
        "key_prefix": made.row.key_prefix,
        "scopes": ["audit:read", "users:read"],
        "allowed_cidrs": ["192.0.2.0/24"],
        "created_at": current_time(),
        "expires_at": expiry,
        "last_used_at": None,
        "revoked_at": None,
    }
    subject, details = ("API_KEY", made.row.id, "CI"), {"scopes": row["scopes"], "keyPrefix": row["key_prefix"]}
    assert told(events()[-1]) == tells(by_ada, "API_KEY_CREATE", subject, details=details)
    assert api_keys.create(dataclasses.replace(by_ada, email=None), WANTED).row.created_by == ""


def test_a_key_that_has_expired_already_is_not_made(by_ada: Actor, standing_clock: None) -> None:
    with pytest.raises(InvalidInput, match=r"^expiresAt must be in the future$") as refusal:
        api_keys.create(by_ada, dataclasses.replace(WANTED, expires_at=current_time()))

    assert refusal.value.details == {"expiresAt": ["must be in the future"]}
    assert not ApiKey.select().exists()


def test_the_same_request_shows_no_key_twice(by_ada: Actor) -> None:
    request = Asked("user:1", "POST /api-keys", "once", b"body")
    api_keys.create(by_ada, WANTED, request)
    sentence = "This request made an API key already, and its text is shown only once. Revoke that key, make another."

    with refused(Conflict, sentence):
        api_keys.create(by_ada, WANTED, request)


@pytest.mark.parametrize(("belongs_to", "is_hers"), [(None, True), (USER, True), (ORGANIZATION, False)])
def test_a_person_chooses_whose_a_key_is(ada: User, by_ada: Actor, belongs_to: str | None, is_hers: bool) -> None:
    made = api_keys.create(by_ada, dataclasses.replace(WANTED, belongs_to=belongs_to))

    assert made.row.user_id == (ada.id if is_hers else None)


@pytest.mark.parametrize(("maker", "other"), [(USER, ORGANIZATION), (ORGANIZATION, USER)])
def test_a_key_makes_keys_of_its_own_owner_alone(ada: User, by_ada: Actor, maker: str, other: str) -> None:
    made = api_keys.create(by_ada, dataclasses.replace(WANTED, belongs_to=maker))
    key = made_by(made, of_user=ada if maker == USER else None)

    for belongs_to in (None, maker):
        child = api_keys.create(key, dataclasses.replace(WANTED, belongs_to=belongs_to))
        assert child.row.user_id == key.user_id
    with refused(NotAllowed, f"An API key of {maker} makes only keys of {maker}"):
        api_keys.create(key, dataclasses.replace(WANTED, belongs_to=other))


def test_a_key_gives_no_scope_that_it_lacks(ada: User) -> None:
    for lacking, scopes in (("users:read", ["audit:read"]), ("audit:read, users:read", [])):
        with refused(NotAllowed, f"API key lacks scope {lacking}"):
            api_keys.create(as_key(ada, *scopes), WANTED)


def test_a_key_makes_none_that_outlives_it(by_ada: Actor) -> None:
    expiry = current_time() + timedelta(hours=1)
    key = made_by(api_keys.create(by_ada, dataclasses.replace(WANTED, expires_at=expiry, belongs_to=ORGANIZATION)))

    assert api_keys.create(key, dataclasses.replace(WANTED, expires_at=expiry)).row.expires_at == expiry
    for later in (expiry + timedelta(microseconds=1), None):
        with refused(NotAllowed, LATER):
            api_keys.create(key, dataclasses.replace(WANTED, expires_at=later))


def test_a_key_without_an_end_makes_what_it_likes(by_ada: Actor) -> None:
    key = made_by(api_keys.create(by_ada, dataclasses.replace(WANTED, belongs_to=ORGANIZATION)))

    assert api_keys.create(key, WANTED).row.expires_at is None
    some_day = current_time() + timedelta(days=1)
    made = api_keys.create(key, dataclasses.replace(WANTED, expires_at=some_day, allowed_cidrs=["0.0.0.0/0"]))
    assert made.row.expires_at == some_day


@pytest.mark.parametrize(
    ("inner", "is_inside"),
    [
        (["192.0.2.0/24"], True),
        (["192.0.2.7/32"], True),
        (["2001:db8:7::/48", "192.0.2.128/25"], True),
        (["192.0.0.0/16"], False),
        (["198.51.100.0/24"], False),
        (["192.0.2.0/24", "198.51.100.0/24"], False),
        (["2001:db9::/32"], False),
        (None, False),
    ],
)
def test_a_key_makes_none_for_other_networks(by_ada: Actor, inner: list[str] | None, is_inside: bool) -> None:
    outer = dataclasses.replace(WANTED, allowed_cidrs=["192.0.2.0/24", "2001:db8::/32"], belongs_to=ORGANIZATION)
    key = made_by(api_keys.create(by_ada, outer))
    wanted = dataclasses.replace(WANTED, allowed_cidrs=inner)

    if is_inside:
        assert api_keys.create(key, wanted).row.allowed_cidrs == inner
        return
    with refused(NotAllowed, ELSEWHERE):
        api_keys.create(key, wanted)


def test_keys_are_listed_by_organisation_until_they_are_revoked(by_ada: Actor) -> None:
    api_keys.create(as_user(administrator("eve@example.org", "Other")), WANTED)
    first, second, third = (api_keys.create(by_ada, WANTED).row.id for _ in range(3))
    api_keys.revoke(by_ada, second)

    assert [key.id for key in api_keys.listed(by_ada, Page()).rows] == [first, third]
    assert [key.id for key in api_keys.listed(by_ada, Page(limit=1)).rows] == [first]


def test_a_revoked_key_is_kept_with_the_moment_of_its_end(by_ada: Actor, standing_clock: None) -> None:
    one, other = (api_keys.create(by_ada, WANTED).row for _ in range(2))
    before, untouched = columns(one), columns(other)
    clock.offset += SECOND

    api_keys.revoke(by_ada, one.id)

    assert columns(one) == {**before, "revoked_at": current_time()}
    assert columns(other) == untouched
    details = {"keyPrefix": one.key_prefix}
    assert told(events()[-1]) == tells(by_ada, "API_KEY_REVOKE", ("API_KEY", one.id, "CI"), details=details)


def test_what_is_not_there_is_not_revoked(by_ada: Actor) -> None:
    theirs = api_keys.create(as_user(administrator("eve@example.org", "Other")), WANTED).row
    gone = api_keys.create(by_ada, WANTED).row
    api_keys.revoke(by_ada, gone.id)

    for key in (theirs, gone):
        with refused(ApiKeyNotFound, f"API key with ID {key.id} not found"):
            api_keys.revoke(by_ada, key.id)
    assert columns(theirs)["revoked_at"] is None
    assert len(events("API_KEY_REVOKE")) == 1


def test_a_key_revokes_none_that_may_more(ada: User, by_ada: Actor) -> None:
    strong = api_keys.create(by_ada, WANTED).row

    with refused(NotAllowed, "API key lacks scope audit:read"):
        api_keys.revoke(as_key(ada, "users:read"), strong.id)
    api_keys.revoke(as_key(ada, "users:read", "audit:read"), strong.id)
    assert columns(strong)["revoked_at"] is not None


def test_a_key_ends_itself(by_ada: Actor) -> None:
    made = api_keys.create(by_ada, dataclasses.replace(WANTED, belongs_to=ORGANIZATION))

    api_keys.revoke(made_by(made), made.row.id)

    assert columns(made.row)["revoked_at"] is not None


def end_of(key: Actor, how: str) -> None:
    which = ApiKey.id == key.key_id
    with write():
        if how == "gone":
            delete(ApiKey, which)
        else:
            ApiKey.update({f"{how}_at": current_time()}).where(which).execute()


@pytest.mark.parametrize("is_hers", [True, False], ids=["her own", "the organisation's"])
@pytest.mark.parametrize("how", ["revoked", "expires", "gone"])
def test_a_key_that_is_not_in_force_changes_nothing(
    ada: User, by_ada: Actor, standing_clock: None, how: str, is_hers: bool
) -> None:
    strong = api_keys.create(by_ada, WANTED).row
    key = as_key(ada, *WANTED.scopes, of_user=is_hers)
    end_of(key, how)
    before = len(events())

    for deed in (lambda: api_keys.create(key, WANTED), lambda: api_keys.revoke(key, strong.id)):
        with pytest.raises(Unauthenticated):
            deed()

    assert columns(strong)["revoked_at"] is None
    assert len(events()) == before


def test_a_key_is_in_force_until_its_end(ada: User, standing_clock: None) -> None:
    key, expiry = as_key(ada, *WANTED.scopes), current_time() + timedelta(microseconds=1)
    with write():
        ApiKey.update(expires_at=expiry).where(ApiKey.id == key.key_id).execute()

    assert api_keys.create(key, dataclasses.replace(WANTED, expires_at=expiry)).row.expires_at == expiry


def test_revoking_all_of_a_person_leaves_everybody_elses(ada: User, by_ada: Actor) -> None:
    bea = administrator("bea@example.com")
    wanted: dict[str, Any] = {
        "hers": (by_ada, USER),
        "revoked before": (by_ada, USER),
        "the organisation's": (by_ada, ORGANIZATION),
        "somebody else's": (as_user(bea), USER),
    }
    keys = {
        name: api_keys.create(actor, dataclasses.replace(WANTED, belongs_to=owner)).row
        for name, (actor, owner) in wanted.items()
    }
    api_keys.revoke(by_ada, keys["revoked before"].id)

    with write():
        api_keys.revoke_all_of(as_user(bea), ada)

    standing = {name for name, key in keys.items() if columns(key)["revoked_at"] is None}
    assert standing == {"the organisation's", "somebody else's"}
    assert [event.actor_email for event in events("API_KEY_REVOKE")] == ["ada@example.com", "bea@example.com"]
