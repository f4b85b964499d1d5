"""What goes with a credential or a resource, as whoever is about to delete it is told."""

import uuid

from api.accounts.models import Organisation, User
from api.actor import Actor
from api.credentials.models import Credential
from api.lifecycle.changing import change_resource
from api.lifecycle.dependants import Dependants, dependants_of_credential, dependants_of_resource
from api.resources.models import Resource
from api.sessions import service as sessions
from tests.api.lifecycle.conftest import openable, opened, serve, static_rule
from tests.api.lifecycle.deletions import each_kind
from tests.rows import make_credential


def dependants(kind: str, resource: Resource) -> Dependants:
    if kind == "resource":
        return dependants_of_resource(resource)
    return dependants_of_credential(Credential.get_by_id(resource.credential_id))


@each_kind
def test_all_that_it_lets_in_goes_with_it_the_oldest_first(uma: User, resource: Resource, kind: str) -> None:
    ids = [uuid.UUID(int=number) for number in (3, 2, 1)]
    stays = [opened(uma, resource, address=f"81.2.69.{one.int}", id=one) for one in ids]
    rules = [static_rule(resource, address=f"81.2.69.14{one.int}", label=f"Office {one.int}", id=one) for one in ids]

    assert dependants(kind, resource) == Dependants([resource], stays, rules, is_in_use=True)


@each_kind
def test_nothing_else_goes_with_it(
    by_ada: Actor, organisation: Organisation, uma: User, resource: Resource, kind: str
) -> None:
    elsewhere = openable(make_credential(organisation, is_valid=True))
    opened(uma, elsewhere)
    static_rule(elsewhere, address="81.2.69.143")
    sessions.stop(by_ada, opened(uma, resource).id)

    assert dependants(kind, resource) == Dependants([resource], [], [], is_in_use=False)


@each_kind
def test_who_waits_in_vain_goes_with_it_and_is_not_in_its_way(uma: User, credential: Credential, kind: str) -> None:
    resource = openable(credential, is_active=False)
    waiting = opened(uma, resource)

    assert dependants(kind, resource) == Dependants([resource], [waiting], [], is_in_use=False)


@each_kind
def test_a_rule_that_is_still_being_removed_keeps_it(by_ada: Actor, uma: User, resource: Resource, kind: str) -> None:
    session = opened(uma, resource)
    serve()
    sessions.stop(by_ada, session.id)

    assert dependants(kind, resource) == Dependants([resource], [], [], is_in_use=True)


def test_a_rule_that_a_resource_left_behind_keeps_its_credential(
    by_ada: Actor, organisation: Organisation, uma: User, resource: Resource, credential: Credential
) -> None:
    opened(uma, resource)
    serve()
    other = make_credential(organisation, account="210987654321", is_valid=True)
    change_resource(by_ada, resource.id, {"credential_id": str(other.id)})

    assert dependants_of_credential(credential) == Dependants([], [], [], is_in_use=True)


def test_the_resources_of_a_credential_go_with_it_the_oldest_first(credential: Credential) -> None:
    theirs = [openable(credential, id=uuid.UUID(int=number)) for number in (3, 2, 1)]

    assert dependants_of_credential(credential).resources == theirs
