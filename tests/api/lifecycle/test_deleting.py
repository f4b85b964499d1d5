"""Deleting what nobody uses, and refusing to delete what somebody does."""

from typing import Any

import pytest

from api.accounts.models import Organisation, User
from api.actor import Actor
from api.claims import claim
from api.clouds.rules import State
from api.credentials.models import Credential, CredentialSecret
from api.database import current_time, now, write
from api.due import Priority
from api.errors import (
    CredentialInUse,
    CredentialNotFound,
    ResourceNotFound,
)
from api.lifecycle import reconciliation
from api.lifecycle.changing import change_resource
from api.lifecycle.deleting import (
    delete_credential,
    delete_credential_by_force,
    delete_resource,
)
from api.resources.models import Resource
from api.sessions import service as sessions
from api.sessions.models import Session
from api.targets.models import Grant, Rule, Target
from api.targets.verdict import Outcome, Report
from tests.api.accounts.acting import administrator, as_user, events, tells, told
from tests.api.lifecycle.conftest import (
    open_on,
    openable,
    opened,
    rules_left,
    serve,
    state_of,
    static_rule,
)
from tests.api.lifecycle.deletions import FORCED, UNFORCED, each_kind, is_there
from tests.refused import refused
from tests.rows import fresh, make_credential, make_resource, make_session
from tests.worker.bench import a_vault, keep_secret

# What nobody uses


def test_a_credential_takes_its_resources_and_secrets_along(by_ada: Actor, credential: Credential) -> None:
    lost = [make_resource(credential) for _ in range(2)]
    keep_secret(credential, 1, {"accessKeyId": "AKIAIOSFODNN7EXAMPLE"}, a_vault())
    other = make_credential(Organisation.get())
    kept = make_resource(other)

    delete_credential(by_ada, credential.id)

    assert list(Credential.select()) == [other]
    assert list(Resource.select()) == [kept]
    assert not CredentialSecret.select().exists()
    *of_resources, last = [told(event) for event in events()[-3:]]
    expected = [tells(by_ada, "RESOURCE_DELETE", ("RESOURCE", each.id, each.name)) for each in lost]
    assert sorted(of_resources, key=str) == sorted(expected, key=str)
    assert last == tells(by_ada, "CREDENTIAL_DELETE", ("CREDENTIAL", credential.id, credential.name))


def test_a_resource_goes_alone(by_ada: Actor, credential: Credential) -> None:
    gone, kept = (make_resource(credential) for _ in range(2))

    delete_resource(by_ada, gone.id)

    assert list(Resource.select()) == [kept]
    assert told(events()[-1]) == tells(by_ada, "RESOURCE_DELETE", ("RESOURCE", gone.id, gone.name))


@each_kind
def test_what_nobody_uses_is_gone_at_once_with_force_too(
    by_ada: Actor, resource: Resource, kind: str, standing_clock: None
) -> None:
    shown: Any = FORCED[kind][0](by_ada, resource)

    assert shown.deleting_since == current_time()
    assert not is_there(kind, resource)
    assert [event.details for event in events(f"{kind.upper()}_DELETE")] == [{"force": True}]


@each_kind
def test_somebody_elses_things_are_not_deleted(resource: Resource, kind: str) -> None:
    eve = as_user(administrator("eve@example.org", "Other"))
    missing, sentence = {
        "resource": (ResourceNotFound, f"Resource with ID {resource.id} not found"),
        "credential": (CredentialNotFound, f"Credential with ID {resource.credential_id} not found"),
    }[kind]

    for deed in (UNFORCED[kind][0], FORCED[kind][0]):
        with refused(missing, sentence):
            deed(eve, resource)
    assert is_there(kind, resource)


# What somebody uses


@each_kind
@pytest.mark.parametrize("status", ["being applied", "applied", "being removed"])
def test_what_has_rules_is_not_deleted(by_ada: Actor, uma: User, resource: Resource, kind: str, status: str) -> None:
    session = opened(uma, resource)
    if status != "being applied":
        serve()
    if status == "being removed":
        with write():
            sessions.end(by_ada, Session.id == session.id, "MANUAL")
    deed, refusal = UNFORCED[kind]

    with pytest.raises(refusal) as caught:
        deed(by_ada, resource)

    assert str(caught.value) == (
        f"{kind.capitalize()} is in use by session {session.id} of {uma.name}. "
        "Delete it with force=true to end what they let in."
    )
    assert is_there(kind, resource) and not events(f"{kind.upper()}_DELETE")
    assert open_on(session) == (set() if status == "being removed" else {resource.id})


@each_kind
def test_who_uses_it_is_named(by_ada: Actor, uma: User, resource: Resource, kind: str) -> None:
    hers = [opened(uma, resource, address=f"81.2.69.{number}") for number in range(5)]
    static_rule(resource)
    make_session(uma.organisation_id, resource, address="81.2.69.200")

    with pytest.raises(UNFORCED[kind][1]) as caught:
        UNFORCED[kind][0](by_ada, resource)

    named = ", ".join(f"session {session.id} of {uma.name}" for session in hers)
    assert f"in use by {named} and 2 more." in str(caught.value)


@each_kind
def test_five_who_use_it_are_all_named(by_ada: Actor, uma: User, resource: Resource, kind: str) -> None:
    *others, last = [opened(uma, resource, address=f"81.2.69.{number}") for number in range(5)]

    with pytest.raises(UNFORCED[kind][1]) as caught:
        UNFORCED[kind][0](by_ada, resource)

    named = ", ".join(f"session {session.id} of {uma.name}" for session in others)
    assert f"in use by {named} and session {last.id} of {uma.name}. " in str(caught.value)


@each_kind
def test_who_uses_something_else_or_waits_in_vain_is_not_named(
    by_ada: Actor, uma: User, organisation: Organisation, resource: Resource, kind: str
) -> None:
    opened(uma, openable(make_credential(organisation, is_valid=True)))
    inside = opened(uma, resource)
    serve()
    with write():
        Resource.update(is_active=False).where(Resource.id == resource.id).execute()
    opened(uma, fresh(resource), address="81.2.69.143")

    with pytest.raises(UNFORCED[kind][1], match=f"in use by session {inside.id} of {uma.name}\\."):
        UNFORCED[kind][0](by_ada, resource)


def test_a_rule_that_nobody_holds_any_more_is_in_the_way_too(by_ada: Actor, uma: User, resource: Resource) -> None:
    opened(uma, resource)
    serve()
    with write():
        Grant.update(rule_id=None, status="REMOVED", removed_at=now()).execute()

    with pytest.raises(CredentialInUse, match=r"in use by rules that are being removed\."):
        delete_credential(by_ada, resource.credential_id)


@each_kind
def test_static_rules_are_named_by_their_labels(
    by_ada: Actor, uma: User, organisation: Organisation, resource: Resource, kind: str
) -> None:
    static_rule(openable(make_credential(organisation, is_valid=True)), label="Elsewhere")
    session = opened(uma, resource)
    static_rule(resource, label="Head office")

    with pytest.raises(UNFORCED[kind][1], match=f"session {session.id} of {uma.name} and static rule Head office."):
        UNFORCED[kind][0](by_ada, resource)


@each_kind
def test_who_is_gone_and_whose_rule_stays_for_another_is_not_named(
    by_ada: Actor, uma: User, resource: Resource, kind: str
) -> None:
    session = opened(uma, resource)
    static_rule(resource)
    serve()
    with write():
        sessions.end(by_ada, Session.id == session.id, "MANUAL")
    serve()

    with pytest.raises(UNFORCED[kind][1], match=r"in use by static rule Office\."):
        UNFORCED[kind][0](by_ada, resource)


@each_kind
def test_what_was_in_use_is_deleted_when_its_last_rule_is_gone(
    by_ada: Actor, uma: User, resource: Resource, kind: str
) -> None:
    session = opened(uma, resource)
    serve()
    with write():
        sessions.end(by_ada, Session.id == session.id, "MANUAL")
    serve()

    UNFORCED[kind][0](by_ada, resource)

    assert not is_there(kind, resource)
    assert [grant.resource_name for grant in Grant.select()] == [resource.name]


@each_kind
def test_what_no_cloud_was_asked_for_or_would_add_is_in_nobodys_way(
    by_ada: Actor, uma: User, credential: Credential, kind: str
) -> None:
    resource = openable(credential, is_active=False)
    waiting = opened(uma, resource)

    UNFORCED[kind][0](by_ada, resource)

    assert not is_there(kind, resource)
    assert state_of(waiting) == ("CANCELLED", f"{kind.upper()}_DELETED")


@each_kind
def test_what_a_cloud_refused_for_good_is_in_nobodys_way(
    by_ada: Actor, uma: User, resource: Resource, kind: str
) -> None:
    session = opened(uma, resource)
    taken = claim([Target], list(Priority))
    assert taken is not None
    refusal = Outcome(State.ABSENT, was_wanted=True, error="RulesPerSecurityGroupLimitExceeded: full", is_final=True)
    reconciliation.record(taken, Report({Rule.get().id: refusal}), 600)
    assert state_of(session) == ("FAILED", None)

    UNFORCED[kind][0](by_ada, resource)

    assert not is_there(kind, resource) and rules_left() == 0
    assert state_of(session) == ("CANCELLED", f"{kind.upper()}_DELETED")


def test_a_credential_is_needed_where_a_resource_has_moved_on(
    by_ada: Actor, organisation: Organisation, uma: User, resource: Resource, credential: Credential
) -> None:
    session = opened(uma, resource)
    serve()
    other = make_credential(organisation, account="210987654321", is_valid=True)
    change_resource(by_ada, resource.id, {"credential_id": str(other.id)})

    with pytest.raises(CredentialInUse, match=f"session {session.id} of"):
        delete_credential(by_ada, credential.id)
    serve()
    delete_credential(by_ada, credential.id)

    assert list(Resource.select()) == [resource]


def test_a_credential_whose_resource_has_rules_through_another_is_not_deleted(
    by_ada: Actor, organisation: Organisation, uma: User, resource: Resource
) -> None:
    """Its resource would go with it, and nobody would see what is still open there."""
    session = opened(uma, resource)
    serve()
    other = make_credential(organisation, account="210987654321", is_valid=True)
    change_resource(by_ada, resource.id, {"credential_id": str(other.id)})

    with pytest.raises(CredentialInUse, match=f"session {session.id} of"):
        delete_credential(by_ada, other.id)
    delete_credential_by_force(by_ada, other.id)
    assert is_there("resource", resource)
    serve()

    assert not is_there("resource", resource)
    assert not Credential.select().where(Credential.id == other.id).exists()
