"""What becomes of a credential when a worker has asked its cloud."""

from collections.abc import Callable

import pytest

from api.clouds import Unreachable
from api.database import current_time, write
from api.due import Priority
from tests.rows import fresh, make_due, make_resource
from tests.worker.conftest import REVERIFY_SECONDS, Worker
from tests.worker.made_up_cloud import MISSING, WRONG_KEY, MadeUpCloud
from tests.worker.told import told
from worker.verify import SETTLING_SECONDS

SILENT = Unreachable("the cloud did not answer")


def test_a_credential_that_its_cloud_accepts_is_valid(worker: Worker) -> None:
    credential = worker.add_credential()

    worker.serve_all()

    row = fresh(credential)
    assert (row.is_valid, row.verification_error, row.missing_permissions) == (True, None, [])
    assert (row.account, row.secret_version, row.verified_secret_version) == ("account of good key", 1, 1)
    assert row.last_verified_at > credential.created_at
    assert row.updated_at > credential.updated_at
    assert row.revision == credential.revision


def test_a_credential_that_its_cloud_refuses_is_invalid(worker: Worker, cloud: MadeUpCloud) -> None:
    credential = worker.add_credential("bad key")
    cloud.answers["bad key"] = WRONG_KEY

    worker.serve_all()

    row = fresh(credential)
    assert (row.is_valid, row.missing_permissions, row.verified_secret_version) == (False, [], 1)
    assert row.verification_error == "InvalidClientTokenId: the access key is not known"


def test_missing_permissions_are_kept(worker: Worker, cloud: MadeUpCloud) -> None:
    credential = worker.add_credential("weak key")
    cloud.answers["weak key"] = MISSING

    worker.serve_all()

    assert fresh(credential).missing_permissions == ["may:open"]


def test_a_credential_is_verified_again_at_a_spread_time(worker: Worker) -> None:
    credentials = [worker.add_credential() for _ in range(8)]

    worker.serve_all()

    waits = {(fresh(each).due_at - current_time()).total_seconds() for each in credentials}
    assert all(0.79 * REVERIFY_SECONDS < wait < 1.2 * REVERIFY_SECONDS for wait in waits)
    assert max(waits) - min(waits) > 10


@pytest.mark.parametrize("before", [None, True, False])
def test_a_silent_cloud_changes_no_verdict(worker: Worker, cloud: MadeUpCloud, before: bool | None) -> None:
    credential = worker.add_credential(is_valid=before)
    cloud.answers["good key"] = SILENT

    worker.serve_one()

    row = fresh(credential)
    assert (row.is_valid, row.verification_error, row.last_verified_at) == (before, None, None)
    assert (row.attempts, row.last_failure) == (1, "the cloud did not answer")
    assert row.due_at > current_time()
    assert told("CREDENTIAL_VERIFY") == []


def test_a_silent_cloud_is_asked_again_until_it_answers(
    worker: Worker, cloud: MadeUpCloud, pass_time: Callable[[float], None]
) -> None:
    credential = worker.add_credential()
    cloud.answers["good key"] = SILENT
    for _ in range(5):
        worker.serve_all()
        pass_time(61)
    cloud.answers.clear()

    worker.serve_all()

    row = fresh(credential)
    assert (row.is_valid, row.attempts, row.last_failure, row.paused_until) == (True, 0, None, None)


def test_a_silent_cloud_pauses_what_else_the_credential_is_for(worker: Worker, cloud: MadeUpCloud) -> None:
    credential = worker.add_credential(is_valid=True)
    cloud.answers["good key"] = SILENT
    worker.serve_all()
    resource = make_resource(credential)
    make_due(resource)

    assert worker.serve_all() == 0
    assert fresh(credential).paused_until > current_time()


def test_a_silent_cloud_does_not_hold_up_other_credentials(worker: Worker, cloud: MadeUpCloud) -> None:
    worker.add_credential("silent key")
    cloud.answers["silent key"] = SILENT
    other = worker.add_credential()

    worker.serve_all()

    assert fresh(other).is_valid


def test_a_verdict_is_told_when_it_changes_or_a_person_asked(worker: Worker, cloud: MadeUpCloud) -> None:
    credential = worker.add_credential()
    worker.serve_all()
    make_due(credential, priority=Priority.RECHECK)
    worker.serve_all()
    assert told("CREDENTIAL_VERIFY") == [("SUCCESS", None)]

    make_due(credential, priority=Priority.REQUESTED)
    worker.serve_all()
    assert len(told("CREDENTIAL_VERIFY")) == 2

    cloud.answers["good key"] = WRONG_KEY
    make_due(credential, priority=Priority.RECHECK)
    worker.serve_all()
    make_due(credential, priority=Priority.RECHECK)
    worker.serve_all()
    assert told("CREDENTIAL_VERIFY")[2:] == [("FAILURE", str(WRONG_KEY))]


def test_a_credential_that_was_deleted_meanwhile_harms_nobody(worker: Worker, cloud: MadeUpCloud) -> None:
    credential = worker.add_credential()

    def delete() -> None:
        with write():
            credential.delete_instance()

    cloud.answers["good key"] = delete
    other = worker.add_credential("other key")

    worker.serve_all()

    assert fresh(other).is_valid
    assert told("CREDENTIAL_VERIFY") == [("SUCCESS", None)]


def test_resources_are_looked_at_when_their_credential_becomes_valid(worker: Worker, cloud: MadeUpCloud) -> None:
    credential = worker.add_credential("key")
    cloud.answers["key"] = WRONG_KEY
    resource = make_resource(credential)
    make_due(resource)
    worker.serve_all()
    assert not fresh(resource).is_active
    cloud.answers.clear()
    make_due(credential)

    worker.serve_all()

    assert fresh(resource).is_active
    assert fresh(resource).verification_error is None


def test_resources_are_looked_at_when_a_candidate_is_accepted(worker: Worker, cloud: MadeUpCloud) -> None:
    credential = worker.add_credential("old key")
    resource, other = make_resource(credential), make_resource(credential)
    make_due(resource, other)
    worker.serve_all()
    worker.offer_candidate(credential, "new key")
    cloud.answers[resource.resource_identifier] = MISSING

    worker.serve_all()

    assert (fresh(resource).is_active, fresh(other).is_active) == (False, True)


def test_a_new_secret_is_no_news_about_resources_that_stay_as_they_are(worker: Worker) -> None:
    credential = worker.add_credential("old key")
    make_due(make_resource(credential))
    worker.serve_all()
    worker.offer_candidate(credential, "new key")

    assert worker.serve_all() == 2
    assert len(told("RESOURCE_VERIFY")) == 1


def test_an_invalid_credential_bars_its_resources_in_the_same_transaction(worker: Worker, cloud: MadeUpCloud) -> None:
    credential = worker.add_credential()
    resource, other = make_resource(credential), make_resource(worker.add_credential("other key"))
    make_due(resource, other)
    worker.serve_all()
    cloud.answers["good key"] = WRONG_KEY
    make_due(credential)

    worker.serve_one()

    row = fresh(resource)
    assert (row.is_active, row.verification_error) == (False, f"credential is invalid: {WRONG_KEY}")
    assert told("RESOURCE_VERIFY")[-1] == ("FAILURE", row.verification_error)
    assert fresh(other).is_active


def test_a_key_that_its_cloud_has_not_heard_of_yet_is_not_condemned(
    worker: Worker, cloud: MadeUpCloud, pass_time: Callable[[float], None]
) -> None:
    cloud.settling = frozenset({WRONG_KEY.code})
    cloud.answers["new key"] = WRONG_KEY
    credential = worker.add_credential(key="new key")

    worker.serve_all()
    early = fresh(credential)
    cloud.answers.clear()
    pass_time(SETTLING_SECONDS)
    worker.serve_all()

    assert (early.is_valid, told("CREDENTIAL_VERIFY")) == (None, [("SUCCESS", None)])
    assert fresh(credential).is_valid is True


def test_a_key_that_its_cloud_does_not_come_to_know_is_refused(
    worker: Worker, cloud: MadeUpCloud, pass_time: Callable[[float], None]
) -> None:
    cloud.settling = frozenset({WRONG_KEY.code})
    cloud.answers["no key"] = WRONG_KEY
    credential = worker.add_credential(key="no key")

    worker.serve_all()
    pass_time(SETTLING_SECONDS)
    worker.serve_all()

    assert fresh(credential).verification_error == str(WRONG_KEY)
