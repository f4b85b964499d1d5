"""Deleting what nobody uses, refusing what somebody does, and force."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from api.accounts.models import Organisation, User
from api.accounts.service import organisations
from api.actor import Actor
from api.claims import claim
from api.clouds.rules import State
from api.credentials import service as credentials
from api.credentials.models import Credential, CredentialSecret
from api.database import current_time, now, write
from api.due import Priority
from api.errors import (
    Conflict,
    CredentialInUse,
    CredentialNotFound,
    ResourceInUse,
    ResourceNotFound,
)
from api.lifecycle import reconciliation
from api.lifecycle.changing import change_resource
from api.lifecycle.deleting import (
    delete_credential,
    delete_credential_by_force,
    delete_resource,
    delete_resource_by_force,
    finish,
)
from api.resources import service as resources
from api.resources.models import Resource
from api.resources.service import NewResourceFields
from api.sessions import service as sessions
from api.sessions.models import Session
from api.static_rules.models import StaticRuleResource
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
    urgent_targets,
)
from tests.refused import refused
from tests.rows import fresh, make_credential, make_due, make_resource, make_session
from tests.worker.bench import a_vault, keep_secret
from worker.sweep import Sweeper, _sweep

Deed = Callable[[Actor, Resource], object]

UNFORCED: dict[str, tuple[Deed, type[Exception]]] = {
    "resource": (lambda actor, resource: delete_resource(actor, resource.id), ResourceInUse),
    "credential": (lambda actor, resource: delete_credential(actor, resource.credential_id), CredentialInUse),
}
FORCED: dict[str, tuple[Deed, str]] = {
    "resource": (lambda actor, resource: delete_resource_by_force(actor, resource.id), "RESOURCE_DELETED"),
    "credential": (
        lambda actor, resource: delete_credential_by_force(actor, resource.credential_id),
        "CREDENTIAL_DELETED",
    ),
}
each_kind = pytest.mark.parametrize("kind", ["resource", "credential"])


def is_there(kind: str, resource: Resource) -> bool:
    """What is to be deleted is shown."""
    if kind == "resource":
        return bool(Resource.select().where(Resource.id == resource.id).exists())
    return bool(Credential.select().where(Credential.id == resource.credential_id).exists())


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
def test_static_rules_are_named_by_their_labels(by_ada: Actor, uma: User, resource: Resource, kind: str) -> None:
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


# By force


@each_kind
def test_by_force_it_is_closed_at_once_and_gone_with_its_last_rule(
    by_ada: Actor, uma: User, resource: Resource, kind: str
) -> None:
    session = opened(uma, resource)
    static_rule(resource, address="81.2.69.143")
    serve()
    deed, reason = FORCED[kind]

    shown: Any = deed(by_ada, resource)

    assert shown.deleting_since is not None and shown.revision == 2
    assert state_of(session) == ("EXPIRING", reason)
    assert urgent_targets() == {resource.resource_identifier}
    assert not Grant.select().where(Grant.ended_at.is_null()).exists()
    finish(resource.organisation_id)
    assert is_there(kind, resource)
    serve()
    assert not is_there(kind, resource) and rules_left() == 0
    assert state_of(session) == ("CANCELLED", reason)
    assert not StaticRuleResource.select().exists()
    deletions = [(event.actor_type, event.details) for event in events(f"{kind.upper()}_DELETE")]
    assert deletions == [("USER", {"force": True}), ("SYSTEM", {"rulesRemoved": True})]


def test_a_secret_stays_until_the_last_rule_is_removed_with_it(
    by_ada: Actor, uma: User, resource: Resource, credential: Credential
) -> None:
    keep_secret(credential, 1, {"accessKeyId": "AKIAIOSFODNN7EXAMPLE"}, a_vault())
    opened(uma, resource)
    serve()

    delete_credential_by_force(by_ada, credential.id)

    assert CredentialSecret.select().exists()
    serve()
    assert not CredentialSecret.select().exists()


def test_a_credential_takes_all_of_its_resources_along_by_force(
    by_ada: Actor, uma: User, resource: Resource, credential: Credential
) -> None:
    openable(credential)
    other = openable(make_credential(Organisation.get(), is_valid=True))
    session = opened(uma, resource, other)
    serve()

    delete_credential_by_force(by_ada, credential.id)

    assert {row.id for row in Resource.select()} == {resource.id, other.id}
    assert fresh(resource).deleting_since is not None
    assert (open_on(session), state_of(session)) == ({other.id}, ("ACTIVE", None))
    serve()
    assert list(Resource.select()) == [other]


@each_kind
def test_a_rule_that_the_cloud_will_not_give_up_keeps_it_and_it_says_why(
    by_ada: Actor, uma: User, resource: Resource, kind: str
) -> None:
    session = opened(uma, resource)
    serve()
    deed, reason = FORCED[kind]
    deed(by_ada, resource)
    taken = claim([Target], list(Priority))
    assert taken is not None
    stuck = Outcome(State.PRESENT, was_wanted=False, is_ours=True, was_ours=True, error="UnauthorizedOperation: no")

    reconciliation.record(taken, Report({Rule.get().id: stuck}), 600)

    assert state_of(session) == ("EXPIRING", reason)
    assert [grant.error for grant in Grant.select()] == ["UnauthorizedOperation: no"]
    shown = fresh(resource) if kind == "resource" else Credential.get_by_id(resource.credential_id)
    assert shown.verification_error == "UnauthorizedOperation: no"


def test_nobody_looks_any_more_for_what_is_being_deleted(by_ada: Actor, uma: User, resource: Resource) -> None:
    opened(uma, resource)
    serve()
    make_due(resource)

    delete_resource_by_force(by_ada, resource.id)

    assert fresh(resource).due_at is None


def test_another_resource_on_the_same_object_keeps_its_rule(by_ada: Actor, uma: User, credential: Credential) -> None:
    """Two resources name one security group: the rule is one, and stays for the other."""
    first = openable(credential)
    named = {"resource_identifier": first.resource_identifier}
    second = openable(make_credential(Organisation.get(), account="123456789012", is_valid=True), **named)
    opened(uma, first)
    other = opened(uma, second)
    serve()
    assert rules_left() == 1

    delete_credential_by_force(by_ada, credential.id)

    assert not is_there("credential", first)
    assert Rule.get().credential_id == second.credential_id
    assert state_of(other) == ("ACTIVE", None)


@each_kind
def test_what_is_being_deleted_takes_no_change(by_ada: Actor, uma: User, resource: Resource, kind: str) -> None:
    opened(uma, resource)
    serve()
    FORCED[kind][0](by_ada, resource)
    after = len(events())

    for deed in (UNFORCED[kind][0], FORCED[kind][0]):
        with pytest.raises(Conflict):
            deed(by_ada, resource)
    with pytest.raises(Conflict):
        change_resource(by_ada, resource.id, {"name": "Web"})

    assert len(events()) == after


def test_a_credential_that_is_being_deleted_takes_no_resource(
    by_ada: Actor, organisation: Organisation, uma: User, resource: Resource, credential: Credential
) -> None:
    opened(uma, resource)
    elsewhere = openable(make_credential(organisation, is_valid=True))
    serve()
    delete_credential_by_force(by_ada, credential.id)
    wanted = NewResourceFields(
        name="Web",
        credential_id=str(credential.id),
        provider="AWS",
        resource_type="SECURITY_GROUP",
        resource_identifier="sg-0123456789abcdef0",
        region="eu-central-1",
    )

    with refused(Conflict, credentials.BEING_DELETED):
        resources.create(by_ada, wanted, uuid.uuid4())
    with refused(Conflict, credentials.BEING_DELETED):
        change_resource(by_ada, elsewhere.id, {"credential_id": str(credential.id)})


@each_kind
def test_what_is_being_deleted_counts_for_no_limit(by_ada: Actor, uma: User, resource: Resource, kind: str) -> None:
    opened(uma, resource)
    serve()
    FORCED[kind][0](by_ada, resource)

    used = organisations.overview(by_ada).usage

    assert (used.resources, used.credentials) == (0, 0 if kind == "credential" else 1)


def test_what_nobody_finished_is_finished_later(by_ada: Actor, uma: User, resource: Resource) -> None:
    """Whoever saw the last rule go died before he deleted what had waited for it."""
    opened(uma, resource)
    serve()
    delete_credential_by_force(by_ada, resource.credential_id)
    with write():
        Grant.update(rule_id=None, status="REMOVED", removed_at=now()).execute()
        Rule.delete().execute()

    _sweep(Sweeper(lambda: None), 0)

    assert not Credential.select().exists() and not Resource.select().exists()


def test_what_is_not_being_deleted_is_never_finished(by_ada: Actor, resource: Resource) -> None:
    finish()
    finish(resource.organisation_id)

    assert is_there("resource", resource) and is_there("credential", resource)
