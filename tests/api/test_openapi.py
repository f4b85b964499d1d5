"""The OpenAPI document says what the server does: no more, no less, and with examples that are true."""

import json
import re
from collections.abc import Iterator
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from api.clouds import CLOUDS
from api.openapi import written
from api.static_rules.service import BEING_DELETED, TAKEN
from tests.api.conftest import BASE, Caller, unknown_id
from tests.api.published import CREATE_CREDENTIAL, CREATE_RESOURCE

pytestmark = pytest.mark.engines("sqlite")

METHODS = ("get", "post", "put", "patch", "delete")
PUBLIC = {("/auth/login", "post"), ("/auth/register", "post"), ("/auth/refresh", "post")}
TAKES_A_KEY = {
    *("/credentials", "/resources", "/roles", "/static-ip-rules", "/users", "/api-keys"),
    *("/sessions", "/sessions/{session_id}/extend"),
}
CHANGES = {
    *("/sessions/{session_id}/stop", "/sessions/{session_id}/extend", "/sessions/{session_id}/ip"),
    *("/roles/{role_id}/resources/{resource_id}", "/roles/{role_id}/users/{user_id}"),
    "/roles/{role_id}/api-keys/{key_id}",
}
"""What changes an object under another method than PATCH and DELETE."""


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    answer: Any = client.get(f"{BASE}/openapi.json")
    assert answer.status_code == 200
    shown: dict[str, Any] = answer.json
    return shown


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                yield path.removeprefix(BASE), method, methods[method]


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": document["components"]})


def resolved(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in part:
        return part
    found: Any = document
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return dict(found)


def parameters(document: dict[str, Any], path: str, operation: dict[str, Any]) -> list[dict[str, Any]]:
    of_path = document["paths"][BASE + path].get("parameters", [])
    return [resolved(document, part) for part in [*of_path, *operation.get("parameters", [])]]


def test_the_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_every_route_is_documented_and_nothing_else_is(app: flask.Flask, document: dict[str, Any]) -> None:
    served = {
        (re.sub(r"<(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(f"{BASE}/") and not rule.rule.startswith((f"{BASE}/docs", f"{BASE}/openapi.json"))
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    assert {(BASE + path, method) for path, method, _ in operations(document)} == served


def test_every_operation_tells_what_it_does(document: dict[str, Any]) -> None:
    tags = {tag["name"] for tag in document["tags"] if tag["description"]}

    for path, method, operation in operations(document):
        assert operation["summary"] and len(operation["description"]) > 10, (path, method)
        assert set(operation["tags"]) <= tags
    summaries = [operation["summary"] for _, _, operation in operations(document)]
    assert len(set(summaries)) == len(summaries)


def test_every_parameter_is_described_and_filled_in_only_where_it_is_needed(document: dict[str, Any]) -> None:
    """Swagger UI sends the examples of parameters along: a cursor, a filter or a key that nobody has chosen."""
    for path, method, operation in operations(document):
        for parameter in parameters(document, path, operation):
            assert parameter["description"], (path, method, parameter["name"])
            is_filled_in = bool({"example", "examples", "default"} & {*parameter["schema"], *parameter})
            assert is_filled_in is parameter["required"] is (parameter["in"] == "path"), (path, parameter["name"])


def test_every_property_of_every_schema_is_described(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        for key, part in schema.get("properties", {}).items():
            assert part.get("description"), f"{name}.{key}"


def test_every_request_and_success_has_an_example_that_fits_its_schema(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        bodies = [operation["requestBody"]] if "requestBody" in operation else []
        bodies += [answer for status, answer in operation["responses"].items() if status.startswith("2")]
        for body in bodies:
            for kind, media in body.get("content", {}).items():
                shown = [example["value"] for example in media.get("examples", {}).values()] or [media["example"]]
                for example in shown if kind == "application/json" else ():
                    errors = validator(document, media["schema"]).iter_errors(example)
                    assert [error.message for error in errors] == [], (path, method)
        successes = [status for status in operation["responses"] if status.startswith("2")]
        assert successes
        assert all("content" in operation["responses"][status] for status in successes if status != "204"), path


def test_every_error_is_shown_as_it_is_answered(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        errors = {status: answer for status, answer in operation["responses"].items() if not status.startswith("2")}
        assert {"400", "429", "500", "503"} <= set(errors), (path, method)
        assert "422" not in errors and "default" not in errors
        for answer in errors.values():
            media = resolved(document, answer)["content"]["application/json"]
            assert media["examples"]
            for code, example in media["examples"].items():
                assert example["value"]["error"] == code
                assert not list(validator(document, media["schema"]).iter_errors(example["value"]))


def test_all_but_the_public_operations_ask_who_it_is(document: dict[str, Any], client: FlaskClient) -> None:
    for path, method, operation in operations(document):
        is_public = (path, method) in PUBLIC
        assert operation["security"] == ([] if is_public else [{"bearer": []}, {"apiKey": []}]), (path, method)
        status = client.open(BASE + path.replace("{", "").replace("}", ""), method=method.upper()).status_code
        assert (status == 401) is not is_public, (path, method)
    assert set(document["components"]["securitySchemes"]) == {"bearer", "apiKey"}


def test_the_code_of_every_error_of_an_unknown_id_is_documented(document: dict[str, Any], admin: Caller) -> None:
    for path, method, operation in operations(document):
        if "{" not in path:
            continue
        real = re.sub(r"\{\w+\}", unknown_id(), path)
        answer = admin.ask(method.upper(), real, json={} if "requestBody" in operation else None)
        told = resolved(document, operation["responses"][str(answer.status_code)])
        documented = told["content"]["application/json"]["examples"]
        assert answer.status_code == 404 and answer.json["error"] in documented, (path, method)


def test_idempotency_keys_and_revisions_are_documented_where_they_are_taken(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        names = {parameter["name"] for parameter in parameters(document, path, operation)}
        assert ("Idempotency-Key" in names) is (method == "post" and path in TAKES_A_KEY), (path, method)
        assert ("Idempotency-Key" in names) <= ("409" in operation["responses"])
        assert ("If-Match" in names) is ("412" in operation["responses"]), (path, method)
        assert ("412" in operation["responses"]) is (method in ("patch", "delete") or path in CHANGES), (path, method)


def test_answers_carry_the_headers_that_the_document_names(document: dict[str, Any], admin: Caller) -> None:
    made = {
        "credential_id": admin.post("/credentials", json=CREATE_CREDENTIAL["AWS"]).json["id"],
        "user_id": str(admin.user.id),
    }
    resource = {**CREATE_RESOURCE, "credentialId": made["credential_id"]}
    made["resource_id"] = admin.post("/resources", json=resource).json["id"]
    made["role_id"] = admin.post("/roles", json={"name": "On call"}).json["id"]
    rule = {"label": "Office", "ipAddress": "203.0.113.7", "resourceIds": [made["resource_id"]]}
    made["static_ip_rule_id"] = admin.post("/static-ip-rules", json=rule).json["id"]
    made["session_id"] = admin.post("/sessions", json={"ipv4Address": "203.0.113.7"}).json["id"]
    for path, method, operation in operations(document):
        if method != "get" or path.endswith("/targets"):
            continue
        answer = admin.get(path.format(**made))
        assert answer.status_code == 200, path
        # these two only where there is another page, or where the answer is a file
        named = set(operation["responses"]["200"]["headers"]) - {"Link", "Content-Disposition"}
        assert named <= set(answer.headers.keys()), path
        assert ("ETag" in named) is ("ETag" in answer.headers), path


def test_a_list_names_the_next_page_as_documented(document: dict[str, Any], admin: Caller) -> None:
    for path, method, operation in operations(document):
        names = {parameter["name"] for parameter in parameters(document, path, operation)}
        assert ("cursor" in names) is ("Link" in operation["responses"].get("200", {}).get("headers", {})), (
            path,
            method,
        )

    assert 'rel="next"' in admin.get("/audit-logs?limit=1").headers["Link"]


@pytest.mark.parametrize("example", CREATE_CREDENTIAL)
def test_each_published_credential_is_of_one_documented_kind(document: dict[str, Any], example: str) -> None:
    data = CREATE_CREDENTIAL[example]["credentialData"]
    kinds = document["components"]["schemas"]["NewCredential"]["properties"]["credentialData"]["oneOf"]

    fitting = [kind["$ref"] for kind in kinds if validator(document, kind).is_valid(data)]

    assert len(kinds) == len(CLOUDS) and len(fitting) == 1


def test_the_request_to_create_a_credential_shows_each_cloud(document: dict[str, Any], admin: Caller) -> None:
    media = document["paths"][f"{BASE}/credentials"]["post"]["requestBody"]["content"]["application/json"]

    assert set(media["examples"]) == set(CLOUDS)
    for cloud, example in media["examples"].items():
        assert set(CREATE_CREDENTIAL[cloud]["credentialData"]) <= set(example["value"]["credentialData"])
        assert admin.post("/credentials", json=example["value"]).status_code == 201


def test_the_documents_own_request_examples_are_taken_by_the_server(document: dict[str, Any], admin: Caller) -> None:
    for path in ("/users", "/api-keys", "/roles"):
        media = document["paths"][BASE + path]["post"]["requestBody"]["content"]["application/json"]
        answer = admin.post(path, json=media["example"])
        assert answer.status_code == 201, answer.json


def test_the_command_prints_what_the_server_serves(app: flask.Flask, document: dict[str, Any]) -> None:
    assert written(app) == document


def test_limit_says_how_long_a_list_is_without_it(document: dict[str, Any]) -> None:
    said = {
        path: parameter["description"].rpartition("; ")[2]
        for path, _, operation in operations(document)
        for parameter in parameters(document, path, operation)
        if parameter["name"] == "limit"
    }

    paged = {path for path, what in said.items() if what == "50 if left out"}
    assert paged == {"/sessions", "/audit-logs"}
    assert {said[path] for path in said.keys() - paged} == {"all of them if left out"}


def test_whatever_names_resources_tells_that_one_may_be_going(document: dict[str, Any]) -> None:
    naming = {("/sessions", "post"), ("/static-ip-rules", "post"), ("/static-ip-rules/{static_ip_rule_id}", "patch")}
    naming.add(("/roles/{role_id}/resources/{resource_id}", "put"))

    told = {(path, method) for path, method, one in operations(document) if "Leave it out." in json.dumps(one)}

    assert told == naming


def test_of_several_errors_with_one_code_each_is_told(document: dict[str, Any]) -> None:
    path = f"{BASE}/static-ip-rules/{{static_ip_rule_id}}"

    told = {
        method: document["paths"][path][method]["responses"]["409"]["description"] for method in ("patch", "delete")
    }

    going = "The resource Web servers (550e8400-e29b-41d4-a716-446655440000) is being deleted, and lets nobody in."
    assert told["patch"] == f'CONFLICT: "{TAKEN}" or "{going} Leave it out." or "{BEING_DELETED}"'
    assert told["delete"] == "CONFLICT", "the example tells the only one"


def test_every_state_of_a_session_is_explained(document: dict[str, Any]) -> None:
    status = document["components"]["schemas"]["ShownSession"]["properties"]["status"]

    assert [state for state in status["enum"] if state not in status["description"]] == []
