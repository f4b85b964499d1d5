"""What becomes of a new secret beside the one that serves."""

from collections.abc import Callable

import pytest

from api.clouds import Refused
from api.credentials import secrets
from api.credentials.models import Credential, CredentialSecret
from api.database import write
from tests.rows import fresh
from tests.worker.conftest import REVERIFY_SECONDS, Worker
from tests.worker.made_up_cloud import MISSING, WRONG_KEY, MadeUpCloud
from tests.worker.told import told


def kept_secrets(credential: Credential) -> list[tuple[int, str]]:
    rows = CredentialSecret.select().where(CredentialSecret.credential_id == credential.id)
    return sorted((row.version, row.state) for row in rows)


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
    assert told("CREDENTIAL_VERIFY")[-1] == ("FAILURE", str(WRONG_KEY))


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
