"""/resources, as docs/create-resource publishes it."""

import re
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from api.accounts.models import Organisation
from api.actor import Actor
from api.audit_log.models import AuditEntry
from api.database import connection, write
from api.resources import service
from api.resources.models import Resource
from api.resources.schemas import NewResource
from tests.api.conftest import Caller, unknown_id
from tests.api.published import (
    CREATE_CREDENTIAL,
    CREATE_RESOURCE,
    CREATED_RESOURCE,
    MAX_RESOURCES_REACHED,
    MORE_OF_A_RESOURCE,
)


@pytest.fixture
def credential_id(admin: Caller) -> Any:
    return admin.post("/credentials", json=CREATE_CREDENTIAL["AWS"]).json["id"]


@pytest.fixture
def body(credential_id: str) -> dict[str, Any]:
    return {**CREATE_RESOURCE, "credentialId": credential_id}


def test_creating_answers_as_published(admin: Caller, body: dict[str, Any]) -> None:
    answer = admin.post("/resources", json=body)

    assert answer.status_code == 201
    shown = answer.json
    assert set(shown) == set(CREATED_RESOURCE) | MORE_OF_A_RESOURCE
    made_up = {key: shown[key] for key in ("id", "credentialId", "createdAt", "updatedAt")}
    assert {**shown, **CREATED_RESOURCE, **made_up} == shown
    assert shown["credentialId"] == body["credentialId"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", shown["createdAt"])
    assert admin.get(f"/resources/{shown['id']}").json == shown
    assert admin.get("/resources").json == [shown]


@pytest.mark.parametrize("config", [{"port": 443, "protocol": "tcp"}, {"ports": [22, 80, 443], "protocol": "tcp"}])
def test_each_published_config_is_accepted(admin: Caller, body: dict[str, Any], config: dict[str, Any]) -> None:
    assert admin.post("/resources", json={**body, "config": config}).json["config"] == config


def test_a_resource_that_comes_while_its_credential_is_deleted_goes_with_an_event(
    admin: Caller, body: dict[str, Any]
) -> None:
    """Made, or linked with the credential, in a transaction that is open when the deletion begins."""
    other = admin.post("/credentials", json=CREATE_CREDENTIAL["AWS"]).json["id"]
    linked = uuid.UUID(admin.post("/resources", json={**body, "credentialId": other}).json["id"])
    actor, made, is_open = Actor.system(admin.user.organisation_id), uuid.uuid4(), threading.Event()

    def make_and_link() -> None:
        with connection(), write():
            service.create(actor, NewResource().load(body), made)
            service.change(actor, linked, {"credential_id": body["credentialId"]})
            is_open.set()
            time.sleep(0.3)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(make_and_link)
        assert is_open.wait(5)
        assert admin.delete(f"/credentials/{body['credentialId']}").status_code == 204
        done.result()

    deletions = AuditEntry.select().where(AuditEntry.event_type == "RESOURCE_DELETE")
    assert {row.resource_id for row in deletions} == {str(made), str(linked)}
    assert not Resource.select().exists()


def test_an_unknown_credential_is_not_found(admin: Caller, body: dict[str, Any]) -> None:
    missing = unknown_id()

    answer = admin.post("/resources", json={**body, "credentialId": missing})

    assert (answer.status_code, answer.json["error"]) == (404, "CREDENTIAL_NOT_FOUND")
    assert answer.json["message"] == f"Credential with ID {missing} not found"


def test_another_organisations_credential_is_not_found(outsider: Caller, body: dict[str, Any]) -> None:
    answer = outsider.post("/resources", json=body)

    assert (answer.status_code, answer.json["error"]) == (404, "CREDENTIAL_NOT_FOUND")


def test_the_free_tier_ends_at_three_with_the_published_message(admin: Caller, body: dict[str, Any]) -> None:
    _make_free(admin)
    answers = [admin.post("/resources", json=body) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [201, 201, 201, 400]
    assert answers[3].json["error"] == "MAX_RESOURCES_REACHED"
    assert answers[3].json["message"] == MAX_RESOURCES_REACHED


def test_fifty_at_once_cannot_share_the_last_place(admin: Caller, body: dict[str, Any]) -> None:
    _make_free(admin)

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda _: admin.post("/resources", json=body).status_code, range(50)))

    assert sorted(statuses) == [201] * 3 + [400] * 47
    assert Resource.select().count() == 3


@pytest.mark.parametrize(("changes", "field"), [
    ({"provider": "GCP", "resourceType": "FIREWALL"}, "provider"),
    ({"resourceType": "FIREWALL"}, "resourceType"),
    ({"resourceIdentifier": "web"}, "resourceIdentifier"),
    ({"region": None}, "region"),
    ({"config": {"port": "443"}}, "config.port"),
    ({"config": {"port": True}}, "config.port"),
    ({"config": {"port": 443, "ports": [443]}}, "config"),
    ({"config": {"protocol": "sctp"}}, "config.protocol"),
    ({"isActive": True}, "isActive"),
    ({"maxSessionMinutes": 0}, "maxSessionMinutes"),
    ({"maxSessionMinutes": 60.5}, "maxSessionMinutes"),
])  # fmt: skip
def test_bad_input_names_the_field_and_makes_nothing(
    admin: Caller, body: dict[str, Any], changes: dict[str, Any], field: str
) -> None:
    answer = admin.post("/resources", json={**body, **changes})

    assert (answer.status_code, answer.json["error"]) == (400, "VALIDATION_ERROR"), answer.json
    assert field in answer.json["details"]
    assert admin.get("/resources").json == []


def test_a_region_is_required_where_the_cloud_has_regions(admin: Caller, body: dict[str, Any]) -> None:
    del body["region"]

    answer = admin.post("/resources", json=body)

    assert answer.json["message"] == "region is required for AWS resources"


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/verify")])
def test_a_stranger_cannot_tell_a_resource_from_nothing(
    admin: Caller, outsider: Caller, body: dict[str, Any], method: str, path: str
) -> None:
    theirs = admin.post("/resources", json=body).json["id"]

    answer = outsider.ask(method, f"/resources/{theirs}{path}", json={"name": "x"} if method == "PATCH" else None)

    assert (answer.status_code, answer.json["error"]) == (404, "RESOURCE_NOT_FOUND")
    assert admin.get(f"/resources/{theirs}").status_code == 200


def test_a_change_moves_the_revision_and_is_looked_at_again(admin: Caller, body: dict[str, Any]) -> None:
    shown = admin.post("/resources", json=body).json
    with write():
        Resource.update(due_at=None, is_active=True, verified_revision=1).execute()

    answer = admin.patch(f"/resources/{shown['id']}", json={"config": {"port": 8443}})

    assert (answer.status_code, answer.json["revision"], answer.json["verifiedRevision"]) == (200, 2, 1)
    assert answer.json["isActive"] is True
    assert Resource.get().due_at is not None
    assert AuditEntry.get(AuditEntry.event_type == "RESOURCE_UPDATE").details == {"changed": ["config"]}


def test_another_object_is_not_active_before_it_was_seen(admin: Caller, body: dict[str, Any]) -> None:
    shown = admin.post("/resources", json=body).json
    with write():
        Resource.update(is_active=True).execute()

    answer = admin.patch(f"/resources/{shown['id']}", json={"resourceIdentifier": "sg-0fff000fff000"})

    assert answer.json["isActive"] is False


@pytest.mark.parametrize("field", ["provider", "resourceType"])
def test_provider_and_type_never_change(admin: Caller, body: dict[str, Any], field: str) -> None:
    shown = admin.post("/resources", json=body).json

    answer = admin.patch(f"/resources/{shown['id']}", json={field: body[field]})

    assert (answer.status_code, answer.json["error"]) == (400, "VALIDATION_ERROR")


def test_a_resource_is_deleted(admin: Caller, body: dict[str, Any]) -> None:
    shown = admin.post("/resources", json=body).json

    assert admin.delete(f"/resources/{shown['id']}").status_code == 204
    assert admin.get(f"/resources/{shown['id']}").status_code == 404
    assert AuditEntry.get(AuditEntry.event_type == "RESOURCE_DELETE").resource_id == shown["id"]


def _make_free(admin: Caller) -> None:
    with write():
        Organisation.update(tier="FREE").where(Organisation.id == admin.user.organisation_id).execute()


def test_deleting_by_force_answers_what_is_being_deleted(admin: Caller, body: dict[str, Any]) -> None:
    shown = admin.post("/resources", json=body).json

    answer = admin.delete(f"/resources/{shown['id']}?force=true")

    assert (answer.status_code, answer.json["id"]) == (202, shown["id"])
    assert answer.json["deletingSince"]
    assert admin.get(f"/resources/{shown['id']}").status_code == 404
