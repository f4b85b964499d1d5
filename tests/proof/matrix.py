"""The table of all operations: what the OpenAPI document cannot tell a test. A new operation needs a row here.

What is expected of each caller follows from the contract's scopes and the document's ids (`expected`); a row only says
what a good request looks like, and what comes of it.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from api.access import ANYBODY
from api.openapi import BASE_PATH
from tests.api.conftest import PASSWORD
from tests.api.published import CREATE_CREDENTIAL, CREATE_RESOURCE
from tests.proof.callers import Caller, Standing, may
from tests.proof.crowd import ADA, EVE, Crowd, Headers, holding
from tests.proof.operations import Operation

Body = dict[str, Any]

AWS = CREATE_CREDENTIAL["AWS"]


@dataclass(frozen=True, slots=True)
class Expected:
    """How an operation is answered; code: None for a success."""

    status: int
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """What cannot be derived.

    body: makes a good one; ids of objects are filled in. query: what a good request needs. for_keys: what keys are
    answered where they are not people. for_members: what those are who administer nothing, and the organisation's keys,
    where the scope is for every user but the object is not theirs. ends_login: a success costs the caller's token.
    needs_worker: it waits for one.
    """

    success: int
    body: Callable[[Crowd], Body] | None = None
    query: str = ""
    for_keys: Expected | None = None
    for_members: Expected | None = None
    ends_login: bool = False
    needs_worker: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object. make: a new one of this maker's, its id. missing: the code where there is none."""

    make: Callable[[Crowd, Headers], str]
    missing: str


def _credential(crowd: Crowd, maker: Headers) -> str:
    return str(crowd.ask(maker, "POST", "/credentials", {**AWS, "name": crowd.name_for(maker)})["id"])


def _resource(crowd: Crowd, maker: Headers) -> str:
    body = {**CREATE_RESOURCE, "name": crowd.name_for(maker), "credentialId": _credential(crowd, maker)}
    return str(crowd.ask(maker, "POST", "/resources", body)["id"])


def _session(crowd: Crowd, maker: Headers) -> str:
    """A session of a new key of the organisation, so that nobody's limit is met; from where nobody else asks."""
    key = crowd.key({"sessions:write"}, maker, belongsTo="ORGANIZATION")
    role = f"/roles/{_role(crowd, maker)}"
    for link in (f"resources/{_resource(crowd, maker)}", f"api-keys/{key['id']}"):
        crowd.ask(maker, "PUT", f"{role}/{link}")
    options: Any = {"json": {}, "headers": holding(key), "environ_base": {"REMOTE_ADDR": "127.0.0.9"}}
    made: Any = crowd.client.post(f"{BASE_PATH}/sessions", **options).json
    return str(made["id"])


def _role(crowd: Crowd, maker: Headers) -> str:
    return str(crowd.ask(maker, "POST", "/roles", {"name": f"{crowd.name_for(maker)} {uuid.uuid4()}"})["id"])


def _key(crowd: Crowd, maker: Headers) -> str:
    """One that can have a role, and that a key with the one scope may revoke."""
    return str(crowd.key({"api-keys:write"}, maker, belongsTo="ORGANIZATION")["id"])


def _static_rule(crowd: Crowd, maker: Headers) -> str:
    label = f"{crowd.name_for(maker)} {uuid.uuid4()}"
    body = {"label": label, "ipAddress": "203.0.113.7", "resourceIds": [_resource(crowd, maker)]}
    return str(crowd.ask(maker, "POST", "/static-ip-rules", body)["id"])


def _person(crowd: Crowd) -> Body:
    return {"email": crowd.new_email(), "name": "Somebody", "password": PASSWORD}


_NOT_THEIR_SESSION = Expected(404, "SESSION_NOT_FOUND")

PUBLIC = {"POST /auth/register", "POST /auth/login", "POST /auth/refresh"}
_SCOPES = {
    "POST /auth/logout": ANYBODY,
    "GET /auth/me": ANYBODY,
    "GET /detect-ip": ANYBODY,
    "GET /api-keys": "api-keys:write",
    "POST /api-keys": "api-keys:write",
    "DELETE /api-keys/{key_id}": "api-keys:write",
    "GET /audit-logs": "audit:read",
}
"""Where it is not the path's own `…:read` for a GET and `…:write` for all else."""
_ROOMS = {"static-ip-rules": "static-rules"}
"""How scopes name what a path begins with, where it is another name."""


OBJECTS: Mapping[str, Kind] = {
    "user_id": Kind(lambda crowd, maker: crowd.hire("USER", maker)[0], "USER_NOT_FOUND"),
    "key_id": Kind(_key, "API_KEY_NOT_FOUND"),
    "credential_id": Kind(_credential, "CREDENTIAL_NOT_FOUND"),
    "resource_id": Kind(_resource, "RESOURCE_NOT_FOUND"),
    "session_id": Kind(_session, "SESSION_NOT_FOUND"),
    "role_id": Kind(_role, "ROLE_NOT_FOUND"),
    "static_ip_rule_id": Kind(_static_rule, "STATIC_IP_RULE_NOT_FOUND"),
}
"""By the name of the path's parameter; `credentialId` in a body is `credential_id`."""


ROWS: Mapping[str, Row] = {
    "POST /auth/register": Row(201, lambda crowd: {**_person(crowd), "organizationName": "New"}),
    "POST /auth/login": Row(200, lambda _: {"email": ADA, "password": PASSWORD}),
    "POST /auth/refresh": Row(200, lambda crowd: {"refreshToken": crowd.sign_in(ADA)["refreshToken"]}),
    "POST /auth/logout": Row(204, for_keys=Expected(403, "FORBIDDEN"), ends_login=True),
    "GET /auth/me": Row(200),
    "GET /organization": Row(200),
    "PATCH /organization": Row(200, lambda crowd: {"name": f"Renamed {uuid.uuid4()}"}),
    "GET /users": Row(200),
    "POST /users": Row(201, _person),
    "GET /users/{user_id}": Row(200),
    "PATCH /users/{user_id}": Row(200, lambda _: {"name": "Renamed"}),
    "DELETE /users/{user_id}": Row(204),
    "GET /api-keys": Row(200),
    "POST /api-keys": Row(201, lambda _: {"name": "CI", "scopes": ["api-keys:write"]}),
    "DELETE /api-keys/{key_id}": Row(204),
    "GET /credentials": Row(200),
    "POST /credentials": Row(201, lambda _: dict(AWS)),
    "GET /credentials/{credential_id}": Row(200),
    "PATCH /credentials/{credential_id}": Row(
        200, lambda _: {"name": "Renamed", "credentialData": AWS["credentialData"]}
    ),
    "DELETE /credentials/{credential_id}": Row(204),
    "POST /credentials/{credential_id}/verify": Row(202),
    "GET /credentials/{credential_id}/policy": Row(200),
    "GET /credentials/{credential_id}/targets": Row(200, query="region=eu-central-1", needs_worker=True),
    "GET /resources": Row(200),
    "POST /resources": Row(201, lambda _: dict(CREATE_RESOURCE)),
    "GET /resources/{resource_id}": Row(200),
    "PATCH /resources/{resource_id}": Row(200, lambda _: {"name": "Renamed"}),
    "DELETE /resources/{resource_id}": Row(204),
    "POST /resources/{resource_id}/verify": Row(200, needs_worker=True),
    "GET /sessions": Row(200),
    "POST /sessions": Row(201, lambda _: {"durationMinutes": 5}, for_members=Expected(404, "RESOURCE_NOT_FOUND")),
    "GET /sessions/resources": Row(200),
    "GET /sessions/{session_id}": Row(200, for_members=_NOT_THEIR_SESSION),
    "POST /sessions/{session_id}/stop": Row(200, for_members=_NOT_THEIR_SESSION),
    "POST /sessions/{session_id}/extend": Row(200, lambda _: {"durationMinutes": 5}, for_members=_NOT_THEIR_SESSION),
    "PUT /sessions/{session_id}/ip": Row(200, lambda _: {"ipv4Address": "127.0.0.1"}, for_members=_NOT_THEIR_SESSION),
    "GET /detect-ip": Row(200),
    "GET /roles": Row(200),
    "POST /roles": Row(201, lambda _: {"name": f"On call {uuid.uuid4()}"}),
    "GET /roles/{role_id}": Row(200),
    "PATCH /roles/{role_id}": Row(200, lambda _: {"name": f"Renamed {uuid.uuid4()}"}),
    "DELETE /roles/{role_id}": Row(204),
    "PUT /roles/{role_id}/resources/{resource_id}": Row(200),
    "DELETE /roles/{role_id}/resources/{resource_id}": Row(204),
    "PUT /roles/{role_id}/users/{user_id}": Row(200),
    "DELETE /roles/{role_id}/users/{user_id}": Row(204),
    "PUT /roles/{role_id}/api-keys/{key_id}": Row(200),
    "DELETE /roles/{role_id}/api-keys/{key_id}": Row(204),
    "GET /static-ip-rules": Row(200),
    "POST /static-ip-rules": Row(201, lambda _: {"label": f"Office {uuid.uuid4()}", "ipAddress": "203.0.113.7"}),
    "GET /static-ip-rules/{static_ip_rule_id}": Row(200),
    "PATCH /static-ip-rules/{static_ip_rule_id}": Row(200, lambda _: {"label": f"Renamed {uuid.uuid4()}"}),
    "DELETE /static-ip-rules/{static_ip_rule_id}": Row(204),
    "GET /audit-logs": Row(200),
}


@dataclass(frozen=True, slots=True)
class Filter:
    """A parameter of a query that names what an organisation has.

    foreign: the value that names what is Eve's, in this operation's list. unknown: names nothing, and is like it.
    """

    foreign: Callable[[Crowd, Operation], str]
    unknown: Callable[[str], str]


FILTERS: Mapping[str, Filter] = {
    "cursor": Filter(lambda crowd, operation: crowd.cursor(crowd.eve, operation.path), Crowd.cursor_of_nothing),
    "actorEmail": Filter(lambda _, __: EVE, lambda foreign: "z" * foreign.index("@") + foreign[foreign.index("@") :]),
}
LEAVES_MOST_OUT = "status="
"""A query that asks for one state, which nothing may be in."""
SHOWS_NOTHING_KEPT = {"GET /detect-ip"}
"""What tells of the request alone."""
NAMES_NOTHING = {"limit", "status", "format", "from", "to", "eventType", "wait", "verify", "force", "region"}
"""Parameters of queries that cannot tell of another organisation. A new one belongs here or among the filters."""


def scope_of(name: str) -> str | None:
    """What the contract asks of the callers of an operation, whatever the operation says itself. None: nothing."""
    if name in PUBLIC:
        return None
    method, path = name.split(" ")
    room = path.split("/")[1]
    return _SCOPES.get(name) or f"{_ROOMS.get(room, room)}:{'read' if method == 'GET' else 'write'}"


def expected(operation: Operation, caller: Caller) -> Expected:
    """What somebody is answered who asks a good request about an object of Ada's organisation."""
    row, scope = ROWS[operation.name], scope_of(operation.name)
    if scope is None:
        return Expected(row.success)
    if caller.standing is Standing.UNKNOWN:
        return Expected(401, "UNAUTHORIZED")
    if not may(caller, scope):
        return Expected(403, "FORBIDDEN")
    own = row.for_members if caller.standing in (Standing.MEMBER, Standing.PIPELINE) else None
    if (refusal := own or (row.for_keys if caller.is_key else None)) is not None:
        return refusal
    named = [*operation.path_ids, *(object_of(name) for name in operation.body_ids)]
    if caller.standing is Standing.OUTSIDER and named:
        return Expected(404, OBJECTS[named[0]].missing)
    return Expected(row.success)


def object_of(name: str) -> str:
    """The kind of object that a property of a body names: `credentialId` and `credentialIds` as `credential_id`."""
    words = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    return words.removesuffix("s")
