"""Idempotency-Key: a POST that is sent again makes nothing twice."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from api.accounts.models import User
from api.credentials.models import Credential
from api.database import clock
from api.idempotency import KEPT_SECONDS, IdempotencyKey
from api.resources.models import Resource
from tests.api.conftest import PASSWORD, Caller, sign_in
from tests.api.published import CREATE_CREDENTIAL, CREATE_RESOURCE
from tests.api.test_errors import check

AWS = CREATE_CREDENTIAL["AWS"]
KEY = {"Idempotency-Key": "once"}


def create(caller: Caller, body: Any = AWS, headers: dict[str, str] = KEY, path: str = "/credentials") -> Any:
    return caller.post(path, json=body, headers=headers)


def test_fifty_at_once_make_one_object(admin: Caller) -> None:
    at_once = threading.Barrier(16)

    def ask(number: int) -> Any:
        if number < 16:
            at_once.wait(10)
        return create(admin)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(50)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json["id"] for answer in answers}) == 1 and Credential.select().count() == 1


def test_fifty_at_once_with_other_bodies_make_one_and_tell_the_others(admin: Caller) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda number: create(admin, {**AWS, "name": f"name {number}"}), range(50)))

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 49
    assert Credential.select().count() == 1


def test_the_object_is_answered_as_it_is_now(admin: Caller) -> None:
    first = create(admin)
    admin.patch(f"/credentials/{first.json['id']}", json={"name": "Renamed"})

    again = create(admin)

    assert again.status_code == 201
    assert (again.json["id"], again.json["name"]) == (first.json["id"], "Renamed")
    assert again.headers["ETag"] == '"2"'


def test_an_object_that_is_gone_is_not_made_again(admin: Caller) -> None:
    first = create(admin)
    admin.delete(f"/credentials/{first.json['id']}")

    check(create(admin), 404, "CREDENTIAL_NOT_FOUND")
    assert Credential.select().count() == 0


@pytest.mark.engines("sqlite")
def test_the_same_body_in_other_bytes_is_another_body(admin: Caller) -> None:
    create(admin)
    spaced = admin.ask("POST", "/credentials", data=json.dumps(AWS, indent=4), headers=KEY)

    check(spaced, 409, "CONFLICT")


def test_a_refused_request_uses_no_key_up(admin: Caller) -> None:
    refused = create(admin, {**AWS, "credentialData": {}})

    assert refused.status_code == 400 and create(admin).status_code == 201


def test_a_key_is_of_one_route(admin: Caller) -> None:
    credential_id = create(admin).json["id"]

    resource = create(admin, {**CREATE_RESOURCE, "credentialId": credential_id}, path="/resources")
    person = create(admin, {"email": "b@example.com", "name": "B", "password": PASSWORD}, path="/users")

    assert (resource.status_code, person.status_code) == (201, 201)
    assert create(admin, path="/credentials/").json["id"] == credential_id
    assert (Resource.select().count(), User.select().count()) == (1, 2)


def test_a_key_is_of_one_caller_whatever_the_login(admin: Caller, outsider: Caller) -> None:
    first = create(admin)
    again = create(sign_in(admin.client, admin.user))
    api_key = admin.post("/api-keys", json={"name": "ci", "scopes": ["credentials:write"]}).json["plainTextKey"]
    by_key = admin.client.post("/api/v1/credentials", json=AWS, headers={**KEY, "X-API-Key": api_key})

    assert again.json["id"] == first.json["id"] != by_key.get_json()["id"]
    assert create(outsider).json["id"] != first.json["id"]


def test_a_key_is_forgotten_after_a_day(admin: Caller) -> None:
    first = create(admin)
    clock.offset = (KEPT_SECONDS - 60) * 1_000_000
    later = sign_in(admin.client, admin.user)
    within = create(later)
    clock.offset = (KEPT_SECONDS + 60) * 1_000_000
    after = create(sign_in(admin.client, admin.user))

    assert within.json["id"] == first.json["id"] != after.json["id"]


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "ä", "a\tb", "\x7f"])
def test_a_key_that_is_none_is_refused(admin: Caller, key: str) -> None:
    answer = create(admin, headers={"Idempotency-Key": key.encode().decode("latin-1")})

    check(answer, 400, "VALIDATION_ERROR")
    assert Credential.select().count() == 0


@pytest.mark.engines("sqlite")
def test_nothing_of_a_body_is_kept(admin: Caller) -> None:
    create(admin)

    (row,) = IdempotencyKey.select()
    kept = repr(row.__data__)
    assert AWS["credentialData"]["secretAccessKey"] not in kept and AWS["name"] not in kept
    assert len(bytes(row.body_hash)) == 32
