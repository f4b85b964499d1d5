"""Resources as their service keeps them."""

import dataclasses
import uuid
from typing import Any

import pytest

from api.accounts.models import Organisation
from api.actor import Actor
from api.credentials.models import Credential
from api.database import clock, current_time, write
from api.errors import CredentialNotFound, InvalidInput, ResourceNotFound, TooManyResources
from api.paging import Page
from api.resources import service as resources
from api.resources.models import Resource
from api.resources.service import NewResourceFields
from api.schemas import camel_case
from tests.api.accounts.acting import administrator, as_user, columns, events, tells, told
from tests.refused import refused
from tests.rows import make_credential, make_resource

SECOND = 1_000_000
CONFIG: dict[str, Any] = {"ports": [443]}


@pytest.fixture
def by_ada(db: str) -> Actor:
    return as_user(administrator())


@pytest.fixture
def credential(by_ada: Actor) -> Credential:
    return make_credential(Organisation.get_by_id(by_ada.organisation_id), name="AWS")


@pytest.fixture
def wanted(credential: Credential) -> NewResourceFields:
    group = "sg-0123456789abcdef0"
    return NewResourceFields("Web", str(credential.id), "AWS", "SECURITY_GROUP", group, "eu-central-1")


@pytest.fixture
def made(by_ada: Actor, wanted: NewResourceFields) -> Resource:
    return resources.create(by_ada, wanted, uuid.uuid4())


def settle_all() -> None:
    with write():
        Resource.update(due_at=None, is_active=True).execute()


def test_a_new_resource_is_kept_due_and_told(
    by_ada: Actor, wanted: NewResourceFields, credential: Credential, standing_clock: None
) -> None:
    resource_id = uuid.uuid4()
    other = make_resource(credential)

    made = resources.create(by_ada, dataclasses.replace(wanted, max_session_minutes=30), resource_id)

    row = {name: value for name, value in columns(made).items() if value is not None}
    assert row == {
        "id": resource_id,
        "organisation_id": by_ada.organisation_id,
        "credential_id": credential.id,
        "name": "Web",
        "provider": "AWS",
        "resource_type": "SECURITY_GROUP",
        "resource_identifier": "sg-0123456789abcdef0",
        "region": "eu-central-1",
        "max_session_minutes": 30,
        "is_active": False,
        "created_at": current_time(),
        "updated_at": current_time(),
        "revision": 1,
        "due_at": current_time(),
        "due_priority": 2,
        "wanted_revision": 2,
        "seen_revision": 0,
        "attempts": 0,
    }
    assert getattr(made, "credential_name") == "AWS"  # noqa: B009 - the query adds it
    assert told(events()[-1]) == tells(by_ada, "RESOURCE_CREATE", ("RESOURCE", resource_id, "Web"))
    assert columns(other)["due_at"] is None


@pytest.mark.parametrize(
    ("change", "sentence", "field"),
    [
        ({"resource_type": "FIREWALL"}, "resourceType must be SECURITY_GROUP for AWS resources", "resourceType"),
        ({"region": None}, "region is required for AWS resources", "region"),
        ({"region": ""}, "region is required for AWS resources", "region"),
        (
            {"resource_identifier": "web"},
            "resourceIdentifier must be the id of a security group, such as sg-0abc123def456",
            "resourceIdentifier",
        ),
    ],
)
def test_what_the_cloud_does_not_know_is_refused(
    by_ada: Actor, wanted: NewResourceFields, change: dict[str, Any], sentence: str, field: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        resources.create(by_ada, dataclasses.replace(wanted, **change), uuid.uuid4())

    assert (str(refusal.value), refusal.value.details) == (sentence, {field: [sentence]})
    assert not Resource.select().exists()


def test_a_resource_is_of_its_credentials_cloud(by_ada: Actor, wanted: NewResourceFields, made: Resource) -> None:
    apisix = make_credential(Organisation.get(), provider="APISIX")
    sentence = "provider must be APISIX, as that of the credential"
    deeds: list[Any] = [
        lambda: resources.create(by_ada, dataclasses.replace(wanted, credential_id=str(apisix.id)), uuid.uuid4()),
        lambda: resources.change(by_ada, made.id, {"credential_id": str(apisix.id)}),
    ]
    for deed in deeds:
        with pytest.raises(InvalidInput) as refusal:
            deed()
        assert (str(refusal.value), refusal.value.details) == (sentence, {"provider": [sentence]})


@pytest.mark.parametrize("text", ["no id", "8d0f7780-8536-41f0-a955-f18ed2a01bf8"])
def test_a_resource_has_a_credential_that_exists(
    by_ada: Actor, wanted: NewResourceFields, made: Resource, text: str
) -> None:
    deeds: list[Any] = [
        lambda: resources.create(by_ada, dataclasses.replace(wanted, credential_id=text), uuid.uuid4()),
        lambda: resources.change(by_ada, made.id, {"credential_id": text}),
    ]
    for deed in deeds:
        with refused(CredentialNotFound, f"Credential with ID {text} not found"):
            deed()


def test_the_free_tier_has_three_resources(by_ada: Actor, wanted: NewResourceFields, credential: Credential) -> None:
    with write():
        Organisation.update(tier="FREE").execute()
    make_resource(make_credential())
    make_resource(credential, deleting_since=current_time())
    for _ in range(3):
        made = resources.create(by_ada, wanted, uuid.uuid4())

    with pytest.raises(TooManyResources, match=r"^Organization has reached maximum of 3 resources for Free tier\."):
        resources.create(by_ada, wanted, uuid.uuid4())

    with write():
        Resource.update(deleting_since=current_time()).where(Resource.id == made.id).execute()
    resources.create(by_ada, wanted, uuid.uuid4())


@pytest.mark.parametrize(
    ("change", "stays_active"),
    [
        ({"name": "New"}, True),
        ({"max_session_minutes": 30, "name": "New"}, True),
        ({"resource_identifier": "sg-0fedcba9876543210"}, False),
        ({"region": "eu-west-1"}, False),
    ],
)
def test_a_change_is_kept_due_and_told(
    by_ada: Actor, made: Resource, standing_clock: None, change: dict[str, Any], stays_active: bool
) -> None:
    settle_all()
    before = columns(made)
    other = make_resource(Credential.get())
    clock.offset += SECOND

    changed = resources.change(by_ada, made.id, change).resource

    news = {"revision": 2, "updated_at": current_time(), "due_at": current_time(), "wanted_revision": 3}
    assert columns(made) == {**before, **change, **news, "is_active": stays_active}
    assert (changed.id, changed.revision) == (made.id, 2)
    subject, details = ("RESOURCE", made.id, change.get("name", "Web")), {"changed": sorted(map(camel_case, change))}
    assert told(events()[-1]) == tells(by_ada, "RESOURCE_UPDATE", subject, details=details)
    assert columns(other)["due_at"] is None


def test_another_credential_shows_another_object(by_ada: Actor, made: Resource, credential: Credential) -> None:
    settle_all()
    second = make_credential(Organisation.get(), name="second")

    changed = resources.change(by_ada, made.id, {"credential_id": str(second.id), "name": "Web"}).resource

    assert (changed.credential_id, changed.is_active) == (second.id, False)
    assert getattr(changed, "credential_name") == "second"  # noqa: B009
    assert events()[-1].details == {"changed": ["credentialId"]}


def test_what_changes_nothing_is_no_change(by_ada: Actor, made: Resource) -> None:
    settle_all()
    before, length = columns(made), len(events())

    resources.change(by_ada, made.id, {"name": "Web", "credential_id": str(made.credential_id)})

    assert (columns(made), len(events())) == (before, length)


def test_a_change_is_checked_as_a_whole(by_ada: Actor, made: Resource) -> None:
    before = columns(made)
    for change in ({"region": None}, {"resource_identifier": "web"}, {"config": {"nothing": 1}}):
        with pytest.raises(InvalidInput):
            resources.change(by_ada, made.id, change)
    assert columns(made) == before


def test_somebody_elses_resource_is_nobodys(by_ada: Actor, made: Resource) -> None:
    eve = as_user(administrator("eve@example.org", "Other"))
    deeds: list[Any] = [
        lambda: resources.of(eve.organisation, made.id),
        lambda: resources.locked(eve.organisation, made.id),
        lambda: resources.ask_verification(eve, made.id),
        lambda: resources.change(eve, made.id, {"name": "x", "credential_id": "no id"}),
    ]
    for deed in deeds:
        with refused(ResourceNotFound, f"Resource with ID {made.id} not found"):
            deed()
    assert resources.locked(by_ada.organisation, made.id) == made


def test_resources_are_listed_by_organisation_and_page(
    by_ada: Actor, made: Resource, wanted: NewResourceFields
) -> None:
    make_resource(make_credential())
    second = resources.create(by_ada, wanted, uuid.uuid4())

    rows: list[Any] = resources.listed(by_ada.organisation, Page()).rows
    assert [(row.id, row.credential_name) for row in rows] == [(made.id, "AWS"), (second.id, "AWS")]
    assert [row.id for row in resources.listed(by_ada.organisation, Page(limit=1)).rows] == [made.id]


def test_asking_for_a_verification_makes_that_resource_due(
    by_ada: Actor, made: Resource, credential: Credential, standing_clock: None
) -> None:
    other = make_resource(credential)
    settle_all()
    before = columns(made)

    asked = resources.ask_verification(by_ada, made.id)

    assert columns(made) == {**before, "due_at": current_time(), "wanted_revision": 3}
    assert (asked.id, asked.wanted_revision) == (made.id, 3)
    assert columns(other)["due_at"] is None
