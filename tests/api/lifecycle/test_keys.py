"""What keys of the organisation have open ends with what they may."""

import pytest

from api.accounts.models import ApiKey, User
from api.actor import Actor
from api.credentials.models import Credential
from api.errors import NotAllowed
from api.lifecycle.keys import revoke_key
from api.lifecycle.roles import delete_role, take_key, take_resource
from api.resources.models import Resource
from api.roles.models import RoleApiKey
from tests.api.accounts.acting import as_key
from tests.api.lifecycle.conftest import (
    events,
    open_on,
    openable,
    opened,
    pipeline,
    role_of,
    rules_left,
    serve,
    state_of,
    urgent_targets,
)


@pytest.fixture
def ci(by_ada: Actor) -> ApiKey:
    return pipeline(by_ada)


def _take_key(actor: Actor, key: ApiKey, resource: Resource) -> None:
    take_key(actor, role_of([key], [resource]).id, key.id)


def _take_resource(actor: Actor, key: ApiKey, resource: Resource) -> None:
    take_resource(actor, role_of([key], [resource]).id, resource.id)


def _delete_role(actor: Actor, key: ApiKey, resource: Resource) -> None:
    delete_role(actor, role_of([key], [resource]).id)


def _revoke(actor: Actor, key: ApiKey, resource: Resource) -> None:
    role_of([key], [resource])
    revoke_key(actor, key.id)


OF_ROLES = {"key": _take_key, "resource": _take_resource, "role": _delete_role}
WAYS = {**OF_ROLES, "revoked": _revoke}


@pytest.mark.parametrize("way", WAYS)
def test_what_a_key_has_open_is_closed_with_what_let_it_in(
    by_ada: Actor, ci: ApiKey, resource: Resource, way: str
) -> None:
    session = opened(ci, resource)
    serve()

    WAYS[way](by_ada, ci, resource)

    assert state_of(session) == ("EXPIRING", "ROLE_REMOVED")
    assert urgent_targets() == {resource.resource_identifier}
    serve()
    assert state_of(session) == ("CANCELLED", "ROLE_REMOVED") and rules_left() == 0
    assert [event.details for event in events("SESSION_STOP")] == [{"endedReason": "ROLE_REMOVED"}]


@pytest.mark.parametrize("way", OF_ROLES)
def test_a_session_of_a_key_goes_on_with_what_another_role_gives(
    by_ada: Actor, ci: ApiKey, resource: Resource, credential: Credential, way: str
) -> None:
    kept = openable(credential)
    role_of([ci], [kept])
    session = opened(ci, resource, kept)

    WAYS[way](by_ada, ci, resource)

    assert (open_on(session), state_of(session)) == ({kept.id}, ("PENDING", None))


@pytest.mark.parametrize("way", WAYS)
def test_no_other_key_and_nobody_loses_anything(
    by_ada: Actor, ci: ApiKey, uma: User, resource: Resource, way: str
) -> None:
    other = pipeline(by_ada)
    role_of([other, uma], [resource])
    others = [opened(other, resource, address="81.2.69.143"), opened(uma, resource, address="81.2.69.144")]

    WAYS[way](by_ada, ci, resource)

    assert {state_of(session) for session in others} == {("PENDING", None)}


def test_a_role_that_is_taken_from_a_key_and_a_person_closes_what_both_have_open(
    by_ada: Actor, ci: ApiKey, uma: User, resource: Resource
) -> None:
    role = role_of([ci, uma], [resource])
    sessions = [opened(ci, resource, address="81.2.69.143"), opened(uma, resource, address="81.2.69.144")]

    delete_role(by_ada, role.id)

    assert {state_of(session) for session in sessions} == {("CANCELLED", "ROLE_REMOVED")}


def test_a_key_that_may_not_be_revoked_keeps_its_roles_and_what_it_has_open(
    by_ada: Actor, ci: ApiKey, resource: Resource
) -> None:
    role_of([ci], [resource])
    session = opened(ci, resource)

    with pytest.raises(NotAllowed, match="sessions:write"):
        revoke_key(as_key(User.get_by_id(by_ada.user_id), "api-keys:write"), ci.id)

    assert open_on(session) == {resource.id} and RoleApiKey.select().exists()
