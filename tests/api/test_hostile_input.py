"""Input that is built to hurt: refused with the one error body, and nothing is made of it."""

import json
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient

from api.clouds import CLOUDS
from api.credentials.models import Credential
from api.resources.models import Resource
from tests.api.conftest import BASE, PASSWORD, Caller
from tests.api.hostile import NOT_JSON, STRANGE_QUERIES, WRONG_CONFIGS, WRONG_VALUES
from tests.api.published import CREATE_CREDENTIAL, CREATE_RESOURCE
from tests.api.test_errors import check

AWS = CREATE_CREDENTIAL["AWS"]
CHANGING = ("POST", "PATCH", "PUT")


def send(admin: Caller, path: str, body: bytes, method: str = "POST", kind: str | None = "application/json") -> Any:
    return admin.ask(method, path, data=body, content_type=kind)


def made() -> int:
    return int(Credential.select().count()) + int(Resource.select().count())


@pytest.mark.engines("sqlite")
def test_no_hostile_body_makes_a_credential(admin: Caller) -> None:
    for name, body in NOT_JSON.items():
        answer = send(admin, "/credentials", body)

        check(answer, 400, "VALIDATION_ERROR")
        assert len(answer.text) < 1000, name
        assert made() == 0


@pytest.mark.engines("sqlite")
def test_no_hostile_body_makes_anything_of_any_route(app: flask.Flask, admin: Caller) -> None:
    """Whatever reads a body, found in the map of all routes."""
    for rule in app.url_map.iter_rules():
        for method in set(CHANGING) & (rule.methods or set()) if rule.rule.startswith(BASE) else ():
            path = rule.rule.removeprefix(BASE)
            if path in ("/auth/logout", "/auth/register"):
                continue
            for segment in rule.arguments:
                path = path.replace(f"<{segment}>", "7c9e6679-7425-40de-944b-e07fc1f90ae7")
            for name, body in NOT_JSON.items():
                answer = send(admin, path, body, method)
                assert answer.status_code in (400, 404), (path, name, answer.status_code)
    assert made() == 0


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(
    "name", ["a number of 5,000 digits", "arrays, 100,000 deep", "a lone surrogate", "a key twice"]
)
def test_a_hostile_sign_in_is_refused_before_anybody_is_known(client: FlaskClient, name: str) -> None:
    check(
        client.post(f"{BASE}/auth/login", data=NOT_JSON[name], content_type="application/json"), 400, "VALIDATION_ERROR"
    )


def test_no_value_of_a_field_crashes_the_server(admin: Caller) -> None:
    """On both engines: what one takes the other may refuse."""
    credential_id = admin.post("/credentials", json=AWS).json["id"]
    resource = {**CREATE_RESOURCE, "credentialId": credential_id}
    user = {"email": "a@b.example", "name": "A", "password": PASSWORD, "role": "USER"}
    key = {"name": "k", "scopes": ["audit:read"], "expiresAt": None, "allowedCidrs": None, "belongsTo": "USER"}
    bodies = (("/credentials", AWS), ("/resources", resource), ("/api-keys", key), ("/auth/login", user))
    for path, body in bodies:
        for field in body:
            for value in WRONG_VALUES:
                answer = admin.post(path, json={**body, field: value})
                assert answer.status_code in (201, 400, 401, 404), (path, field, value, answer.text)


@pytest.mark.engines("sqlite")
def test_no_value_in_a_secret_crashes_the_server_or_comes_back(admin: Caller) -> None:
    for example in (CREATE_CREDENTIAL[provider] for provider in CLOUDS):
        for field in example["credentialData"]:
            for value in WRONG_VALUES:
                body = {**example, "credentialData": {**example["credentialData"], field: value}}
                answer = admin.post("/credentials", json=body)
                assert answer.status_code in (201, 400), (field, value, answer.text)
                assert not (isinstance(value, str) and len(value) > 5 and value in answer.text)


@pytest.mark.engines("sqlite")
def test_a_config_of_wrong_types_is_refused(admin: Caller) -> None:
    credential_id = admin.post("/credentials", json=AWS).json["id"]

    for config in WRONG_CONFIGS:
        body = json.dumps({**CREATE_RESOURCE, "credentialId": credential_id, "config": config}).encode()
        check(send(admin, "/resources", body), 400, "VALIDATION_ERROR")

    assert Resource.select().count() == 0


@pytest.mark.engines("sqlite")
def test_a_huge_unknown_key_is_not_sent_back(admin: Caller) -> None:
    body = json.dumps({**AWS, "x" * 200_000: 1, "<script>alert(1)</script>": 1}).encode()

    answer = send(admin, "/credentials", body)

    check(answer, 400, "VALIDATION_ERROR")
    assert len(answer.text) < 5000


@pytest.mark.engines("sqlite")
def test_ten_thousand_unknown_keys_are_answered_shortly(admin: Caller) -> None:
    body = json.dumps({**AWS, **{f"key{number}": number for number in range(10_000)}}).encode()

    answer = send(admin, "/credentials", body)

    check(answer, 400, "VALIDATION_ERROR")
    assert len(answer.text) < 5000


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("path", ["/credentials", "/resources", "/users", "/api-keys", "/audit-logs"])
def test_a_strange_query_of_a_list_is_refused(admin: Caller, path: str) -> None:
    for query in STRANGE_QUERIES:
        check(admin.get(f"{path}?{query}"), 400, "VALIDATION_ERROR")


@pytest.mark.parametrize("region", ["eu%00central", "eu%0Acentral", "%E2%80%AE", "", "x" * 65])
def test_a_strange_region_is_refused(admin: Caller, region: str) -> None:
    credential_id = admin.post("/credentials", json=AWS).json["id"]

    check(admin.get(f"/credentials/{credential_id}/targets?region={region}"), 400, "VALIDATION_ERROR")


@pytest.mark.engines("sqlite")
def test_a_strange_query_of_a_change_is_refused(admin: Caller) -> None:
    credential_id = admin.post("/credentials", json=AWS).json["id"]

    for query in ("wait=1", "wait=yes", "wait=true&wait=true", "verify=", "wait=True", "wait", "force=true", "x=1"):
        check(admin.patch(f"/credentials/{credential_id}?{query}", json={"name": "new"}), 400, "VALIDATION_ERROR")

    assert Credential.get_by_id(credential_id).name == AWS["name"]


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("path", ["/auth/me", "/credentials/7c9e6679-7425-40de-944b-e07fc1f90ae7", "/organization"])
def test_a_query_that_nobody_reads_is_refused(admin: Caller, path: str) -> None:
    check(admin.get(f"{path}?unknown=1"), 400, "VALIDATION_ERROR")


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(
    "kind", [None, "", "text/plain", "application/xml", "application/x-www-form-urlencoded", "/;=,"]
)
def test_under_a_token_json_goes_by_any_name(admin: Caller, kind: str | None) -> None:
    answer = send(admin, "/credentials", json.dumps(AWS).encode(), kind=kind)

    assert answer.status_code == 201


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "multipart/mixed", "MULTIPART/form-data"])
def test_under_a_token_multipart_is_no_json(admin: Caller, kind: str) -> None:
    check(send(admin, "/credentials", json.dumps(AWS).encode(), kind=kind), 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/json;charset=utf-16"]
)
def test_json_is_utf_8_whatever_its_type_says_beside(client: FlaskClient, kind: str) -> None:
    answer: Any = client.post(f"{BASE}/auth/login", data=b'{"email": "x"}', content_type=kind)

    check(answer, 400, "VALIDATION_ERROR")
    assert "password" in answer.json["details"]
