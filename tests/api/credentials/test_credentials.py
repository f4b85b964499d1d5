"""/credentials, as docs/create-credential, get-credential and list-credentials publish it."""

import re
import uuid
from datetime import datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.audit_log.models import AuditEntry
from api.credentials import service
from api.credentials.models import Credential, CredentialSecret
from api.database import delete, write
from api.due import is_due
from tests.api.conftest import BASE, Caller, unknown_id
from tests.api.published import (
    CREATE_CREDENTIAL,
    CREATED_CREDENTIAL,
    CREDENTIAL_NOT_FOUND,
    MISSING_ACCESS_KEY,
    MORE_OF_A_CREDENTIAL,
    MORE_OF_AN_ERROR,
    VERIFIED_CREDENTIALS,
)

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
AWS = CREATE_CREDENTIAL["AWS"]


def create(admin: Caller, **changes: object) -> Any:
    answer = admin.post("/credentials", json={**AWS, **changes})
    assert answer.status_code == 201, answer.json
    return answer.json


def test_creating_answers_as_published(admin: Caller) -> None:
    answer = admin.post("/credentials", json=AWS)

    assert answer.status_code == 201
    shown = answer.json
    assert set(shown) == set(CREATED_CREDENTIAL) | MORE_OF_A_CREDENTIAL
    made_up = {"id": shown["id"], "createdAt": shown["createdAt"], "updatedAt": shown["updatedAt"]}
    assert {**shown, **CREATED_CREDENTIAL, **made_up} == shown
    assert TIME.fullmatch(shown["createdAt"]) and shown["createdAt"] == shown["updatedAt"]
    assert answer.headers["ETag"] == '"1"'


@pytest.mark.parametrize("example", CREATE_CREDENTIAL)
def test_each_published_body_is_accepted_and_no_secret_comes_back(admin: Caller, example: str) -> None:
    body = CREATE_CREDENTIAL[example]

    answer = admin.post("/credentials", json=body)

    assert answer.status_code == 201
    texts = [answer.text, admin.get("/credentials").text, admin.get(f"/credentials/{answer.json['id']}").text]
    for secret in ("secretAccessKey", "private_key", "clientSecret", "apiKey"):
        if secret in body["credentialData"]:
            assert all(body["credentialData"][secret] not in text for text in texts)


def test_the_published_call_without_a_content_type_is_read(admin: Caller) -> None:
    """The last curl of docs/create-credential sends its body as curl does: as a form."""
    answer = admin.ask(
        "POST",
        "/credentials",
        data='{"name": "x", "provider": "AWS", "credentialType": "ACCESS_KEY", "credentialData": '
        '{"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "secretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}}',
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )

    assert answer.status_code == 201


def test_a_missing_field_is_refused_with_the_published_message(admin: Caller) -> None:
    answer = admin.post("/credentials", json={**AWS, "credentialData": {"secretAccessKey": "x" * 40}})

    assert answer.status_code == 400
    assert answer.json["error"] == "VALIDATION_ERROR"
    assert answer.json["message"] == MISSING_ACCESS_KEY
    assert answer.json["details"] == {"credentialData.accessKeyId": [MISSING_ACCESS_KEY]}
    assert set(answer.json) == {"error", "message", "timestamp"} | MORE_OF_AN_ERROR
    assert TIME.fullmatch(answer.json["timestamp"])
    assert answer.headers["X-Request-ID"] == answer.json["requestId"]


def test_what_a_verification_found_is_shown_as_published(admin: Caller) -> None:
    """The three credentials of docs/list-credentials, as their rows would be."""
    created = [create(admin) for _ in VERIFIED_CREDENTIALS]
    with write():
        for shown, wanted in zip(created, VERIFIED_CREDENTIALS, strict=True):
            Credential.update(
                name=wanted["name"],
                provider=wanted["provider"],
                credential_type=wanted["credentialType"],
                is_valid=wanted["isValid"],
                verification_error=wanted["verificationError"],
                last_verified_at=_moment(wanted["lastVerifiedAt"]),
                created_at=_moment(wanted["createdAt"]),
                updated_at=_moment(wanted["updatedAt"]),
            ).where(Credential.id == shown["id"]).execute()

    listed = admin.get("/credentials").json

    published = [{**wanted, "id": shown["id"]} for shown, wanted in zip(created, VERIFIED_CREDENTIALS, strict=True)]
    assert [{key: row[key] for key in CREATED_CREDENTIAL} for row in listed] == published
    for row in listed:
        assert admin.get(f"/credentials/{row['id']}").json == row


def test_a_list_is_a_bare_array_of_ones_own_organisation(admin: Caller, outsider: Caller) -> None:
    mine = create(admin)
    create(outsider)

    assert [row["id"] for row in admin.get("/credentials").json] == [mine["id"]]


def test_an_unknown_id_is_answered_as_published(admin: Caller) -> None:
    answer = admin.get(f"/credentials/{CREATED_CREDENTIAL['id']}")

    assert answer.status_code == 404
    assert (answer.json["error"], answer.json["message"]) == ("CREDENTIAL_NOT_FOUND", CREDENTIAL_NOT_FOUND)


@pytest.mark.parametrize("malformed", ["x", "8d0f7780-8536-51f0-c958-f18ed2g01bf8", "7c9e6679742540de944be07fc1f90ae7"])
def test_a_malformed_id_is_answered_like_one_that_is_not_there(admin: Caller, malformed: str) -> None:
    answer = admin.get(f"/credentials/{malformed}")

    assert answer.status_code == 404
    assert answer.json["message"] == f"Credential with ID {malformed} not found"


@pytest.mark.parametrize(("method", "path"), [
    ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/verify"), ("GET", "/policy"), ("GET", "/targets"),
])  # fmt: skip
def test_a_stranger_cannot_tell_a_credential_from_nothing(
    admin: Caller, outsider: Caller, method: str, path: str
) -> None:
    theirs, nothing = create(admin)["id"], unknown_id()
    body = {"name": "mine now"} if method == "PATCH" else None

    answers = [outsider.ask(method, f"/credentials/{id_}{path}", json=body) for id_ in (theirs, nothing)]

    assert [answer.status_code for answer in answers] == [404, 404]
    texts = [_without_what_changes(answer.json, id_) for answer, id_ in zip(answers, (theirs, nothing), strict=True)]
    assert texts[0] == texts[1]
    assert admin.get(f"/credentials/{theirs}").json["name"] == AWS["name"]


def test_nobody_and_a_plain_user_are_refused(client: FlaskClient, admin: Caller, user: Caller) -> None:
    assert client.get(f"{BASE}/credentials").status_code == 401
    assert client.get(f"{BASE}/credentials").headers["WWW-Authenticate"] == "Bearer"
    answer = user.post("/credentials", json=AWS)
    assert (answer.status_code, answer.json["error"]) == (403, "FORBIDDEN")
    assert answer.json["message"] == "User lacks ORG_ADMIN role"


@pytest.mark.parametrize(("changes", "field"), [
    ({"provider": "ORACLE"}, "provider"),
    ({"credentialType": "SERVICE_ACCOUNT"}, "credentialType"),
    ({"name": ""}, "name"),
    ({"name": 5}, "name"),
    ({"name": "a\u202eb"}, "name"),
    ({"isValid": True}, "isValid"),
    ({"credentialData": []}, "credentialData"),
    ({"credentialData": {**AWS["credentialData"], "more": "x"}}, "credentialData.more"),
    ({"credentialData": {**AWS["credentialData"], "accessKeyId": 5}}, "credentialData.accessKeyId"),
])  # fmt: skip
def test_bad_input_names_the_field_and_makes_nothing(admin: Caller, changes: dict[str, Any], field: str) -> None:
    answer = admin.post("/credentials", json={**AWS, **changes})

    assert (answer.status_code, answer.json["error"]) == (400, "VALIDATION_ERROR")
    assert field in answer.json["details"]
    assert admin.get("/credentials").json == []


def test_a_new_credential_is_due_at_once(admin: Caller) -> None:
    create(admin)

    assert Credential.select().where(is_due(Credential)).count() == 1


def test_creating_is_audited_with_the_actor_and_the_address(admin: Caller) -> None:
    shown = create(admin)

    event = AuditEntry.get(AuditEntry.event_type == "CREDENTIAL_CREATE")
    assert (event.resource_id, event.resource_name) == (shown["id"], AWS["name"])
    assert (event.actor_email, event.ip_address, event.result) == (admin.user.email, "127.0.0.1", "SUCCESS")


def test_a_change_of_name_moves_the_revision(admin: Caller) -> None:
    shown = create(admin)

    answer = admin.patch(f"/credentials/{shown['id']}", json={"name": "Renamed"}, headers={"If-Match": '"1"'})

    assert (answer.status_code, answer.json["name"], answer.json["revision"]) == (200, "Renamed", 2)
    assert answer.headers["ETag"] == '"2"'
    assert answer.json["secretVersion"] == 1


def test_a_stale_if_match_changes_nothing(admin: Caller) -> None:
    shown = create(admin)
    admin.patch(f"/credentials/{shown['id']}", json={"name": "First"})

    answers = [
        admin.patch(f"/credentials/{shown['id']}", json={"name": "Second"}, headers={"If-Match": '"1"'}),
        admin.delete(f"/credentials/{shown['id']}", headers={"If-Match": '"1"'}),
    ]

    assert [(answer.status_code, answer.json["error"]) for answer in answers] == [(412, "PRECONDITION_FAILED")] * 2
    assert admin.get(f"/credentials/{shown['id']}").json["name"] == "First"


def test_the_same_idempotency_key_makes_one_credential(admin: Caller) -> None:
    headers = {"Idempotency-Key": "try-1"}

    answers = [admin.post("/credentials", json=AWS, headers=headers) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json == answers[1].json
    assert len(admin.get("/credentials").json) == 1


def test_an_idempotency_key_is_of_one_body_and_one_caller(admin: Caller, outsider: Caller) -> None:
    headers = {"Idempotency-Key": "try-1"}
    admin.post("/credentials", json=AWS, headers=headers)

    other_body = admin.post("/credentials", json={**AWS, "name": "Other"}, headers=headers)
    other_caller = outsider.post("/credentials", json={**AWS, "name": "Other"}, headers=headers)

    assert (other_body.status_code, other_body.json["error"]) == (409, "CONFLICT")
    assert other_caller.status_code == 201


def test_deleting_takes_secrets_and_resources_along(admin: Caller) -> None:
    shown = create(admin)
    resource = admin.post("/resources", json=_resource_of(shown["id"])).json

    answer = admin.delete(f"/credentials/{shown['id']}")

    assert (answer.status_code, answer.data) == (204, b"")
    assert admin.get(f"/credentials/{shown['id']}").status_code == 404
    assert admin.get(f"/resources/{resource['id']}").status_code == 404
    assert CredentialSecret.select().count() == 0
    events = {event.event_type: event.resource_id for event in AuditEntry.select()}
    assert (events["CREDENTIAL_DELETE"], events["RESOURCE_DELETE"]) == (shown["id"], resource["id"])


def test_asking_for_a_verification_answers_at_once(admin: Caller) -> None:
    shown = create(admin)

    answer = admin.post(f"/credentials/{shown['id']}/verify")

    assert (answer.status_code, answer.json["id"]) == (202, shown["id"])


def test_the_policy_names_the_groups_in_use_and_nothing_else(admin: Caller) -> None:
    shown = create(admin)
    admin.post("/resources", json=_resource_of(shown["id"]))

    policy = admin.get(f"/credentials/{shown['id']}/policy").json

    assert policy["Version"] == "2012-10-17"
    limited = [
        statement for statement in policy["Statement"] if "ec2:RevokeSecurityGroupIngress" in statement["Action"]
    ]
    assert "security-group/sg-0abc123def456" in str(limited)


def test_pages_follow_the_link(admin: Caller) -> None:
    ids = [create(admin)["id"] for _ in range(3)]

    first = admin.get("/credentials?limit=2")
    link = re.fullmatch(r'<(.+)>; rel="next"', first.headers["Link"])
    assert link
    second = admin.get(link[1].removeprefix(BASE))

    assert [row["id"] for row in first.json + second.json] == ids
    assert "Link" not in second.headers


def _resource_of(credential_id: str) -> dict[str, Any]:
    return {
        "name": "web",
        "credentialId": credential_id,
        "provider": "AWS",
        "resourceType": "SECURITY_GROUP",
        "resourceIdentifier": "sg-0abc123def456",
        "region": "eu-central-1",
    }


def _without_what_changes(error: dict[str, Any], id_: str) -> dict[str, Any]:
    return {**error, "message": error["message"].replace(id_, "ID"), "timestamp": None, "requestId": None}


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def test_deleting_by_force_answers_what_is_being_deleted(admin: Caller) -> None:
    shown = create(admin)

    answer = admin.delete(f"/credentials/{shown['id']}?force=true")

    assert (answer.status_code, answer.json["id"]) == (202, shown["id"])
    assert TIME.fullmatch(answer.json["deletingSince"])
    assert admin.get(f"/credentials/{shown['id']}").status_code == 404


def test_the_targets_of_a_credential_that_is_deleted_meanwhile_are_not_found(
    admin: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential_id = create(admin)["id"]
    find = service.of

    def find_and_delete(*which: uuid.UUID) -> Credential:
        found = find(*which)
        with write():
            delete(Credential, Credential.id == found.id)
        return found

    monkeypatch.setattr(service, "of", find_and_delete)

    answer = admin.get(f"/credentials/{credential_id}/targets?region=eu-central-1")

    assert (answer.status_code, answer.json["error"]) == (404, "CREDENTIAL_NOT_FOUND")
