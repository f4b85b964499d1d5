"""What crosses rooms: deleting, and which objects a credential is for."""

from datetime import timedelta
from typing import Any

import pytest

from api.accounts.models import Organisation
from api.actor import Actor
from api.clouds import CLOUDS
from api.clouds.base import Target
from api.credentials.models import Credential, CredentialSecret
from api.database import clock, current_time, write
from api.errors import CredentialNotFound, ResourceNotFound
from api.lifecycle.deleting import delete_credential, delete_resource
from api.lifecycle.policy import policy_of
from api.lifecycle.targets import targets_of
from api.resources.models import Resource
from tests.api.accounts.acting import administrator, as_user, events, tells, told
from tests.refused import refused
from tests.rows import make_credential, make_resource


@pytest.fixture
def by_ada(db: str) -> Actor:
    return as_user(administrator())


@pytest.fixture
def credential(by_ada: Actor) -> Credential:
    return make_credential(Organisation.get_by_id(by_ada.organisation_id), account="123456789012")


def test_a_credential_takes_its_resources_and_secrets_along(
    by_ada: Actor, credential: Credential, standing_clock: None
) -> None:
    lost = [make_resource(credential) for _ in range(2)]
    other = make_credential(Organisation.get())
    kept = make_resource(other)
    clock.offset += 1

    deleted = delete_credential(by_ada, credential.id)

    assert (deleted.id, deleted.name, deleted.deleting_since) == (credential.id, credential.name, current_time())
    assert list(Credential.select()) == [other]
    assert list(Resource.select()) == [kept]
    assert not CredentialSecret.select().exists()
    *of_resources, last = [told(event) for event in events()[-3:]]
    expected = [tells(by_ada, "RESOURCE_DELETE", ("RESOURCE", each.id, each.name)) for each in lost]
    assert sorted(of_resources, key=str) == sorted(expected, key=str)
    assert last == tells(by_ada, "CREDENTIAL_DELETE", ("CREDENTIAL", credential.id, credential.name))


def test_a_resource_goes_alone(by_ada: Actor, credential: Credential, standing_clock: None) -> None:
    gone, kept = (make_resource(credential) for _ in range(2))

    deleted = delete_resource(by_ada, gone.id)

    assert (deleted.id, deleted.deleting_since) == (gone.id, current_time())
    assert getattr(deleted, "credential_name") == credential.name  # noqa: B009 - the query adds it
    assert list(Resource.select()) == [kept]
    assert told(events()[-1]) == tells(by_ada, "RESOURCE_DELETE", ("RESOURCE", gone.id, gone.name))


def test_somebody_elses_things_are_not_deleted(credential: Credential) -> None:
    eve = as_user(administrator("eve@example.org", "Other"))
    resource = make_resource(credential)

    with refused(CredentialNotFound, f"Credential with ID {credential.id} not found"):
        delete_credential(eve, credential.id)
    with refused(ResourceNotFound, f"Resource with ID {resource.id} not found"):
        delete_resource(eve, resource.id)
    assert list(Resource.select()) == [resource]


def test_a_credential_is_for_what_its_resources_name_once_each_the_oldest_first(credential: Credential) -> None:
    moment = current_time()
    named = [("eu-west-1", "sg-2"), ("eu-central-1", "sg-1"), ("eu-west-1", "sg-2"), ("eu-central-1", "sg-2")]
    for age, (region, identifier) in enumerate(named):
        made: dict[str, Any] = {"region": region, "resource_identifier": identifier}
        make_resource(credential, created_at=moment - timedelta(seconds=age), **made)
    make_resource(make_credential())

    found = targets_of(credential.id)

    order = (("eu-central-1", "sg-2"), ("eu-west-1", "sg-2"), ("eu-central-1", "sg-1"))
    assert found == [Target(region, identifier, "SECURITY_GROUP") for region, identifier in order]


def test_of_resources_of_the_same_moment_the_order_is_by_id(credential: Credential) -> None:
    moment = current_time()
    rows = sorted((make_resource(credential, created_at=moment) for _ in range(8)), key=lambda row: row.id.hex)

    assert [target.identifier for target in targets_of(credential.id)] == [row.resource_identifier for row in rows]


def test_the_policy_is_for_the_credentials_targets_in_its_account(credential: Credential) -> None:
    resource = make_resource(credential)
    target = Target("eu-central-1", resource.resource_identifier, "SECURITY_GROUP")

    assert policy_of(credential) == CLOUDS["AWS"].policy([target], "123456789012")
    assert policy_of(credential) != CLOUDS["AWS"].policy([target], None)
    with write():
        Resource.delete().execute()
    assert policy_of(credential) == CLOUDS["AWS"].policy([], "123456789012")
