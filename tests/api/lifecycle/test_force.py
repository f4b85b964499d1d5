"""What is deleted by force lets nobody in from then on, and is gone with its last rule."""

import uuid
from collections.abc import Mapping
from dataclasses import replace
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
from api.due import Priority, want
from api.errors import (
    Conflict,
)
from api.installation import identity
from api.lifecycle import reconciliation, verification
from api.lifecycle.changing import change_resource
from api.lifecycle.deleting import (
    delete_credential_by_force,
    delete_resource_by_force,
    finish,
)
from api.lifecycle.restoring import start_anew
from api.resources import service as resources
from api.resources.models import Resource
from api.resources.service import NewResourceFields
from api.resources.verdict import wanted
from api.sessions import service as sessions
from api.static_rules.models import StaticRuleResource
from api.targets.models import Grant, Rule, Target
from api.targets.verdict import Outcome, Report
from api.targets.work import work_on
from tests.api.accounts.acting import events, tells, told
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
from tests.api.lifecycle.deletions import FORCED, UNFORCED, each_kind, is_there
from tests.refused import refused
from tests.rows import fresh, make_credential, make_due
from tests.worker.bench import a_vault, keep_secret
from worker.sweep import Sweeper, _sweep


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


@each_kind
def test_the_trail_tells_what_goes_by_force_and_that_it_has_gone(
    by_ada: Actor, uma: User, resource: Resource, credential: Credential, kind: str
) -> None:
    opened(uma, resource)
    serve()
    before = len(events())

    FORCED[kind][0](by_ada, resource)
    serve()

    system = Actor.system(by_ada.organisation_id)
    subjects = [("RESOURCE", resource.id, resource.name), ("CREDENTIAL", credential.id, credential.name)]
    expected = [
        tells(actor, f"{subject[0]}_DELETE", subject, details=details)
        for actor, details in ((by_ada, {"force": True}), (system, {"rulesRemoved": True}))
        for subject in subjects[: 1 if kind == "resource" else 2]
    ]
    assert [told(event) for event in events()[before:] if event.event_type.endswith("_DELETE")] == expected


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
    shown = what_is(kind, resource)
    assert shown.verification_error == "UnauthorizedOperation: no"
    assert shown.updated_at > shown.deleting_since


def what_is(kind: str, resource: Resource) -> Any:
    """What is to be deleted, as it is now."""
    return fresh(resource) if kind == "resource" else Credential.get_by_id(resource.credential_id)


@each_kind
def test_each_says_why_it_is_kept_itself(
    by_ada: Actor, uma: User, organisation: Organisation, resource: Resource, kind: str
) -> None:
    second, stays = (openable(make_credential(organisation, is_valid=True)) for _ in range(2))
    opened(uma, resource, second, stays)
    serve()
    for each in (resource, second):
        FORCED[kind][0](by_ada, each)

    for each in (resource, second):
        keep(each, {"81.2.69.142/32": f"{each.name}: no"})

    said = [what_is(kind, each).verification_error for each in (resource, second, stays)]
    assert said == [f"{resource.name}: no", f"{second.name}: no", None]


@each_kind
def test_of_several_rules_the_one_that_is_late_for_longest_says_why(
    by_ada: Actor, uma: User, resource: Resource, kind: str
) -> None:
    for number in range(3):
        opened(uma, resource, address=f"81.2.69.{number}")
    serve()
    quiet, longest, later = Grant.select().order_by(Grant.id.desc())
    for ended in (quiet, longest, later):
        assert ended.session_id
        sessions.stop(by_ada, ended.session_id)
    FORCED[kind][0](by_ada, resource)

    keep(resource, {quiet.address: None, longest.address: "first", later.address: "second"})

    assert what_is(kind, resource).verification_error == "first"


@each_kind
def test_a_rule_that_was_left_to_another_installation_keeps_nothing(
    by_ada: Actor, uma: User, resource: Resource, kind: str
) -> None:
    opened(uma, resource)
    serve()
    start_anew()
    opened(uma, resource)
    serve()

    FORCED[kind][0](by_ada, resource)
    finish()

    assert what_is(kind, resource).verification_error is None


def keep(resource: Resource, errors: Mapping[str, str | None]) -> None:
    """The cloud gives up none of the rules on what a resource names, for the reason that is said by its address."""
    target = Target.get(Target.identifier == resource.resource_identifier)
    with write():
        Target.update(due_at=None).where(Target.id != target.id).execute()
        want(Target, Target.id == target.id, Priority.REVOKE)
    taken = claim([Target], list(Priority))
    assert taken is not None
    kept = Outcome(State.PRESENT, was_wanted=False, is_ours=True, was_ours=True)
    rules = Rule.select().where(Rule.target_id == target.id)
    outcomes = {rule.id: replace(kept, error=errors[rule.address]) for rule in rules}
    reconciliation.record(taken, Report(outcomes), 600)


def test_a_credential_that_is_invalid_and_going_says_why_once(by_ada: Actor, uma: User, resource: Resource) -> None:
    """However often its rule is looked for: what is said of the rule is made of what is said of the credential."""
    opened(uma, resource)
    serve()
    delete_credential_by_force(by_ada, resource.credential_id)
    with write():
        Credential.update(is_valid=False, verification_error="KeyUnknown: wrong").execute()
    for _ in range(2):
        work = work_on(Target.get().id, identity())
        assert work is not None
        said = Outcome(state=None, was_wanted=False, error=work.batches[0].obstacle)
        with write():
            want(Target, Target.id == Target.get().id, Priority.REVOKE)
        taken = claim([Target], list(Priority))
        assert taken is not None
        reconciliation.record(taken, Report({Rule.get().id: said}), 600)

    assert Credential.get().verification_error == "KeyUnknown: wrong"
    assert Grant.get().error == "the credential is invalid: KeyUnknown: wrong"


def test_nobody_looks_any_more_for_what_is_being_deleted(by_ada: Actor, uma: User, resource: Resource) -> None:
    opened(uma, resource)
    serve()
    make_due(resource)

    delete_resource_by_force(by_ada, resource.id)

    assert fresh(resource).due_at is None


def test_who_is_looking_at_it_meanwhile_has_it_looked_for_no_more(
    by_ada: Actor, uma: User, credential: Credential
) -> None:
    """As it was made: nothing else has been wanted of it."""
    resource = openable(credential, due_at=current_time())
    opened(uma, resource)
    serve()
    taken, asked = claim([Resource], list(Priority)), wanted(resource.id)
    assert taken is not None and asked is not None

    delete_resource_by_force(by_ada, resource.id)
    verification.resource_seen(taken, asked, None, 1800)

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


def test_a_session_that_loses_what_it_waited_for_has_all_that_is_left(
    by_ada: Actor, uma: User, resource: Resource, credential: Credential
) -> None:
    waited_for = openable(credential, is_active=False)
    session = opened(uma, resource, waited_for)
    serve()
    assert state_of(session) == ("PARTIAL", None)

    delete_resource_by_force(by_ada, waited_for.id)

    assert state_of(session) == ("ACTIVE", None)


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
