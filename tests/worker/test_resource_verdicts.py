"""What becomes of a resource when a worker has looked for its object."""

from collections.abc import Callable

import pytest

from api.clouds import Refused, Unreachable
from api.credentials.models import Credential
from api.database import current_time, write
from api.due import Priority
from api.resources.models import Resource
from tests.rows import fresh, make_due, make_resource
from tests.worker.conftest import REVERIFY_SECONDS, Worker
from tests.worker.made_up_cloud import MISSING, NOT_THERE, WRONG_KEY, MadeUpCloud
from tests.worker.told import told
from worker.verify import SETTLING_SECONDS

SILENT = Unreachable("the cloud did not answer")


@pytest.fixture
def credential(worker: Worker) -> Credential:
    """A valid one."""
    made = worker.add_credential()
    worker.serve_all()
    return fresh(made)


@pytest.fixture
def resource(credential: Credential) -> Resource:
    """One that was just added."""
    made = make_resource(credential)
    make_due(made)
    return made


def test_a_resource_that_the_cloud_shows_is_active(worker: Worker, resource: Resource) -> None:
    worker.serve_all()

    row = fresh(resource)
    assert (row.is_active, row.verification_error, row.missing_permissions) == (True, None, [])
    assert (row.verified_revision, row.revision) == (1, 1)
    assert row.last_verified_at > resource.created_at
    assert told("RESOURCE_VERIFY") == [("SUCCESS", None)]


def test_a_resource_that_is_not_there_is_inactive_and_says_why(
    worker: Worker, cloud: MadeUpCloud, resource: Resource
) -> None:
    cloud.answers[resource.resource_identifier] = NOT_THERE

    worker.serve_all()

    row = fresh(resource)
    assert (row.is_active, row.verification_error) == (False, "InvalidGroup.NotFound: there is no such group")
    assert row.verified_revision == 1


def test_a_resource_turns_inactive_when_the_cloud_no_longer_shows_it(
    worker: Worker, cloud: MadeUpCloud, resource: Resource, pass_time: Callable[[float], None]
) -> None:
    worker.serve_all()
    cloud.answers[resource.resource_identifier] = NOT_THERE
    pass_time(1.2 * REVERIFY_SECONDS + 1)

    worker.serve_all()

    assert not fresh(resource).is_active


def test_what_was_refused_is_looked_at_with_its_credential_when_somebody_asks(
    worker: Worker, cloud: MadeUpCloud, credential: Credential, resource: Resource
) -> None:
    """Whoever has mended what the credential may do has that verified, and not each resource."""
    well = make_resource(credential)
    make_due(well)
    cloud.answers[resource.resource_identifier] = MISSING
    worker.serve_all()
    assert not fresh(resource).is_active
    del cloud.answers[resource.resource_identifier]
    before = cloud.calls[well.resource_identifier]
    make_due(credential, priority=Priority.REQUESTED)

    worker.serve_all()

    assert fresh(resource).is_active
    assert cloud.calls[well.resource_identifier] == before, "it was well: what it needs is asked by itself"


def test_what_was_refused_is_not_looked_at_each_time_its_credential_is(
    worker: Worker, cloud: MadeUpCloud, credential: Credential, resource: Resource
) -> None:
    cloud.answers[resource.resource_identifier] = MISSING
    worker.serve_all()
    before = cloud.calls[resource.resource_identifier]
    make_due(credential)

    worker.serve_all()

    assert cloud.calls[resource.resource_identifier] == before


def test_a_silent_cloud_leaves_a_resource_as_it_was(worker: Worker, cloud: MadeUpCloud, resource: Resource) -> None:
    worker.serve_all()
    cloud.answers[resource.resource_identifier] = SILENT
    make_due(resource)

    worker.serve_all()

    row = fresh(resource)
    assert (row.is_active, row.verification_error, row.last_failure) == (True, None, "the cloud did not answer")


def test_a_silent_region_does_not_hold_up_the_credentials_other_resources(
    worker: Worker, cloud: MadeUpCloud, credential: Credential, resource: Resource
) -> None:
    cloud.answers[resource.resource_identifier] = SILENT
    other = make_resource(credential)
    make_due(other)

    worker.serve_all()

    assert fresh(other).is_active


def test_a_resource_waits_for_its_credentials_verdict(worker: Worker, cloud: MadeUpCloud) -> None:
    unverified = worker.add_credential("silent key")
    cloud.answers["silent key"] = SILENT
    resource = make_resource(unverified)
    make_due(resource)

    worker.serve_all()

    row = fresh(resource)
    assert (row.is_active, row.verification_error, row.verified_revision, row.attempts) == (False, None, None, 0)
    assert cloud.calls[resource.resource_identifier] == 0


def test_a_credential_and_its_resource_added_together_are_both_verified_at_once(worker: Worker) -> None:
    credential = worker.add_credential()
    resource = make_resource(credential)
    make_due(resource)

    worker.serve_all()

    assert fresh(resource).is_active


def test_a_verdict_that_was_taken_back_meanwhile_leaves_the_resource_waiting(
    worker: Worker, cloud: MadeUpCloud, credential: Credential, resource: Resource
) -> None:
    def take_back() -> None:
        with write():
            Credential.update(is_valid=None).where(Credential.id == credential.id).execute()

    cloud.answers[resource.resource_identifier] = take_back

    worker.serve_all()

    row = fresh(resource)
    assert (row.is_active, row.verified_revision, row.last_failure) == (False, None, "CredentialNotVerified")


def test_a_resource_of_an_invalid_credential_is_inactive_without_a_call(worker: Worker, cloud: MadeUpCloud) -> None:
    cloud.answers["bad key"] = WRONG_KEY
    credential = worker.add_credential("bad key")
    worker.serve_all()
    resource = make_resource(credential)
    make_due(resource)

    worker.serve_all()

    row = fresh(resource)
    assert (row.is_active, row.verified_revision) == (False, 1)
    assert row.verification_error == "credential is invalid: InvalidClientTokenId: the access key is not known"
    assert cloud.calls[resource.resource_identifier] == 0


def test_a_credential_that_becomes_invalid_during_a_look_has_the_last_word(
    worker: Worker, cloud: MadeUpCloud, credential: Credential, resource: Resource
) -> None:
    def become_invalid() -> None:
        with write():
            Credential.update(is_valid=False, verification_error="AuthFailure: no").where(
                Credential.id == credential.id
            ).execute()

    cloud.answers[resource.resource_identifier] = become_invalid

    worker.serve_all()

    assert fresh(resource).verification_error == "credential is invalid: AuthFailure: no"
    assert not fresh(resource).is_active


def test_a_resource_that_was_changed_during_a_look_is_looked_at_again(
    worker: Worker, cloud: MadeUpCloud, resource: Resource
) -> None:
    def change() -> None:
        with write():
            Resource.update(resource_identifier="sg-other", revision=2).execute()
        make_due(resource)

    cloud.answers[resource.resource_identifier] = change
    cloud.answers["sg-other"] = NOT_THERE

    worker.serve_all()

    row = fresh(resource)
    assert (row.is_active, row.verification_error, row.verified_revision) == (False, str(NOT_THERE), 2)


def test_a_resource_that_was_deleted_during_a_look_harms_nobody(
    worker: Worker, cloud: MadeUpCloud, credential: Credential, resource: Resource
) -> None:
    def delete() -> None:
        with write():
            resource.delete_instance()

    cloud.answers[resource.resource_identifier] = delete
    other = make_resource(credential)
    make_due(other)

    worker.serve_all()

    assert fresh(other).is_active


def test_a_missing_permission_is_named_on_the_resource_and_looked_into_on_the_credential(
    worker: Worker, cloud: MadeUpCloud, credential: Credential, resource: Resource
) -> None:
    other = make_resource(credential)
    make_due(other)
    cloud.answers[resource.resource_identifier] = MISSING

    worker.serve_all()

    assert fresh(resource).missing_permissions == ["may:open"]
    assert (fresh(resource).is_active, fresh(other).is_active) == (False, True)
    assert fresh(credential).is_valid is True
    assert cloud.calls["good key"] == 2


def test_a_credential_refused_on_every_one_of_its_objects_is_invalid(
    worker: Worker, cloud: MadeUpCloud, credential: Credential, resource: Resource
) -> None:
    cloud.answers[resource.resource_identifier] = MISSING

    worker.serve_all()

    assert fresh(credential).is_valid is False
    assert fresh(resource).verification_error == f"credential is invalid: {MISSING}"


@pytest.mark.parametrize("refusal", [MISSING, NOT_THERE, WRONG_KEY])
@pytest.mark.parametrize("refused_resources", [1, 2, 3])
def test_a_credential_and_its_refused_resources_come_to_rest(
    worker: Worker, cloud: MadeUpCloud, credential: Credential, refusal: Refused, refused_resources: int
) -> None:
    resources = [make_resource(credential) for _ in range(3)]
    for resource in resources[:refused_resources]:
        cloud.answers[resource.resource_identifier] = refusal
    make_due(*resources)

    assert worker.serve_all() <= 3 + refused_resources
    make_due(*resources, credential, priority=Priority.RECHECK)
    assert worker.serve_all() == 4, "what is no news makes nothing due"


def test_a_permission_that_is_given_later_is_noticed(
    worker: Worker,
    cloud: MadeUpCloud,
    credential: Credential,
    resource: Resource,
    pass_time: Callable[[float], None],
) -> None:
    cloud.answers[resource.resource_identifier] = MISSING
    worker.serve_all()
    cloud.answers.clear()
    pass_time(1.2 * REVERIFY_SECONDS + 1)

    worker.serve_all()

    assert fresh(credential).is_valid
    assert fresh(resource).is_active


def test_a_resource_that_its_credential_may_change_mends_a_credential_that_lacked_permission(
    worker: Worker, cloud: MadeUpCloud, credential: Credential, resource: Resource
) -> None:
    cloud.answers[resource.resource_identifier] = MISSING
    worker.serve_all()
    assert fresh(credential).is_valid is False
    other = make_resource(credential)
    make_due(other)

    worker.serve_all()

    assert fresh(credential).is_valid is True
    assert fresh(other).is_active
    assert not fresh(resource).is_active


def test_a_verdict_is_told_when_it_changes_or_a_person_asked(
    worker: Worker, cloud: MadeUpCloud, resource: Resource
) -> None:
    worker.serve_all()
    make_due(resource, priority=Priority.RECHECK)
    worker.serve_all()
    assert told("RESOURCE_VERIFY") == [("SUCCESS", None)]
    make_due(resource, priority=Priority.REQUESTED)
    worker.serve_all()
    assert len(told("RESOURCE_VERIFY")) == 2
    cloud.answers[resource.resource_identifier] = NOT_THERE
    make_due(resource, priority=Priority.RECHECK)
    worker.serve_all()

    assert told("RESOURCE_VERIFY")[2:] == [("FAILURE", str(NOT_THERE))]


def test_a_resource_is_verified_again_at_a_spread_time(worker: Worker, resource: Resource) -> None:
    worker.serve_all()

    wait = (fresh(resource).due_at - current_time()).total_seconds()
    assert 0.79 * REVERIFY_SECONDS < wait < 1.2 * REVERIFY_SECONDS


def test_a_right_that_its_cloud_has_not_heard_of_yet_bars_nothing(
    worker: Worker, cloud: MadeUpCloud, pass_time: Callable[[float], None]
) -> None:
    cloud.settling = frozenset({MISSING.code})
    credential = worker.add_credential()
    worker.serve_all()
    resource = make_resource(credential)
    cloud.answers[resource.resource_identifier] = MISSING
    make_due(resource)

    worker.serve_all()
    early = fresh(resource)
    cloud.answers.clear()
    pass_time(SETTLING_SECONDS)
    worker.serve_all()

    assert early.verified_revision is None
    assert fresh(resource).is_active
