"""A credential's secret through the API: sealed at once, replaced with care."""

import flask
import pytest

from api.credentials.models import Credential, CredentialSecret
from api.database import write
from api.server import server_of
from tests.api.conftest import Caller
from tests.api.published import CREATE_CREDENTIAL

AWS = CREATE_CREDENTIAL["AWS"]


@pytest.fixture
def credential_id(admin: Caller) -> str:
    return str(admin.post("/credentials", json=AWS).json["id"])


def test_a_token_uri_that_is_not_googles_is_unsafe(admin: Caller) -> None:
    body = CREATE_CREDENTIAL["GCP"]
    data = {**body["credentialData"], "token_uri": "https://169.254.169.254/latest/meta-data"}

    answer = admin.post("/credentials", json={**body, "credentialData": data})

    assert (answer.status_code, answer.json["error"]) == (400, "UNSAFE_URL")


@pytest.mark.parametrize(
    "url", ["http://apisix.example.com", "https://169.254.169.254", "https://u:p@apisix.example.com"]
)
def test_an_api_url_that_must_not_be_called_is_unsafe(admin: Caller, url: str) -> None:
    body = CREATE_CREDENTIAL["APISIX"]

    answer = admin.post("/credentials", json={**body, "credentialData": {**body["credentialData"], "apiUrl": url}})

    assert (answer.status_code, answer.json["error"]) == (400, "UNSAFE_URL")


@pytest.mark.usefixtures("credential_id")
def test_the_secret_is_sealed_in_the_database() -> None:
    row = CredentialSecret.get()

    assert b"wJalrXUtnFEMI" not in bytes(row.sealed_data) + bytes(row.wrapped_key)
    assert row.state == "CURRENT"


def test_a_new_secret_waits_beside_the_old_one(admin: Caller, credential_id: str) -> None:
    answer = admin.patch(f"/credentials/{credential_id}", json={"credentialData": AWS["credentialData"]})

    assert answer.json["secretVersion"] == 2
    assert answer.json["verifiedSecretVersion"] is None
    assert answer.json["pendingUpdate"]["status"] == "VERIFYING"
    assert {row.state: row.version for row in CredentialSecret.select()} == {"CURRENT": 1, "CANDIDATE": 2}


def test_a_newer_secret_takes_the_place_of_one_that_waits(admin: Caller, credential_id: str) -> None:
    for _ in range(2):
        admin.patch(f"/credentials/{credential_id}", json={"credentialData": AWS["credentialData"]})

    assert {row.state: row.version for row in CredentialSecret.select()} == {"CURRENT": 1, "CANDIDATE": 3}


def test_a_new_secret_may_take_the_place_at_once(admin: Caller, credential_id: str) -> None:
    answer = admin.patch(f"/credentials/{credential_id}?verify=false", json={"credentialData": AWS["credentialData"]})

    assert (answer.json["secretVersion"], answer.json["pendingUpdate"], answer.json["isValid"]) == (2, None, None)
    assert {row.state: row.version for row in CredentialSecret.select()} == {"CURRENT": 2}


def test_waiting_in_vain_tells_nothing_of_the_old_secret(app: flask.Flask, admin: Caller, credential_id: str) -> None:
    old_verdict = {"is_valid": False, "verification_error": "AccessDenied: of the old one"}
    with write():
        Credential.update(old_verdict).where(Credential.id == credential_id).execute()
    server_of(app).waiting_room.close()

    answer = admin.patch(f"/credentials/{credential_id}?wait=true", json={"credentialData": AWS["credentialData"]})

    assert answer.status_code == 200
    assert answer.json["pendingUpdate"]["status"] == "VERIFYING"
