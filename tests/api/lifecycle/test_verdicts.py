"""What a verdict about a resource or a credential means for who waits to be let in."""

import pytest

from api.accounts.models import Organisation, User
from api.actor import Actor
from api.claims import claim
from api.clouds.base import Refused
from api.clouds.rules import State
from api.credentials.models import Credential
from api.credentials.verdict import secret_to_try
from api.database import current_time, write
from api.due import Priority
from api.lifecycle import reconciliation, verification
from api.lifecycle.changing import change_resource
from api.resources.models import Resource
from api.sessions import service as sessions
from api.targets.models import Grant, Rule, Target
from api.targets.verdict import Outcome, Report
from tests.api.accounts.acting import another_organisation
from tests.api.lifecycle.conftest import events, openable, opened, person, serve, state_of, static_rule
from tests.api.lifecycle.test_changing import grants_of, offer, see
from tests.rows import fresh, make_credential, make_due
from tests.worker.bench import a_vault, keep_secret

NOT_THERE = Refused("InvalidGroup.NotFound", "there is no such group")


def said() -> set[tuple[str, str | None]]:
    """What is shown of all who wait."""
    return {(grant.status, grant.error) for grant in Grant.select().where(Grant.ended_at.is_null())}


def test_who_waits_is_told_what_the_cloud_says_by_now(uma: User, credential: Credential) -> None:
    resource, other = openable(credential, is_active=False), openable(credential, is_active=False)
    waiting = opened(uma, resource, other)
    static_rule(resource, address="81.2.69.143")
    assert said() == {("FAILED", "the resource has not been verified yet")}

    see(resource, NOT_THERE)

    seen = Grant.select().where(Grant.resource_id == resource.id)
    assert {(grant.status, grant.error) for grant in seen} == {("FAILED", str(NOT_THERE))}
    assert Grant.get(Grant.resource_id == other.id).error == "the resource has not been verified yet"
    assert state_of(waiting) == ("FAILED", None)


def test_who_waits_is_told_what_a_change_has_put_in_the_way(by_ada: Actor, uma: User, credential: Credential) -> None:
    resource = openable(credential, is_active=False)
    opened(uma, resource)

    change_resource(by_ada, resource.id, {"config": None})
    see(resource)

    assert said() == {("FAILED", "the resource's config names no port, so nothing says what to open")}


def test_who_waits_is_told_that_the_credential_is_invalid_as_soon_as_it_is(
    uma: User, organisation: Organisation, credential: Credential
) -> None:
    elsewhere = make_credential(organisation, account="210987654321", is_valid=True)
    resource, other = openable(credential, is_active=False), openable(elsewhere, is_active=False)
    waiting = opened(uma, resource, other)
    static_rule(resource, address="81.2.69.143")
    see(resource, NOT_THERE)

    reject(credential)

    seen = Grant.select().where(Grant.resource_id == resource.id)
    reason = fresh(resource).verification_error
    assert reason == "credential is invalid: InvalidClientTokenId: no such key"
    assert [(grant.status, grant.error) for grant in seen] == [("FAILED", reason)] * 2
    assert Grant.get(Grant.resource_id == other.id).error == "the resource has not been verified yet"
    assert state_of(waiting) == ("FAILED", None)


def test_what_was_let_in_or_is_over_is_told_nothing_of_the_credential(
    by_ada: Actor, uma: User, credential: Credential
) -> None:
    resource = openable(credential)
    opened(uma, resource)
    serve()
    ended = opened(uma, openable(credential, is_active=False))
    sessions.stop(by_ada, ended.id)

    reject(credential)

    assert {(grant.status, grant.error) for grant in Grant.select()} == {("APPLIED", None), ("REMOVED", None)}


def reject(credential: Credential) -> None:
    """The cloud does not know the secret in use any more."""
    keep_secret(credential, 1, {"accessKeyId": "AKIAIOSFODNN7EXAMPLE"}, a_vault())
    make_due(credential)
    taken, tried = claim([Credential], list(Priority)), secret_to_try(credential.id)
    assert taken is not None and tried is not None
    verification.credential_refused(taken, tried, Refused("InvalidClientTokenId", "no such key"), 1800)


def refuse() -> None:
    """The cloud refuses for good what is to be added."""
    taken = claim([Target], list(Priority))
    assert taken is not None
    refused = Outcome(State.ABSENT, was_wanted=True, is_answered=True, error="there is no room", is_final=True)
    outcomes = {rule.id: refused for rule in Rule.select().where(Rule.target_id == taken.row_id)}
    reconciliation.record(taken, Report(outcomes), look_again_seconds=600)


def test_a_static_rule_follows_a_credential_to_another_account(
    uma: User, resource: Resource, credential: Credential
) -> None:
    """What was refused in the old one does not stand in the way; what is said of it would be so for ever."""
    session, rule = opened(uma, resource), static_rule(resource, address="81.2.69.143")
    refuse()
    assert said() == {("FAILED", "there is no room")}

    assert offer(credential, "210987654321").account == "210987654321"

    assert state_of(session) == ("CANCELLED", "RESOURCE_CHANGED")
    [stopped] = events("SESSION_STOP")
    assert (stopped.organisation_id, stopped.actor_type) == (uma.organisation_id, "SYSTEM")
    assert [grant.status for grant in grants_of(rule)] == ["REMOVED", "PENDING"]
    serve()
    assert said() == {("APPLIED", None)}
    assert [Target.get_by_id(each.target_id).account for each in Rule.select()] == ["210987654321"]


def test_who_waits_for_what_is_not_verified_yet_waits_for_it_in_another_account_too(
    uma: User, credential: Credential
) -> None:
    session = opened(uma, resource := openable(credential, is_active=False))

    offer(credential, "210987654321")
    see(resource)
    serve()

    assert state_of(session) == ("ACTIVE", None)
    assert [Target.get_by_id(each.target_id).account for each in Rule.select()] == ["210987654321"]


def test_what_was_refused_stays_where_the_account_is_the_same(
    uma: User, organisation: Organisation, credential: Credential
) -> None:
    other = make_credential(organisation, account="210987654321", is_valid=True)
    session = opened(uma, openable(other))
    refuse()

    offer(other, "210987654321")

    assert state_of(session) == ("FAILED", None)
    serve()
    assert state_of(session) == ("ACTIVE", None)


def test_what_goes_through_another_credential_of_the_old_account_is_closed_too(
    uma: User, organisation: Organisation, resource: Resource, credential: Credential
) -> None:
    other = make_credential(organisation, account="123456789012", is_valid=True)
    same = openable(other, resource_identifier=resource.resource_identifier)
    kept, closed = opened(uma, same), opened(uma, resource)
    serve()

    offer(credential, "210987654321")

    assert (state_of(kept), state_of(closed)) == (("ACTIVE", None), ("CANCELLED", "RESOURCE_CHANGED"))


@pytest.mark.parametrize(
    ("outcome", "is_applied", "is_looked_for"),
    [
        (Outcome(State.ABSENT, was_wanted=True, was_ours=True), False, True),
        (Outcome(State.ABSENT, was_wanted=False), True, True),
        (Outcome(State.ABSENT, was_wanted=False), False, False),
        (Outcome(State.ABSENT, was_wanted=True), True, False),
    ],
    ids=["ours goes now", "ours went unrecorded", "none was ours", "it was not there yet"],
)
def test_what_goes_from_an_object_is_looked_for_by_others_who_are_on_it(
    uma: User, resource: Resource, outcome: Outcome, is_applied: bool, is_looked_for: bool
) -> None:
    """Who relied on a rule that was there already has to add his own."""
    other = another_organisation()
    theirs = openable(
        make_credential(other, account="123456789012", is_valid=True),
        resource_identifier=resource.resource_identifier,
    )
    elsewhere = openable(make_credential(other, account="123456789012", is_valid=True))
    opened(uma, resource)
    opened(person(other), theirs, elsewhere)
    serve()
    mine = Target.get(Target.organisation_id == uma.organisation_id)
    rule = Rule.get(Rule.target_id == mine.id)
    with write():
        Target.update(due_at=None).execute()
        Rule.update(is_applied=is_applied).where(Rule.id == rule.id).execute()
    make_due(mine)

    taken = claim([Target], list(Priority))
    assert taken is not None
    reconciliation.record(taken, Report({rule.id: outcome}), look_again_seconds=600)

    due = Target.select().where(Target.due_at <= current_time(), Target.organisation_id == other.id)
    assert [target.identifier for target in due] == [resource.resource_identifier] * is_looked_for
