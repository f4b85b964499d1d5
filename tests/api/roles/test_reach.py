"""What a user's roles let him open, and for how long at most."""

import uuid
from typing import Any

import pytest

from api.accounts.models import Organisation, User
from api.accounts.service import api_keys
from api.database import current_time, write
from api.resources.models import Resource
from api.roles.models import Role, RoleApiKey, RoleResource, RoleUser
from api.roles.reach import reach_of, reach_of_key
from tests.api.accounts.acting import administrator, as_user
from tests.rows import make_credential, make_resource


@pytest.fixture
def ada(db: str) -> User:
    return administrator()


def make_role(user: User, resources: list[Resource], hours: int | None) -> Role:
    moment: Any = current_time()
    organisation_id = user.organisation_id
    with write():
        role = Role.create(
            organisation_id=organisation_id,
            name=str(uuid.uuid4()),
            max_session_hours=hours,
            created_at=moment,
            updated_at=moment,
        )
        RoleUser.create(organisation_id=organisation_id, role_id=role.id, user_id=user.id)
        for resource in resources:
            RoleResource.create(organisation_id=organisation_id, role_id=role.id, resource_id=resource.id)
    return role


def make_resources(user: User, count: int) -> list[Resource]:
    credential = make_credential(Organisation.get_by_id(user.organisation_id))
    return [make_resource(credential) for _ in range(count)]


def test_the_greatest_of_several_roles_counts_for_each_resource(ada: User) -> None:
    first, second, third = make_resources(ada, 3)
    make_role(ada, [first, second], 2)
    make_role(ada, [second, third], 5)

    assert reach_of(ada.id) == {first.id: 120, second.id: 300, third.id: 300}


@pytest.mark.parametrize("limits", [(2, None), (None, 2), (None, None)])
def test_a_role_without_a_limit_lifts_it(ada: User, limits: tuple[int | None, int | None]) -> None:
    (resource,) = make_resources(ada, 1)
    for hours in limits:
        make_role(ada, [resource], hours)

    assert reach_of(ada.id) == {resource.id: None}


def test_who_has_no_role_reaches_nothing_and_a_role_without_resources_none(ada: User) -> None:
    resources = make_resources(ada, 2)
    other = administrator("eve@example.org", "Other")
    make_role(other, make_resources(other, 1), None)
    assert reach_of(ada.id) == {}

    make_role(ada, [], None)

    assert reach_of(ada.id) == {} and len(resources) == 2


def test_a_key_reaches_what_its_own_roles_name_and_not_what_its_makers_do(ada: User) -> None:
    first, second = make_resources(ada, 2)
    key = api_keys.create(as_user(ada), api_keys.NewApiKey("CI", [], belongs_to=api_keys.ORGANIZATION)).row
    role, _ = make_role(ada, [first], 2), make_role(ada, [second], None)
    assert reach_of_key(key.id) == {}

    with write():
        RoleApiKey.create(organisation_id=ada.organisation_id, role_id=role.id, api_key_id=key.id)

    assert reach_of_key(key.id) == {first.id: 120}
