"""What somebody does while somebody else's deed is not committed yet: neither is lost."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from api.accounts.models import User
from api.actor import Actor
from api.credentials.models import Credential
from api.errors import ResourceNotFound
from api.lifecycle.changing import RESOURCE_CHANGED, change_resource
from api.lifecycle.deleting import RESOURCE_DELETED, delete_resource, delete_resource_by_force
from api.lifecycle.roles import delete_role, take_resource
from api.resources.models import Resource
from api.sessions.addresses import WantedAddresses
from api.sessions.changing import change_addresses
from api.sessions.starting import NewSessionFields, start
from api.settings import Settings
from api.targets.models import Grant
from tests.api.lifecycle.conftest import open_on, openable, opened, role_of, serve, state_of
from tests.api.lifecycle.test_changing import see
from tests.locks import Other, just_before, uncommitted, waiting

# SQLite has one writer: nothing happens meanwhile.
pytestmark = pytest.mark.engines("postgresql")


def delete(actor: Actor, resource_id: uuid.UUID) -> object:
    return delete_resource_by_force(actor, resource_id)


def change(actor: Actor, resource_id: uuid.UUID) -> object:
    return change_resource(actor, resource_id, {"config": {"port": 8443}})


@pytest.mark.parametrize(("deed", "reason"), [(delete, RESOURCE_DELETED), (change, RESOURCE_CHANGED)])
def test_a_session_whose_last_two_resources_go_at_once_ends(
    db: str, by_ada: Actor, uma: User, credential: Credential, deed: Callable[[Actor, uuid.UUID], object], reason: str
) -> None:
    first, second = openable(credential), openable(credential)
    session = opened(uma, first, second)
    serve()

    with uncommitted(db, lambda: deed(by_ada, first.id)) as meanwhile:
        done = meanwhile(lambda: deed(by_ada, second.id))

    done.result(30)
    assert state_of(session) == ("EXPIRING", reason)
    serve()
    assert state_of(session) == ("CANCELLED", reason)


def test_what_a_change_closes_is_not_opened_to_another_address(
    db: str, by_ada: Actor, resource: Resource, credential: Credential, settings: Settings
) -> None:
    """Its user was let in to what it was."""
    other = openable(credential)
    here = replace(by_ada, ip_address="81.2.69.142")
    session = start(here, NewSessionFields(), uuid.uuid4(), settings)
    assert open_on(session) == {resource.id, other.id}
    there = WantedAddresses(ipv4_address=ip_network("81.2.69.143"))

    with uncommitted(db, lambda: change(by_ada, resource.id)) as meanwhile:
        moved = meanwhile(lambda: change_addresses(here, session.id, there, settings))

    assert moved.result(30).ipv4_address == "81.2.69.143"
    assert open_on(session) == {other.id}


def look(_: Actor, resource: Resource) -> None:
    see(resource)


def open_up(actor: Actor, resource: Resource) -> None:
    change_resource(actor, resource.id, {"config": {"port": 8443}})


def force(actor: Actor, resource: Resource) -> None:
    delete_resource_by_force(actor, resource.id)


@pytest.mark.parametrize(
    ("deed", "columns"), [(look, {"is_active": False}), (open_up, {"config": None}), (force, {"is_active": False})]
)
def test_a_session_is_taken_before_its_grants_as_whoever_stops_it_does(
    db: str,
    by_ada: Actor,
    uma: User,
    credential: Credential,
    deed: Callable[[Actor, Resource], None],
    columns: dict[str, Any],
) -> None:
    """What could not be asked for has no target that both would wait for."""
    resource = openable(credential, **columns)
    session = opened(uma, resource)
    one = Other(db)
    one.lock("sessions", session.id)

    with waiting(lambda: deed(by_ada, resource), one) as done:
        one.lock("grants", Grant.get().id)

    done.result(10)


@pytest.mark.parametrize("delete_it", [delete_resource, delete_resource_by_force])
@pytest.mark.parametrize("what", ["role", "resource of the role"])
def test_a_role_and_a_resource_that_it_names_are_taken_away_at_once(
    db: str,
    by_ada: Actor,
    uma: User,
    credential: Credential,
    delete_it: Callable[[Actor, uuid.UUID], object],
    what: str,
) -> None:
    """Neither waits for the other while that waits for it."""
    resource = openable(credential, is_active=False)
    role, session = role_of([uma], [resource]), opened(uma, resource)

    def take_away() -> None:
        if what == "role":
            delete_role(by_ada, role.id)
        else:
            take_resource(by_ada, role.id, resource.id)

    with just_before(db, 'DELETE FROM "resources"', take_away) as meanwhile:
        delete_it(by_ada, resource.id)

    error = meanwhile[0].exception(30)
    assert error is None or isinstance(error, ResourceNotFound), "it went first"
    assert state_of(session)[0] == "CANCELLED"
