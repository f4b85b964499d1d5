"""Who does not pay has nothing open; who pays again has what was to stay."""

from collections.abc import Callable

import pytest

from api.accounts.models import Organisation, User
from api.actor import Actor
from api.credentials.models import Credential
from api.errors import Conflict, NotFound, Unauthenticated
from api.lifecycle.changing import change_resource
from api.lifecycle.deleting import (
    delete_credential,
    delete_credential_by_force,
    delete_resource,
    delete_resource_by_force,
)
from api.lifecycle.suspension import resume, suspend
from api.resources.models import Resource
from api.targets.models import Grant
from tests.api.accounts.acting import another_organisation, columns
from tests.api.lifecycle.conftest import (
    events,
    openable,
    opened,
    person,
    rules_left,
    serve,
    state_of,
    static_rule,
    urgent_targets,
)
from tests.api.lifecycle.test_changing import see
from tests.refused import refused
from tests.rows import fresh, make_credential, make_session


def open_to() -> set[str]:
    """The addresses that are let in."""
    return {grant.address for grant in Grant.select().where(Grant.ended_at.is_null())}


def test_a_suspended_organisation_has_nothing_open(by_ada: Actor, uma: User, credential: Credential) -> None:
    first, second = openable(credential), openable(credential)
    sessions = [opened(uma, first, second), make_session(uma.organisation_id, second, address="81.2.69.143")]
    static_rule(first, address="81.2.69.144")
    serve()

    suspended = suspend("Acme")

    assert suspended.suspended_at is not None
    assert {state_of(session) for session in sessions} == {("EXPIRING", "ORGANIZATION_SUSPENDED")}
    assert urgent_targets() == {first.resource_identifier, second.resource_identifier}
    assert open_to() == set()
    serve()
    assert {state_of(session) for session in sessions} == {("CANCELLED", "ORGANIZATION_SUSPENDED")}
    assert rules_left() == 0
    told = [(event.event_type, event.actor_type, event.details) for event in events("ORGANIZATION_UPDATE")][1:]
    assert told == [("ORGANIZATION_UPDATE", "SYSTEM", {"suspended": True})]
    stopped = [(event.organisation_id, event.actor_type) for event in events("SESSION_STOP")]
    assert stopped == [(uma.organisation_id, "SYSTEM")] * 2


def test_others_go_on(by_ada: Actor, resource: Resource) -> None:
    other = another_organisation()
    theirs = openable(make_credential(other, is_valid=True))
    session = opened(person(other), theirs)
    static_rule(theirs, address="81.2.69.144")

    suspend("acme")

    assert state_of(session) == ("PENDING", None)
    assert open_to() == {"81.2.69.142/32", "81.2.69.144/32"}


def test_static_rules_of_others_let_in_meanwhile(by_ada: Actor) -> None:
    theirs = openable(make_credential(another_organisation(), is_valid=True))
    suspend("acme")

    static_rule(theirs, address="81.2.69.144")

    assert open_to() == {"81.2.69.144/32"}


def test_static_rules_let_in_again_when_it_goes_on(by_ada: Actor, uma: User, resource: Resource) -> None:
    session = opened(uma, resource)
    static_rule(resource, address="81.2.69.144")
    static_rule(resource, address="81.2.69.145", label="Old", expires_at=resource.created_at)
    suspend("acme")
    serve()

    resumed = resume("acme")

    assert resumed.suspended_at is None
    assert open_to() == {"81.2.69.144/32"}
    assert state_of(session) == ("CANCELLED", "ORGANIZATION_SUSPENDED")
    assert [event.details for event in events("ORGANIZATION_UPDATE")][1:] == [{"suspended": True}, {"suspended": False}]


@pytest.mark.parametrize(
    "deed",
    [
        lambda actor, resource: change_resource(actor, resource.id, {"config": {"port": 22}}),
        lambda actor, resource: delete_resource(actor, resource.id),
        lambda actor, resource: delete_resource_by_force(actor, resource.id),
        lambda actor, resource: delete_credential(actor, resource.credential_id),
        lambda actor, resource: delete_credential_by_force(actor, resource.credential_id),
    ],
    ids=["change", "deletion", "deletion by force", "credential", "credential by force"],
)
def test_who_has_waited_for_a_suspension_changes_nothing_after_it(
    by_ada: Actor, resource: Resource, deed: Callable[[Actor, Resource], object]
) -> None:
    before = columns(fresh(resource))
    suspend("acme")

    with pytest.raises(Unauthenticated):
        deed(by_ada, resource)

    assert columns(fresh(resource)) == before


def test_what_is_seen_meanwhile_is_open_to_nobody(by_ada: Actor, credential: Credential) -> None:
    resource = openable(credential, is_active=False)
    static_rule(resource, address="81.2.69.144")
    suspend("acme")

    see(resource)
    assert open_to() == set()
    resume("acme")

    assert open_to() == {"81.2.69.144/32"}


def test_twice_is_told(by_ada: Actor) -> None:
    with refused(Conflict, "Acme is not suspended."):
        resume("acme")
    suspend("acme")
    with refused(Conflict, "Acme is suspended already."):
        suspend("acme")


@pytest.mark.parametrize("deed", [suspend, resume])
def test_nobody_is_not_suspended(by_ada: Actor, deed: object) -> None:
    with refused(NotFound, "There is no organization Nowhere."):
        deed("Nowhere")  # type: ignore[operator] # both are functions
    assert not Organisation.select().where(Organisation.suspended_at.is_null(False)).exists()
