"""What a worker is told of a target, what it may begin, and what becomes of what it did too late."""

import uuid

import pytest

from api.accounts.models import Organisation
from api.claims import claim
from api.clouds.rules import Kept, Tag
from api.credentials.models import Credential
from api.database import current_time, write
from api.due import LEASE_SECONDS, Claim, LostClaim, Priority
from api.installation import identity
from api.resources.models import Resource
from api.targets import verdict, work
from api.targets.models import Grant, Rule, Target
from api.targets.verdict import Report
from tests.rows import end_grants, make_credential, make_resource, make_session
from tests.worker.bench import pass_time

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def credential(db: str) -> Credential:
    return make_credential(is_valid=True, account="1")


@pytest.fixture
def resource(credential: Credential) -> Resource:
    return make_resource(credential, is_active=True, config={"ports": [443, 22], "priority": 900})


@pytest.fixture
def claimed(resource: Resource) -> Claim:
    """A worker has the target, on which a session wants something."""
    make_session(resource.organisation_id, resource)
    taken = claim([Target], tuple(Priority))
    assert taken
    return taken


def task_of(claimed: Claim) -> work.Task:
    found = work.work_on(claimed.row_id, identity())
    assert found
    [batch] = found.batches
    [task] = batch.tasks
    return task


def end_all() -> None:
    end_grants(Grant.ended_at.is_null())


def test_there_is_one_installation_with_one_name(db: str) -> None:
    assert identity() == identity()
    assert identity().version == 4


def test_a_rule_is_told_as_its_cloud_takes_it(resource: Resource, claimed: Claim) -> None:
    kept = task_of(claimed).kept

    assert kept.rule.tag == Tag(identity(), Rule.get().id)
    assert str(kept.rule.address) == "81.2.69.142/32"
    assert [str(ports) for ports in kept.rule.ports] == ["22", "443"]
    assert kept.rule.options == {"priority": 900}
    assert kept == Kept(kept.rule, (), added=False)


def test_a_target_that_is_gone_is_no_work(db: str) -> None:
    assert work.work_on(uuid.uuid4(), identity()) is None


def test_the_rules_of_each_credential_are_told_apart(
    credential: Credential, resource: Resource, claimed: Claim
) -> None:
    other = make_credential(
        Organisation.get_by_id(credential.organisation_id), is_valid=False, verification_error="wrong"
    )
    theirs = make_resource(
        other, resource_identifier=resource.resource_identifier, is_active=True, config={"port": 8443}
    )
    with write():
        Credential.update(account="1").where(Credential.id == other.id).execute()
    make_session(resource.organisation_id, theirs)

    found = work.work_on(claimed.row_id, identity())

    assert found
    assert {(batch.credential_id, batch.obstacle) for batch in found.batches} == {
        (credential.id, None),
        (other.id, "the credential is invalid: wrong"),
    }


def test_what_is_begun_is_written_down_first(claimed: Claim) -> None:
    assert work.intend(claimed, Rule.get().id)

    assert Rule.get().is_added
    assert Rule.get().asked_at <= current_time()


def test_nothing_is_begun_that_nobody_wants(claimed: Claim) -> None:
    rule_id = Rule.get().id
    with write():
        Rule.update(is_added=True).execute()
    end_all()

    assert not work.intend(claimed, rule_id)
    assert Rule.get().asked_at is None


def test_nothing_is_begun_under_a_lost_claim(claimed: Claim) -> None:
    pass_time(LEASE_SECONDS)
    assert claim([Target], tuple(Priority))

    with pytest.raises(LostClaim):
        work.intend(claimed, Rule.get().id)
    with pytest.raises(LostClaim), write():
        verdict.record(claimed, Report({}), 600)


def test_rules_are_known_of_whatever_target(claimed: Claim) -> None:
    mine, nobodys = Rule.get().id, uuid.uuid4()

    assert work.known([mine, nobodys]) == {mine}


def test_what_may_have_been_added_too_late_is_written_down_again(credential: Credential, claimed: Claim) -> None:
    rule = task_of(claimed).kept.rule
    end_all()
    assert not Rule.select().exists()
    with write():
        Target.update(due_at=None).execute()

    work.overtaken(claimed.row_id, {Kept(rule, ("sgr-1",), added=True): credential.id})

    row = Rule.get()
    assert (row.id, row.address, row.ports, row.options) == (
        rule.tag.rule,
        "81.2.69.142/32",
        [[22, 22], [443, 443]],
        {"priority": 900},
    )
    assert row.is_added and row.asked_at and row.provider_ids == ["sgr-1"]
    assert Target.get().due_priority == Priority.REVOKE
    assert Target.get().due_at <= current_time()


def test_what_somebody_wants_again_by_then_is_ours(credential: Credential, resource: Resource, claimed: Claim) -> None:
    rule = task_of(claimed).kept.rule
    end_all()
    make_session(resource.organisation_id, resource)
    assert Rule.get().id != rule.tag.rule

    work.overtaken(claimed.row_id, {Kept(rule, added=True): credential.id})

    assert Rule.get().is_added
    assert Rule.select().count() == 1


def test_what_somebody_else_was_quicker_to_add_is_looked_for_and_not_ours(
    credential: Credential, claimed: Claim
) -> None:
    rule = task_of(claimed).kept.rule
    end_all()

    work.overtaken(claimed.row_id, {Kept(rule): credential.id})

    assert not Rule.get().is_added
    assert Target.get().due_at <= current_time()
