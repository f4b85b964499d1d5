"""Asking the clouds: connections, listings, and what goes wrong on the way."""

import pytest

from api.audit_log.models import AuditEntry
from api.clouds import Endpoints
from api.credentials.models import Credential, CredentialSecret, TargetListing
from api.database import write
from api.due import Priority, want
from api.key_ring import KeyRing
from api.resources.models import Resource
from api.vault import Vault
from tests.rows import fresh, make_due, make_resource
from tests.worker.conftest import Worker
from tests.worker.made_up_cloud import NOT_THERE, WRONG_KEY, MadeUpCloud
from worker.connections import Connections
from worker.drain import Drain
from worker.verify import Verifier


def test_a_secret_that_does_not_open_is_invalid_and_the_operator_is_told(
    worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    credential = worker.add_credential(is_valid=True)
    with write():
        CredentialSecret.update(sealed_data=b"broken").execute()

    worker.serve_all()

    row = fresh(credential)
    assert (row.is_valid, row.last_failure, row.attempts) == (False, None, 0)
    assert str(row.verification_error).startswith("SecretUnreadable: ")
    assert f"secret 1 of credential {credential.id} does not open" in caplog.text


def test_a_secret_whose_key_is_away_is_no_verdict(worker: Worker, cloud: MadeUpCloud) -> None:
    credential = worker.add_credential(is_valid=True)
    without_the_key = Verifier(Connections(Vault(KeyRing.fresh("second")), Endpoints()), reverify_seconds=1800)

    assert Drain(without_the_key).serve_one(tuple(Priority))

    row = fresh(credential)
    assert (row.is_valid, row.last_failure, row.attempts) == (True, "UnknownKey", 1)


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
