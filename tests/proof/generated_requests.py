"""Requests that schemathesis makes of the OpenAPI document, at a server in this process, and what was wrong with them.

All of schemathesis' checks are on: no 5xx; status, headers, content type and body as the document has them; what the
schema forbids is refused, and what it allows is not; who shows nothing is not let in; what was deleted is gone.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis import Case, CheckContext, HookContext, Response, hooks
from schemathesis.checks import CHECKS
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.openapi.checks import RejectedPositiveData
from schemathesis.transport.wsgi import WSGITransport

from tests.api.conftest import BASE
from tests.proof.aimed_requests import Aim
from tests.proof.beyond_schemas import gives_another_reason
from tests.proof.deeds import deeds_are_done
from tests.proof.fuzzed_server import FuzzedServer, fuzzed_server
from tests.proof.live_objects import LiveObjects

_STORY_STEPS = 6
# On every answer; told in the document's introduction or by HTTP itself, not once for each operation.
_EVERYWHERE = frozenset(
    name.lower()
    for name in (
        "Allow",
        "Cache-Control",
        "Content-Length",
        "Content-Security-Policy",
        "Content-Type",
        "Referrer-Policy",
        "X-Content-Type-Options",
    )
)
_LIMITS = ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "x-request-id")


@dataclass
class Outcome:
    """How many requests were made, how they were answered, and what should not have been.

    `deeds`: what was made, changed and deleted, and looked at afterwards, as `DELETE users`.
    `linked`: how many requests were about an object that an earlier request of the same story made.
    """

    requests: int = 0
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    deeds: Counter[str] = field(default_factory=Counter)
    linked: int = 0
    failures: dict[str, str] = field(default_factory=dict)

    def successes(self, operation: str) -> int:
        """How often an operation was answered 2xx."""
        return sum(n for (label, status), n in self.answers.items() if label == operation and 200 <= status < 300)

    def note(self, event: events.EngineEvent) -> None:
        if isinstance(event, events.NonFatalError):
            self.failures[f"{event.label}: {event.info.title}"] = event.info.message
        if isinstance(event, events.ScenarioFinished):
            for case_id, node in event.recorder.cases.items():
                self._note_request(node, event.recorder.interactions.get(case_id))
            for case_id, checks in event.recorder.checks.items():
                self._note_checks(event.recorder, case_id, checks)

    def _note_request(self, node: Any, exchange: Any) -> None:
        case = node.value
        if exchange is None or exchange.response is None:
            return
        self.requests += 1
        if case.method.upper() == case.operation.method.upper():
            self.answers[case.operation.label, exchange.response.status_code] += 1
            self.linked += node.is_transition_applied

    def _note_checks(self, recorder: Any, case_id: str, checks: Any) -> None:
        for check in checks:
            if check.failure_info is None:
                continue
            failure, exchange = check.failure_info.failure, recorder.interactions.get(case_id)
            answered = "" if exchange is None or exchange.response is None else exchange.response.text[:500]
            title = f"{recorder.cases[case_id].value.operation.label}: {check.name}: {failure.title}"
            self.failures.setdefault(title, f"{failure.message}\n{check.failure_info.code_sample}\n{answered}")


def operations(server: FuzzedServer) -> list[str]:
    """The operations of the document, as `POST /api/v1/credentials`."""
    return [operation.ok().label for operation in _schema(server, SchemathesisConfig()).get_all_operations()]


def run(redis_url: str, seed: int, examples: int, *, outcome: Outcome, covering: bool) -> list[str]:
    """Ask a new server, and note the answers in `outcome`. Returns the operations that there are.

    examples: how many random requests for each operation, and as many stories of several requests.
    covering: with the examples of the document and all the edge cases that follow from its schemas, about 1,500.
    """
    with tempfile.TemporaryDirectory() as folder, fuzzed_server(Path(folder), redis_url) as server:
        schema = _schema(server, _config(seed, examples, covering=covering))
        with _asking_as(LiveObjects(server.administrator, seed), schema, outcome):
            for event in from_schema(schema).execute():
                outcome.note(event)
        return operations(server)


def _schema(server: FuzzedServer, config: SchemathesisConfig) -> Any:
    return schemathesis.openapi.from_wsgi(f"{BASE}/openapi.json", server.wsgi, config=config)


def _config(seed: int, examples: int, *, covering: bool) -> SchemathesisConfig:
    # Beside what schemathesis itself expects: an object that was changed since (412) is no judgement on the request.
    refused = [str(status) for status in (400, 401, 403, 404, 405, 409, 412, 413, 415, 429)]
    return SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "cache": {"enabled": False},
            "generation": {"no-shrink": True, "database": "none"},
            "checks": {
                "positive_data_acceptance": {"expected-statuses": ["2xx", "401", "403", "404", "409", "412", "429"]},
                "negative_data_rejection": {"expected-statuses": refused},
            },
            "phases": {
                "examples": {"enabled": covering},
                "coverage": {"enabled": covering},
                "fuzzing": {"generation": {"max-examples": examples}},
                "stateful": {"generation": {"max-examples": 5 * examples}, "max-steps": _STORY_STEPS},
            },
        }
    )


@contextmanager
def _asking_as(live: LiveObjects, schema: Any, outcome: Outcome) -> Iterator[None]:
    """Show who asks, aim the requests, and learn from the answers; schemathesis knows such hooks only for all of it."""
    aim = Aim(live)

    class Identity:
        def get(self, case: Case[Any], _: Any) -> dict[str, str]:
            return live.identity(case)

        def set(self, case: Case[Any], data: dict[str, str], _: Any) -> None:
            case.headers.update(data)

    def before_call(_: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
        aim.take(case)

    def after_call(_: HookContext, case: Case[Any], response: Response) -> None:
        live.learn(case, response)

    def filter_failure(_: HookContext, failure: Any, case: Case[Any], response: Response) -> bool:
        refused = isinstance(failure, RejectedPositiveData) and response.status_code == 400
        return not refused or gives_another_reason(response.json())

    schema.auth(refresh_interval=None)(Identity)
    mine, checks = (
        (before_call, after_call, filter_failure),
        (headers_as_documented, deeds_are_done(live, outcome.deeds)),
    )
    with _transport_for_probes():
        for check in checks:
            schemathesis.check(check)
        for hook in mine:
            schemathesis.hook(hook)
        try:
            yield
        finally:
            for hook in mine:
                hooks.unregister(hook)
            for check in checks:
                CHECKS.unregister(check.__name__)


def headers_as_documented(_: CheckContext, response: Response, case: Case[Any]) -> None:
    """schemathesis looks for headers that are missing; this looks for those that the document does not name."""
    sent = {name.lower() for name in response.headers}
    if missing := sorted(set(_LIMITS) - sent):
        raise AssertionError(f"without {', '.join(missing)}")
    documented = case.operation.responses.find_by_status_code(response.status_code)
    if documented is None:
        return
    named = {name.lower() for name in documented.definition.get("headers", {})}
    if unnamed := sorted(sent - named - _EVERYWHERE):
        raise AssertionError(f"a header that the document does not name: {', '.join(unnamed)}")


@contextmanager
def _transport_for_probes() -> Iterator[None]:
    """schemathesis 4.32 hands options of sockets to an application in the same process when it asks without a name."""
    send = WSGITransport.send

    def without_sockets(self: WSGITransport, case: Case[Any], **options: Any) -> Response:
        return send(self, case, **{name: options[name] for name in options if name not in _OF_SOCKETS})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WSGITransport, "send", without_sockets)
        yield


_OF_SOCKETS = frozenset({"max_redirects", "verify", "cert", "proxies"})


def told(failures: dict[str, str]) -> str:
    """What was wrong, for whoever reads the log of the tests."""
    return json.dumps(failures, indent=1).replace("\\n", "\n    ")
