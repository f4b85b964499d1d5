"""What people have open ends with what they may."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.accounts import service as accounts
from api.accounts.models import Organisation, User
from api.accounts.service.users import UserChange
from api.actor import Actor
from api.credentials.models import Credential
from api.database import connection, write
from api.lifecycle.keys import revoke_key
from api.lifecycle.people import change_user, remove_user
from api.lifecycle.roles import delete_role, take_resource, take_user
from api.resources.models import Resource
from api.sessions.models import Session
from api.targets.models import Grant
from tests.api.lifecycle.conftest import (
    events,
    open_on,
    openable,
    opened,
    person,
    pipeline,
    role_of,
    rules_left,
    serve,
    state_of,
    urgent_targets,
)
from tests.rows import make_session


@pytest.mark.parametrize("deed", ["deactivated", "deleted"])
def test_who_is_out_has_nothing_open(by_ada: Actor, uma: User, resource: Resource, deed: str) -> None:
    hers = [opened(uma, resource, address=address) for address in ("81.2.69.142", "81.2.69.143")]
    another = make_session(uma.organisation_id, resource, address="81.2.69.144")
    serve()

    if deed == "deactivated":
        change_user(by_ada, uma.id, UserChange(is_active=False))
    else:
        remove_user(by_ada, uma.id)

    assert {state_of(session) for session in hers} == {("EXPIRING", "USER_DEACTIVATED")}
    assert urgent_targets() == {resource.resource_identifier}
    serve()
    assert {state_of(session) for session in hers} == {("CANCELLED", "USER_DEACTIVATED")}
    assert state_of(another) == ("ACTIVE", None) and rules_left() == 1
    told = [(event.actor_email, event.resource_id, event.details) for event in events("SESSION_STOP")]
    assert sorted(told) == sorted(
        (by_ada.email, str(session.id), {"endedReason": "USER_DEACTIVATED"}) for session in hers
    )


def test_who_comes_back_finds_nothing_open(by_ada: Actor, uma: User, resource: Resource) -> None:
    session = opened(uma, resource)
    for is_active in (False, True):
        change_user(by_ada, uma.id, UserChange(is_active=is_active))

    assert state_of(session) == ("CANCELLED", "USER_DEACTIVATED")


def test_who_is_renamed_keeps_everything(by_ada: Actor, uma: User, resource: Resource) -> None:
    role_of([uma], [resource])
    session = opened(uma, resource)

    change_user(by_ada, uma.id, UserChange(name="Uma Thurn"))

    assert open_on(session) == {resource.id}


def test_who_is_demoted_keeps_what_the_roles_give(
    by_ada: Actor, organisation: Organisation, resource: Resource, credential: Credential
) -> None:
    boss, second = person(organisation, "ORG_ADMIN"), openable(credential)
    role_of([boss], [resource])
    both, other = opened(boss, resource, second), opened(boss, second, address="81.2.69.143")

    change_user(by_ada, boss.id, UserChange(role="USER"))

    assert open_on(both) == {resource.id}
    assert (state_of(both), state_of(other)) == (("PENDING", None), ("CANCELLED", "ROLE_REMOVED"))


def test_a_change_that_is_refused_ends_nothing(by_ada: Actor, organisation: Organisation, resource: Resource) -> None:
    ada = User.get_by_id(by_ada.user_id)
    session = opened(ada, resource)

    with pytest.raises(Exception, match="last administrator"):
        change_user(by_ada, ada.id, UserChange(is_active=False))

    assert open_on(session) == {resource.id}


# Roles


def _take_user(actor: Actor, user: User, resource: Resource) -> None:
    take_user(actor, role_of([user], [resource]).id, user.id)


def _take_resource(actor: Actor, user: User, resource: Resource) -> None:
    take_resource(actor, role_of([user], [resource]).id, resource.id)


def _delete_role(actor: Actor, user: User, resource: Resource) -> None:
    delete_role(actor, role_of([user], [resource]).id)


WAYS = {"user": _take_user, "resource": _take_resource, "role": _delete_role}
each_way = pytest.mark.parametrize("way", WAYS)


@each_way
def test_what_a_role_gave_is_closed_when_it_is_taken(by_ada: Actor, uma: User, resource: Resource, way: str) -> None:
    session = opened(uma, resource)
    serve()

    WAYS[way](by_ada, uma, resource)

    assert state_of(session) == ("EXPIRING", "ROLE_REMOVED")
    assert urgent_targets() == {resource.resource_identifier}
    serve()
    assert state_of(session) == ("CANCELLED", "ROLE_REMOVED") and rules_left() == 0
    assert [event.details for event in events("SESSION_STOP")] == [{"endedReason": "ROLE_REMOVED"}]


@each_way
def test_what_another_role_gives_too_stays_open(by_ada: Actor, uma: User, resource: Resource, way: str) -> None:
    role_of([uma], [resource])
    session = opened(uma, resource)

    WAYS[way](by_ada, uma, resource)

    assert (open_on(session), state_of(session)) == ({resource.id}, ("PENDING", None))


@each_way
def test_what_a_role_gives_to_somebody_else_is_closed(
    by_ada: Actor, organisation: Organisation, uma: User, resource: Resource, way: str
) -> None:
    role_of([person(organisation)], [resource])
    session = opened(uma, resource)

    WAYS[way](by_ada, uma, resource)

    assert state_of(session) == ("CANCELLED", "ROLE_REMOVED")


@each_way
def test_from_whom_nothing_is_taken_has_open_what_he_had(
    by_ada: Actor, organisation: Organisation, uma: User, resource: Resource, way: str
) -> None:
    session = opened(person(organisation), resource)

    WAYS[way](by_ada, uma, resource)

    assert (open_on(session), state_of(session)) == ({resource.id}, ("PENDING", None))


@each_way
def test_a_session_goes_on_with_what_is_left(
    by_ada: Actor, uma: User, resource: Resource, credential: Credential, way: str
) -> None:
    kept = openable(credential)
    role_of([uma], [kept])
    session = opened(uma, resource, kept)
    serve()

    WAYS[way](by_ada, uma, resource)

    assert (open_on(session), state_of(session)) == ({kept.id}, ("ACTIVE", None))
    serve()
    assert rules_left() == 1 and not events("SESSION_STOP")


@each_way
def test_nobody_else_loses_anything(
    by_ada: Actor, organisation: Organisation, uma: User, resource: Resource, way: str
) -> None:
    somebody, boss = person(organisation), person(organisation, "ORG_ADMIN")
    role_of([somebody], [resource])
    others = [
        opened(somebody, resource, address="81.2.69.143"),
        opened(boss, resource, address="81.2.69.144"),
        make_session(organisation.id, resource, address="81.2.69.145"),
    ]

    WAYS[way](by_ada, uma, resource)
    take_user(by_ada, role_of([boss], [resource]).id, boss.id)

    assert {state_of(session) for session in others} == {("PENDING", None)}


def test_what_was_not_given_is_not_missed(by_ada: Actor, uma: User, resource: Resource) -> None:
    session, other = opened(uma, resource), role_of([uma], [])
    role_of([uma], [resource])

    take_resource(by_ada, other.id, resource.id)
    delete_role(by_ada, other.id)

    assert open_on(session) == {resource.id}


@pytest.mark.engines("postgresql")
@pytest.mark.parametrize("deed", ["take the role", "revoke the key"])
def test_who_starts_while_a_role_is_taken_waits_and_is_seen(
    by_ada: Actor, uma: User, resource: Resource, deed: str
) -> None:
    """A start holds the organisation: who takes something away sees all of it, or it sees him."""
    key = pipeline(by_ada) if deed == "revoke the key" else None
    role, is_open, go_on = role_of([key or uma], [resource]), threading.Event(), threading.Event()

    def start_slowly() -> Session:
        with connection(), write():
            accounts.held_organisation(uma.organisation_id)
            session = opened(key or uma, resource)
            is_open.set()
            assert go_on.wait(10)
            return session

    def take() -> None:
        with connection():
            revoke_key(by_ada, key.id) if key else take_user(by_ada, role.id, uma.id)

    with ThreadPoolExecutor(2) as pool:
        starting = pool.submit(start_slowly)
        assert is_open.wait(10)
        taking = pool.submit(take)
        with pytest.raises(TimeoutError):
            taking.result(0.5)
        go_on.set()
        session = starting.result(10)
        taking.result(10)

    assert state_of(session) == ("CANCELLED", "ROLE_REMOVED")
    assert not Grant.select().where(Grant.ended_at.is_null()).exists()
