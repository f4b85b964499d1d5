"""What becomes of a credential when a worker has asked its cloud."""

from collections.abc import Callable

import pytest

from api.audit_log.models import AuditEntry
from api.clouds import Refused, Unreachable
from api.credentials import secrets
from api.credentials.models import Credential, CredentialSecret, TargetListing
from api.database import current_time, write
from api.due import Priority, want
from api.resources.models import Resource
from tests.rows import fresh, make_due, make_resource
from tests.worker.conftest import REVERIFY_SECONDS, Worker
from tests.worker.made_up_cloud import MISSING, NOT_THERE, WRONG_KEY, MadeUpCloud

SILENT = Unreachable("the cloud did not answer")


def told(event: str = "CREDENTIAL_VERIFY") -> list[tuple[str, str | None]]:
    rows = AuditEntry.select().where(AuditEntry.event_type == event).order_by(AuditEntry.position)
    return [(row.result, row.error_message) for row in rows]


def kept_secrets(credential: Credential) -> list[tuple[int, str]]:
    rows = CredentialSecret.select().where(CredentialSecret.credential_id == credential.id)
    return sorted((row.version, row.state) for row in rows)


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
    assert told() == []


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
    assert told() == [("SUCCESS", None)]

    make_due(credential, priority=Priority.REQUESTED)
    worker.serve_all()
    assert len(told()) == 2

    cloud.answers["good key"] = WRONG_KEY
    make_due(credential, priority=Priority.RECHECK)
    worker.serve_all()
    make_due(credential, priority=Priority.RECHECK)
    worker.serve_all()
    assert told()[2:] == [("FAILURE", str(WRONG_KEY))]


def test_a_candidate_that_is_accepted_takes_the_old_secrets_place(worker: Worker) -> None:
    credential = worker.add_credential("old key")
    worker.serve_all()
    worker.offer_candidate(credential, "new key")
    assert kept_secrets(credential) == [(1, "CURRENT"), (2, "CANDIDATE")]

    worker.serve_all()

    row = fresh(credential)
    assert kept_secrets(credential) == [(2, "CURRENT")]
    assert (row.is_valid, row.account, row.verified_secret_version) == (True, "account of new key", 2)
    assert (row.candidate_status, row.candidate_error, row.candidate_since) == (None, None, None)


def test_a_candidate_mends_an_invalid_credential(worker: Worker, cloud: MadeUpCloud) -> None:
    credential = worker.add_credential("bad key")
    cloud.answers["bad key"] = WRONG_KEY
    worker.serve_all()
    worker.offer_candidate(credential, "good key")

    worker.serve_all()

    assert fresh(credential).is_valid is True
    assert fresh(credential).verification_error is None


@pytest.mark.parametrize("old_is_good", [True, False])
def test_a_candidate_that_is_refused_is_destroyed_and_changes_nothing_else(
    worker: Worker, cloud: MadeUpCloud, old_is_good: bool
) -> None:
    credential = worker.add_credential("old key")
    cloud.answers["old key"] = None if old_is_good else MISSING
    cloud.answers["new key"] = WRONG_KEY
    worker.serve_all()
    before = fresh(credential)
    worker.offer_candidate(credential, "new key")

    worker.serve_all()

    row = fresh(credential)
    assert kept_secrets(credential) == [(1, "CURRENT")]
    assert (row.is_valid, row.verification_error) == (old_is_good, before.verification_error)
    assert (row.candidate_status, row.candidate_error) == ("REJECTED", str(WRONG_KEY))
    assert row.verified_secret_version == row.secret_version == 2
    assert told()[-1] == ("FAILURE", str(WRONG_KEY))


def test_the_old_secret_is_verified_on_after_a_rejection(
    worker: Worker, cloud: MadeUpCloud, pass_time: Callable[[float], None]
) -> None:
    credential = worker.add_credential("old key")
    cloud.answers["new key"] = WRONG_KEY
    worker.offer_candidate(credential, "new key")
    worker.serve_all()
    cloud.answers["old key"] = MISSING
    pass_time(1.2 * REVERIFY_SECONDS + 1)

    worker.serve_all()

    row = fresh(credential)
    assert (row.is_valid, row.missing_permissions) == (False, ["may:open"])
    assert (row.candidate_status, row.verified_secret_version) == ("REJECTED", 2)


def test_a_first_secret_still_gets_its_verdict_when_a_candidate_is_rejected_before(
    worker: Worker, cloud: MadeUpCloud
) -> None:
    credential = worker.add_credential("old key")
    cloud.answers["new key"] = WRONG_KEY
    worker.offer_candidate(credential, "new key")

    worker.serve_all()

    assert fresh(credential).is_valid is True
    assert cloud.calls == {"new key": 1, "old key": 1}


@pytest.mark.parametrize("answer", [None, WRONG_KEY])
def test_no_verdict_is_recorded_about_a_candidate_that_was_replaced_meanwhile(
    worker: Worker, cloud: MadeUpCloud, answer: Refused | None
) -> None:
    credential = worker.add_credential("old key")
    worker.serve_all()
    worker.offer_candidate(credential, "second key")

    def replace() -> None:
        worker.offer_candidate(credential, "third key")
        if answer:
            raise answer

    cloud.answers["second key"] = replace
    worker.serve_one()

    row = fresh(credential)
    assert kept_secrets(credential) == [(1, "CURRENT"), (3, "CANDIDATE")]
    assert (row.candidate_status, row.verified_secret_version) == ("VERIFYING", 1)
    worker.serve_all()
    assert fresh(credential).account == "account of third key"


def test_no_verdict_is_recorded_about_a_secret_that_was_replaced_at_once(worker: Worker, cloud: MadeUpCloud) -> None:
    credential = worker.add_credential("old key")

    def replace() -> None:
        with write():
            Credential.update(secret_version=2, is_valid=None).where(Credential.id == credential.id).execute()
        worker.set_secret(credential, "new key", 2, secrets.CURRENT)
        raise WRONG_KEY

    cloud.answers["old key"] = replace
    worker.serve_one()

    assert fresh(credential).is_valid is None
    worker.serve_all()
    assert (fresh(credential).is_valid, fresh(credential).verified_secret_version) == (True, 2)


def test_a_credential_that_was_deleted_meanwhile_harms_nobody(worker: Worker, cloud: MadeUpCloud) -> None:
    credential = worker.add_credential()

    def delete() -> None:
        with write():
            credential.delete_instance()

    cloud.answers["good key"] = delete
    other = worker.add_credential("other key")

    worker.serve_all()

    assert fresh(other).is_valid
    assert told() == [("SUCCESS", None)]


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


def test_a_secret_that_does_not_open_is_no_verdict(worker: Worker, caplog: pytest.LogCaptureFixture) -> None:
    credential = worker.add_credential(is_valid=True)
    with write():
        CredentialSecret.update(sealed_data=b"broken").execute()

    worker.serve_all()

    row = fresh(credential)
    assert (row.is_valid, row.last_failure, row.attempts) == (True, "SealBroken", 1)
    assert "SealBroken in" in caplog.text


def test_what_an_sdk_stumbles_over_is_not_logged(
    worker: Worker, cloud: MadeUpCloud, caplog: pytest.LogCaptureFixture
) -> None:
    credential = worker.add_credential()
    cloud.answers["good key"] = RuntimeError("the key was s3cr3t")

    worker.serve_all()

    assert fresh(credential).last_failure == "RuntimeError"
    assert "RuntimeError in answer, line" in caplog.text
    assert "s3cr3t" not in caplog.text


def test_a_connection_is_made_once_for_each_secret(worker: Worker, cloud: MadeUpCloud) -> None:
    credential = worker.add_credential("old key")
    make_due(make_resource(credential), make_resource(credential))
    worker.serve_all()
    assert cloud.connections == 1
    worker.offer_candidate(credential, "new key")

    worker.serve_all()

    assert cloud.connections == 2


def test_a_refused_connection_is_made_anew(worker: Worker, cloud: MadeUpCloud) -> None:
    credential = worker.add_credential()
    cloud.answers["good key"] = WRONG_KEY
    worker.serve_all()
    make_due(credential)
    worker.serve_all()

    assert cloud.connections == 2


def test_the_targets_that_a_credential_sees_are_listed(worker: Worker) -> None:
    credential = worker.add_credential()
    listing = make_listing(credential)

    worker.serve_all()

    row = TargetListing.get_by_id(listing.id)
    assert row.error is None
    assert row.due_at is None
    assert row.targets == [
        {
            "resource_type": "SECURITY_GROUP",
            "resource_identifier": "sg-1",
            "name": "web",
            "description": "the web servers",
            "region": "eu-central-1",
        }
    ]


def test_a_listing_that_is_refused_says_why(worker: Worker, cloud: MadeUpCloud) -> None:
    listing = make_listing(worker.add_credential())
    cloud.answers["eu-central-1"] = NOT_THERE

    worker.serve_all()

    row = TargetListing.get_by_id(listing.id)
    assert (row.targets, row.error) == (None, str(NOT_THERE))


def make_listing(credential: Credential) -> TargetListing:
    with write():
        listing = TargetListing.create(
            organisation_id=credential.organisation_id, credential_id=credential.id, region="eu-central-1"
        )
        want(TargetListing, TargetListing.id == listing.id)
    return listing


def test_no_secret_is_in_what_is_stored_of_a_verdict(worker: Worker, cloud: MadeUpCloud) -> None:
    credential = worker.add_credential("bad key")
    cloud.answers["bad key"] = WRONG_KEY
    worker.serve_all()

    stored = str([dict(row.__data__) for model in (Credential, Resource, AuditEntry) for row in model.select()])

    assert "a secret" not in stored
    assert fresh(credential).is_valid is False
