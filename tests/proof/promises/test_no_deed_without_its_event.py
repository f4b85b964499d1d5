"""P10: where the event cannot be written, what it tells of is not done: by the API, by a worker, by a command."""

import json
import uuid
from typing import Any

import pytest

from api.audit_log.models import AuditEntry
from api.openapi import BASE_PATH
from tests.proof.contents import contents
from tests.proof.crowd import ADA
from tests.proof.ledger import proven
from tests.proof.matrix import ROWS
from tests.proof.operations import Operation
from tests.proof.promises.broken_trail import AT_COMMIT, HELP_TABLES, broken_trail
from tests.proof.world import World

pytestmark = pytest.mark.engines("sqlite", "postgresql")

WITHOUT_EVENT = {
    "POST /credentials/{credential_id}/verify",
    "POST /resources/{resource_id}/verify",
    "POST /auth/refresh",
}
"""They change nothing that anybody did: a worker writes the event of a verdict, and new tokens go on with a login that
has its event."""
DEEDS = [name for name in ROWS if not name.startswith("GET ") and name not in WITHOUT_EVENT]
CHOICES = {
    "PATCH /credentials/{credential_id}": ("", "verify=false"),
    "DELETE /credentials/{credential_id}": ("", "force=true"),
    "DELETE /resources/{resource_id}": ("", "force=true"),
}
"""Where a query changes what is done."""


class Attempt:
    """One request, made ready so that it can be sent again: a good one, about objects of its own."""

    def __init__(self, world: World, operation: Operation, query: str) -> None:
        self._world, self._operation, self._query = world, operation, query
        self._ids = {**world.own, **world.made_by(world.crowd.ada, operation.path_ids)}
        if "credential_id" in operation.path_ids:
            self._add_resource()
        if operation.path.startswith("/roles/{role_id}/") and operation.method == "DELETE":
            self._world.ask(world.operations[operation.name.replace("DELETE", "PUT")], world.crowd.ada, self._ids)
        row = ROWS[operation.name]
        self._headers = dict(world.headers("an administrator", operation, afresh=row.ends_login))
        if "Idempotency-Key" in operation.headers:
            self._headers["Idempotency-Key"] = uuid.uuid4().hex
        self._body = world.body(operation, self._ids)

    def _add_resource(self) -> None:
        """So that what becomes of a credential has to do with a resource too."""
        operation = self._world.operations["POST /resources"]
        answer = self._world.ask(operation, self._world.crowd.ada, self._ids)
        assert answer.status_code == 201, answer.text

    def send(self) -> Any:
        return self._world.ask(
            self._operation,
            self._headers,
            self._ids,
            json=self._body,
            query=self._query or ROWS[self._operation.name].query,
        )


def operation_of(world: World, name: str) -> Operation:
    if name not in world.operations:
        pytest.fail(f"the server has no {name}")
    return world.operations[name]


def is_refused(answer: Any) -> bool:
    """The server says that it could not do it, and nothing else."""
    return (answer.status_code, answer.get_json()["error"]) in ((500, "INTERNAL_ERROR"), (503, "UNAVAILABLE"))


def test_every_operation_that_changes_something_is_tried(world: World) -> None:
    changing = {operation.name for operation in world.operations.values() if operation.method != "GET"}

    assert changing == {*DEEDS, *WITHOUT_EVENT}


@pytest.mark.parametrize("name", DEEDS)
def test_without_its_event_nothing_is_changed(world: World, engine: str, name: str) -> None:
    operation, faults = operation_of(world, name), 0
    for query in CHOICES.get(name, ("",)):
        attempt = Attempt(world, operation, query)
        before = AuditEntry.select().count()
        for event in (1, AT_COMMIT):
            _is_refused_whole(attempt, event)
        answer = attempt.send()
        assert answer.status_code < 300, "else this proves nothing"
        events = AuditEntry.select().count() - before
        assert events > 0, f"{name} leaves no event"
        for event in range(2, events + 1):
            _is_refused_whole(Attempt(world, operation, query), event)
        faults += events + 1
    proven(
        "P10",
        f"the audit row of {name} refused by {engine}",
        f"{faults} of {faults} answered 500 or 503, no row changed",
    )


def _is_refused_whole(attempt: Attempt, event: int) -> None:
    before = contents(HELP_TABLES)
    with broken_trail(event):
        answer = attempt.send()
    assert is_refused(answer), (event, answer.status_code, answer.text)
    assert contents(HELP_TABLES) == before


def test_a_failed_sign_in_needs_its_event_too(world: World) -> None:
    wrong = {"email": ADA, "password": "not the password"}
    with broken_trail():
        answer = world.client.post(f"{BASE_PATH}/auth/login", json=wrong)

    assert is_refused(answer), json.dumps(answer.get_json())
