"""How each error code comes about: a request through the real application. A new code needs a line here."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from api import intake
from api.accounts import service as accounts
from api.app import create_app
from api.database import database
from api.errors import RequestTimeout
from api.limit_table import DEFAULTS
from api.openapi import BASE_PATH
from api.secret import Secret
from tests.api.conftest import PASSWORD, unknown_id
from tests.api.published import CREATE_CREDENTIAL, CREATE_RESOURCE
from tests.proof.crowd import ADA, Headers
from tests.proof.matrix import AWS
from tests.proof.world import World
from tests.worker.made_up_cloud import NOT_THERE

OF_NO_OPERATION = {"NOT_FOUND", "METHOD_NOT_ALLOWED"}
"""Of requests that reach none, so that no operation can document them."""

_LOW_LIMITS = ";".join(f"{name}={'1/hour' if name == 'register' else '1000000/minute'}" for name in DEFAULTS)


def _ask(world: World, method: str, path: str, headers: Headers | None = None, **options: Any) -> Any:
    told = world.crowd.ada if headers is None else {**world.crowd.ada, **headers}
    return world.client.open(f"{BASE_PATH}{path}", method=method, headers=told, **options)


def _too_many_resources(world: World) -> Any:
    accounts.add_administrator("fred@example.com", Secret.of_text(PASSWORD), "Free", "FREE")
    fred = world.crowd.token_of("fred@example.com")
    body = {**CREATE_RESOURCE, "credentialId": world.crowd.ask(fred, "POST", "/credentials", AWS)["id"]}
    for _ in range(3):
        world.crowd.ask(fred, "POST", "/resources", body)
    return _ask(world, "POST", "/resources", fred, json=body)


def _too_many_sessions(world: World) -> Any:
    grace = world.crowd.token_of(world.crowd.hire("ORG_ADMIN")[1])
    return [_ask(world, "POST", "/sessions", grace, json={}) for _ in range(6)][-1]


def _in_use(world: World, collection: str) -> Any:
    """Somebody is let in to a resource, and a worker has yet to see to it."""
    ada = world.crowd.ada
    resource = world.crowd.ask(ada, "GET", f"/resources/{world.made_by(ada, ['resource_id'])['resource_id']}")
    world.crowd.ask(ada, "PATCH", f"/resources/{resource['id']}", {"config": {"port": 443}})
    world.serve_due()
    body = {"label": resource["id"], "ipAddress": "203.0.113.7", "resourceIds": [resource["id"]]}
    world.crowd.ask(ada, "POST", "/static-ip-rules", body)
    named = {"credentials": resource["credentialId"], "resources": resource["id"]}
    return _ask(world, "DELETE", f"/{collection}/{named[collection]}")


def _verification_failed(world: World) -> Any:
    ids = world.made_by(world.crowd.ada, ["resource_id"])
    world.cloud.answers[CREATE_RESOURCE["resourceIdentifier"]] = NOT_THERE
    with world.worker():
        return _ask(world, "POST", f"/resources/{ids['resource_id']}/verify")


def _last_admin(world: World) -> Any:
    eve = world.crowd.ask(world.crowd.eve, "GET", "/auth/me")
    return _ask(world, "DELETE", f"/users/{eve['id']}", world.crowd.eve)


def _unsafe_url(world: World) -> Any:
    gcp = CREATE_CREDENTIAL["GCP"]
    data = {**gcp["credentialData"], "token_uri": "https://169.254.169.254/token"}
    return _ask(world, "POST", "/credentials", json={**gcp, "credentialData": data})


def _conflict(world: World) -> Any:
    return _ask(world, "POST", "/users", json={"email": ADA, "name": "Ada again", "password": PASSWORD})


def _rate_limited(world: World) -> Any:
    settings = dataclasses.replace(world.settings, rate_limits=_LOW_LIMITS)
    client = create_app(settings, world.vault, threads=4).test_client()
    client.post(f"{BASE_PATH}/auth/register", json={})
    return client.post(f"{BASE_PATH}/auth/register", json={})


def _crash(world: World) -> Any:
    with _no_event_can_be_written():
        return _ask(world, "PATCH", "/organization", json={"name": "Never"})


@contextlib.contextmanager
def _no_event_can_be_written() -> Iterator[None]:
    database.execute_sql("CREATE TRIGGER broken BEFORE INSERT ON audit_log BEGIN SELECT RAISE(ABORT, 'full'); END")
    try:
        yield
    finally:
        database.execute_sql("DROP TRIGGER broken")


def _unavailable(world: World) -> Any:
    """No thread is free to wait for the verdict."""
    client = create_app(world.settings, world.vault, threads=1).test_client()
    return client.post(f"{BASE_PATH}/resources/{world.own['resource_id']}/verify", headers=world.crowd.ada)


PROVOCATIONS: Mapping[str, Callable[[World], Any]] = {
    "VALIDATION_ERROR": lambda world: _ask(world, "POST", "/credentials", json={}),
    "MAX_RESOURCES_REACHED": _too_many_resources,
    "CREDENTIAL_IN_USE": lambda world: _in_use(world, "credentials"),
    "RESOURCE_IN_USE": lambda world: _in_use(world, "resources"),
    "VERIFICATION_FAILED": _verification_failed,
    "SESSION_LIMIT_REACHED": _too_many_sessions,
    "DURATION_EXCEEDED": lambda world: _ask(world, "POST", "/sessions", json={"durationHours": 25}),
    "LAST_ADMIN": _last_admin,
    "UNSAFE_URL": _unsafe_url,
    "UNAUTHORIZED": lambda world: _ask(world, "GET", "/credentials", {"Authorization": "Bearer nothing"}),
    "FORBIDDEN": lambda world: _ask(world, "GET", "/users", world.headers("a user", world.operations["GET /users"])),
    "NOT_FOUND": lambda world: _ask(world, "GET", "/nothing"),
    "CREDENTIAL_NOT_FOUND": lambda world: _ask(world, "GET", f"/credentials/{unknown_id()}"),
    "RESOURCE_NOT_FOUND": lambda world: _ask(world, "GET", f"/resources/{unknown_id()}"),
    "SESSION_NOT_FOUND": lambda world: _ask(world, "GET", f"/sessions/{unknown_id()}"),
    "ROLE_NOT_FOUND": lambda world: _ask(world, "GET", f"/roles/{unknown_id()}"),
    "STATIC_IP_RULE_NOT_FOUND": lambda world: _ask(world, "GET", f"/static-ip-rules/{unknown_id()}"),
    "USER_NOT_FOUND": lambda world: _ask(world, "GET", f"/users/{unknown_id()}"),
    "API_KEY_NOT_FOUND": lambda world: _ask(world, "DELETE", f"/api-keys/{unknown_id()}"),
    "METHOD_NOT_ALLOWED": lambda world: _ask(world, "PUT", "/credentials"),
    "CONFLICT": _conflict,
    "PRECONDITION_FAILED": lambda world: _ask(world, "PATCH", "/organization", {"If-Match": '"0"'}, json={"name": "x"}),
    "PAYLOAD_TOO_LARGE": lambda world: _ask(world, "POST", "/credentials", json={"name": "x" * 256 * 1024}),
    # As the server says it of a body that it waited for in vain.
    "REQUEST_TIMEOUT": lambda world: _ask(
        world, "POST", "/credentials", environ_overrides={intake.REFUSAL: RequestTimeout()}
    ),
    "UNSUPPORTED_MEDIA_TYPE": lambda world: _ask(
        world, "POST", "/credentials", data=b"x", content_type="multipart/form-data"
    ),
    "RATE_LIMIT_EXCEEDED": _rate_limited,
    "INTERNAL_ERROR": _crash,
    "UNAVAILABLE": _unavailable,
}
