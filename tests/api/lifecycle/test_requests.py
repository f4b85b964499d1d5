"""What administrators ask of the API ends what it must: the routes hand over to the rooms that know."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from api.accounts.models import Organisation
from api.claims import claim
from api.clouds.base import Verified
from api.credentials.models import Credential
from api.credentials.verdict import secret_to_try
from api.database import connection
from api.due import Priority
from api.lifecycle.changing import RESOURCE_CHANGED
from api.lifecycle.deleting import CREDENTIAL_DELETED, RESOURCE_DELETED
from api.lifecycle.people import USER_DEACTIVATED
from api.lifecycle.reach import ROLE_REMOVED
from api.lifecycle.suspension import ORGANIZATION_SUSPENDED
from api.lifecycle.verification import credential_accepted
from api.resources.models import Resource
from api.sessions.schemas import ENDED_REASONS
from api.sessions.service import EXPIRED, MANUAL
from tests.api.accounts.acting import as_user
from tests.api.conftest import Caller
from tests.api.lifecycle.conftest import openable, opened, pipeline, role_of, serve, state_of, static_rule
from tests.api.published import CREATE_CREDENTIAL
from tests.api.test_errors import check
from tests.eventually import eventually
from tests.rows import make_credential


@pytest.fixture
def resource(admin: Caller) -> Resource:
    organisation = Organisation.get_by_id(admin.user.organisation_id)
    return openable(make_credential(organisation, account="123456789012", is_valid=True))


def path_of(kind: str, resource: Resource) -> str:
    return f"/resources/{resource.id}" if kind == "resource" else f"/credentials/{resource.credential_id}"


each_kind = pytest.mark.parametrize("kind", ["resource", "credential"])


@each_kind
def test_what_is_in_use_is_deleted_by_force_alone(admin: Caller, resource: Resource, kind: str) -> None:
    session, path = opened(admin.user, resource), path_of(kind, resource)
    static_rule(resource, address="81.2.69.143")
    serve()

    refusal = admin.delete(path)
    check(refusal, 400, f"{kind.upper()}_IN_USE")
    assert f"session {session.id} of {admin.user.name} and static rule Office" in refusal.json["message"]
    answer = admin.delete(f"{path}?force=true")

    assert (answer.status_code, answer.json["id"], answer.json["revision"]) == (202, path.rpartition("/")[2], 2)
    assert answer.json["deletingSince"] is not None
    assert admin.get(path).json["deletingSince"] == answer.json["deletingSince"]
    for method, body in (("PATCH", {"name": "Web"}), ("DELETE", None)):
        check(admin.ask(method, path, json=body), 409, "CONFLICT")
    check(
        admin.post("/sessions", json={"resourceIds": [str(resource.id)], "ipv4Address": "81.2.69.144"}), 409, "CONFLICT"
    )
    serve()
    check(admin.get(path), 404, f"{kind.upper()}_NOT_FOUND")
    shown = admin.get(f"/sessions/{session.id}").json
    assert (shown["status"], shown["endedReason"]) == ("CANCELLED", f"{kind.upper()}_DELETED")
    assert [ip["resourceName"] for ip in shown["resourceIps"]] == [resource.name]


def test_who_read_something_older_deletes_nothing(admin: Caller, resource: Resource) -> None:
    stale = {"If-Match": '"0"'}
    for kind in ("resource", "credential"):
        for query in ("", "?force=true"):
            check(admin.delete(path_of(kind, resource) + query, headers=stale), 412, "PRECONDITION_FAILED")


@each_kind
@pytest.mark.parametrize(("query", "code"), [("", 204), ("?force=true", 202)])
def test_who_read_it_as_it_is_deletes_it(admin: Caller, resource: Resource, kind: str, query: str, code: int) -> None:
    path = path_of(kind, resource)
    read = {"If-Match": admin.get(path).headers["ETag"]}

    assert admin.delete(path + query, headers=read).status_code == code

    check(admin.get(path), 404, f"{kind.upper()}_NOT_FOUND")


def _deactivate(admin: Caller, who: Caller, _: Resource) -> Any:
    return admin.patch(f"/users/{who.user.id}", json={"isActive": False})


def _remove(admin: Caller, who: Caller, _: Resource) -> Any:
    return admin.delete(f"/users/{who.user.id}")


def _take_role(admin: Caller, who: Caller, resource: Resource) -> Any:
    return admin.delete(f"/roles/{role_of([who.user], [resource]).id}/users/{who.user.id}")


def _take_resource(admin: Caller, who: Caller, resource: Resource) -> Any:
    return admin.delete(f"/roles/{role_of([who.user], [resource]).id}/resources/{resource.id}")


def _delete_role(admin: Caller, who: Caller, resource: Resource) -> Any:
    return admin.delete(f"/roles/{role_of([who.user], [resource]).id}")


def _change(admin: Caller, _: Caller, resource: Resource) -> Any:
    return admin.patch(f"/resources/{resource.id}", json={"config": {"port": 8443}})


@pytest.mark.parametrize(
    ("ask", "reason"),
    [
        (_deactivate, "USER_DEACTIVATED"),
        (_remove, "USER_DEACTIVATED"),
        (_take_role, "ROLE_REMOVED"),
        (_take_resource, "ROLE_REMOVED"),
        (_delete_role, "ROLE_REMOVED"),
        (_change, "RESOURCE_CHANGED"),
    ],
)
def test_what_is_open_ends_with_what_it_rests_on(
    admin: Caller, user: Caller, resource: Resource, ask: Any, reason: str
) -> None:
    session = opened(user.user, resource)
    serve()

    assert ask(admin, user, resource).status_code in (200, 204)

    assert state_of(session) == ("EXPIRING", reason)
    shown = admin.get(f"/sessions/{session.id}").json
    assert (shown["status"], shown["endedReason"]) == ("EXPIRING", reason)


def test_every_reason_that_is_documented_ends_a_session() -> None:
    by_their_users = {EXPIRED, MANUAL, USER_DEACTIVATED, ROLE_REMOVED}
    by_what_they_rest_on = {RESOURCE_CHANGED, RESOURCE_DELETED, CREDENTIAL_DELETED, ORGANIZATION_SUSPENDED}

    assert set(ENDED_REASONS) == by_their_users | by_what_they_rest_on


@pytest.mark.parametrize("deed", ["revoke", "take the role"])
def test_what_a_key_has_open_ends_with_it_and_with_its_role(admin: Caller, resource: Resource, deed: str) -> None:
    key = pipeline(as_user(admin.user))
    role, session = role_of([key], [resource]), opened(key, resource)
    serve()

    path = {"revoke": f"/api-keys/{key.id}", "take the role": f"/roles/{role.id}/api-keys/{key.id}"}[deed]
    assert admin.delete(path).status_code == 204

    shown = admin.get(f"/sessions/{session.id}").json
    assert (shown["status"], shown["endedReason"]) == ("EXPIRING", "ROLE_REMOVED")


def test_a_role_that_was_given_through_the_api_lets_in(admin: Caller, user: Caller, resource: Resource) -> None:
    role_id = admin.post("/roles", json={"name": "On call", "maxSessionDurationHours": 1}).json["id"]
    for link in (f"resources/{resource.id}", f"users/{user.user.id}"):
        assert admin.ask("PUT", f"/roles/{role_id}/{link}").status_code == 200
    home = {"environ_base": {"REMOTE_ADDR": "81.2.69.150"}}

    check(user.post("/sessions", json={"durationHours": 2}, **home), 400, "DURATION_EXCEEDED")
    answer = user.post("/sessions", json={"durationHours": 1}, **home)

    assert answer.status_code == 201
    assert [uuid.UUID(ip["resourceId"]) for ip in answer.json["resourceIps"]] == [resource.id]


def test_who_waits_for_a_new_secret_of_another_account_is_told_of_the_conflict(
    admin: Caller, resource: Resource
) -> None:
    opened(admin.user, resource)
    serve()
    with ThreadPoolExecutor(1) as pool:
        verified = pool.submit(_accept_as, "210987654321")

        body = {"credentialData": CREATE_CREDENTIAL["AWS"]["credentialData"]}
        answer = admin.patch(f"/credentials/{resource.credential_id}?wait=true", json=body)

        verified.result()
    check(answer, 409, "CONFLICT")
    assert answer.json["message"].startswith("OtherAccount: ")


def _accept_as(account: str) -> None:
    """A worker to which the cloud says that the next secret is of this account."""
    with connection():
        assert eventually(lambda: Credential.select().where(Credential.due_at.is_null(False)).exists())
        taken = claim([Credential], list(Priority))
        assert taken is not None
        tried = secret_to_try(taken.row_id)
        assert tried is not None
        credential_accepted(taken, tried, Verified(account), 1800)
