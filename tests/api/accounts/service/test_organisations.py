"""Organisations: made with a slug and a turn, shown with what they use, renamed."""

from datetime import timedelta

import pytest

from api.accounts.models import Organisation, User
from api.accounts.service import api_keys, organisations, users
from api.accounts.service.organisations import OrganisationChange, Usage
from api.accounts.tiers import LIMITS
from api.actor import Actor
from api.database import clock, current_time, write
from api.due import Turn
from api.errors import Unauthenticated
from api.resources.models import Resource
from tests.api.accounts.acting import PASSWORD, administrator, as_user, columns, events, tells, told
from tests.lock_order import LockOrder
from tests.rows import make_credential, make_resource

OPERATOR = Actor.system(None)
EPOCH = 1970


def test_an_organisation_is_made_with_all_that_was_said(db: str, standing_clock: None) -> None:
    made = organisations.create_organisation(OPERATOR, "Löwe & Söhne", "FREE")

    assert columns(made) == {
        "id": made.id,
        "slug": "lowe-sohne",
        "name": "Löwe & Söhne",
        "tier": "FREE",
        "widest_ipv4_prefix": 32,
        "widest_ipv6_prefix": 128,
        "revision": 1,
        "created_at": current_time(),
        "updated_at": current_time(),
        "suspended_at": None,
    }
    assert Turn.get_by_id(made.id).served_at.year == EPOCH, "it is next"
    subject, details = ("ORGANIZATION", made.id, "Löwe & Söhne"), {"created": True, "tier": "FREE"}
    actor = Actor.system(made.id)
    assert told(events()[-1]) == tells(actor, "ORGANIZATION_UPDATE", subject, details=details)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Acme", "acme"),
        ("  Acme,  Inc. ", "acme-inc"),
        ("-" + 99 * "a", 40 * "a"),
        ("Straße 7", "strae-7"),
        ("ﬁne ①", "fine-1"),
        ("x" * 60, "x" * 40),
        (f"{'x' * 39} yz", "x" * 39),
        ("北京", "organization"),
        ("---", "organization"),
    ],
)
def test_a_slug_is_what_can_be_typed_of_a_name(db: str, name: str, slug: str) -> None:
    assert organisations.create_organisation(OPERATOR, name, "PAID").slug == slug


def test_a_slug_that_is_taken_gets_an_ending(db: str) -> None:
    first, second = (organisations.create_organisation(OPERATOR, "Acme", "PAID") for _ in range(2))

    assert first.slug == "acme"
    assert second.slug.startswith("acme-") and len(second.slug) == len("acme-123456")
    assert second.name == "Acme"


def test_after_five_endings_that_are_taken_too_it_gives_up(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []

    def always_the_same(length: int) -> str:
        drawn.append(length)
        return "0" * 2 * length

    monkeypatch.setattr("secrets.token_hex", always_the_same)
    for _ in range(2):
        organisations.create_organisation(OPERATOR, "Acme", "PAID")
    drawn.clear()

    with pytest.raises(RuntimeError, match=r"^no free slug in 5 tries$"):
        organisations.create_organisation(OPERATOR, "Acme", "PAID")

    assert drawn == [3] * 5
    assert Organisation.select().count() == 2


def test_an_overview_counts_what_is_in_use(ada: User, by_ada: Actor, standing_clock: None) -> None:
    organisation = Organisation.get_by_id(ada.organisation_id)
    bo = users.create(by_ada, users.NewUser("bo@example.com", "Bo", PASSWORD))
    users.create(by_ada, users.NewUser("cy@example.com", "Cy", PASSWORD))
    users.change(by_ada, bo.id, users.UserChange(is_active=False))
    soon = current_time() + timedelta(seconds=1)
    for expiry in (None, None, soon, soon + timedelta(microseconds=1)):
        key = api_keys.create(by_ada, api_keys.NewApiKey("CI", [], expires_at=expiry)).row
    api_keys.revoke(by_ada, key.id)
    key = api_keys.create(by_ada, api_keys.NewApiKey("CI", [], expires_at=soon + timedelta(microseconds=1))).row
    clock.offset += 1_000_000
    held = [make_credential(organisation) for _ in range(2)]
    make_credential(organisation, deleting_since=current_time())
    for _ in range(3):
        make_resource(held[0])
    make_resource(held[0], deleting_since=current_time())
    make_resource(make_credential())
    eve = as_user(administrator("eve@example.org", "Other"))
    api_keys.create(eve, api_keys.NewApiKey("CI", []))

    shown = organisations.overview(by_ada)

    assert shown.organisation == organisation
    assert shown.limits == LIMITS["PAID"]
    assert shown.usage == Usage(users=2, api_keys=3, credentials=2, resources=3)
    assert Resource.select().count() == 5
    with write():
        Organisation.update(tier="FREE").execute()
    assert organisations.overview(by_ada).limits == LIMITS["FREE"]


def test_a_new_name_is_kept_and_told(ada: User, by_ada: Actor, standing_clock: None) -> None:
    organisation = Organisation.get_by_id(ada.organisation_id)
    administrator("eve@example.org", "Other")
    before = columns(organisation)
    clock.offset += 1_000_000

    shown = organisations.change(by_ada, OrganisationChange("Acme Ltd"))

    assert columns(organisation) == {**before, "name": "Acme Ltd", "revision": 2, "updated_at": current_time()}
    assert shown.organisation.name == "Acme Ltd"
    assert shown.usage.users == 1
    subject, details = ("ORGANIZATION", organisation.id, "Acme Ltd"), {"changed": ["name"]}
    assert told(events()[-1]) == tells(by_ada, "ORGANIZATION_UPDATE", subject, details=details)


@pytest.mark.parametrize("name", ["Acme", None])
def test_the_same_name_is_no_change(ada: User, by_ada: Actor, name: str | None) -> None:
    before, length = columns(Organisation.get_by_id(ada.organisation_id)), len(events())

    shown = organisations.change(by_ada, OrganisationChange(name))

    assert columns(shown.organisation) == before
    assert len(events()) == length


def test_nobody_but_the_operator_changes_a_suspended_organisation(ada: User, by_ada: Actor) -> None:
    with write():
        Organisation.update(suspended_at=current_time()).execute()

    with pytest.raises(Unauthenticated):
        organisations.change(by_ada, OrganisationChange("Acme Ltd"))

    shown = organisations.change(Actor.system(ada.organisation_id), OrganisationChange("Acme Ltd"))
    assert shown.organisation.name == "Acme Ltd"


def test_who_holds_an_organisation_has_that_one_and_no_other(db: str, lock_order: LockOrder) -> None:
    first, second = (organisations.create_organisation(OPERATOR, name, "FREE") for name in ("Acme", "Other"))

    for each in (first, second):
        lock_order.forget()
        with write():
            assert organisations.held_organisation(each.id).id == each.id
        assert lock_order.of(Organisation) <= {each.id}


def test_who_locks_an_organisation_has_that_one_and_no_other(db: str) -> None:
    first, second = (organisations.create_organisation(OPERATOR, name, "FREE") for name in ("Acme", "Other"))

    for each in (first, second):
        with write():
            assert organisations.locked_organisation(each.id).id == each.id
