"""Which objects a credential is for."""

import uuid
from datetime import timedelta
from typing import Any

from api.clouds import CLOUDS
from api.clouds.base import Target
from api.credentials.models import Credential
from api.database import current_time, write
from api.lifecycle.policy import policy_of
from api.lifecycle.targets import targets_of
from api.resources.models import Resource
from tests.rows import make_credential, make_resource


def test_a_credential_is_for_what_its_resources_name_once_each_the_oldest_first(credential: Credential) -> None:
    moment = current_time()
    named = [("eu-west-1", "sg-2"), ("eu-central-1", "sg-1"), ("eu-west-1", "sg-2"), ("eu-central-1", "sg-2")]
    for age, (region, identifier) in enumerate(named):
        made: dict[str, Any] = {"id": uuid.UUID(int=age), "region": region, "resource_identifier": identifier}
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
