"""After a day's work no secret is left anywhere; and what is planted there is found, so that we would know."""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg2
import pytest

from tests.clouds.aws_standin import AwsStandIn, Key
from tests.eventually import eventually
from tests.proof.canaries import sinks
from tests.proof.canaries.search import Canary, found_in
from tests.proof.canaries.servers import PLANTED, CanaryServer, canary_server
from tests.proof.canaries.sinks import Pieces
from tests.proof.canaries.visit import Visit
from tests.proof.ledger import proven
from tests.proof.scale import FULL
from tests.pulumi_entryguard.pulumi_stack import Stack

pytestmark = pytest.mark.timeout(300)

# The engine of the server that a stack is lived at, in the short form; in the long one at both.
PULUMI_BESIDE = "postgresql"

LEGITIMATE: Mapping[tuple[str, str], frozenset[str]] = {
    ("answers", "POST /api/v1/auth/login"): frozenset(
        f"{whose} {kind}"
        for whose in ("administrator's", "signed-out", "user's")
        for kind in ("accessToken", "refreshToken")
    ),
    ("answers", "POST /api/v1/auth/refresh"): frozenset(
        {"administrator's renewed accessToken", "administrator's renewed refreshToken"}
    ),
    ("answers", "POST /api/v1/api-keys"): frozenset({"API key"}),
}
"""Where a secret belongs: in the one answer that hands it out. The files that secrets come from are not looked at."""


@dataclass
class Evidence:
    """What was collected in each place, and the secrets to look for."""

    engine: str
    canaries: list[Canary]
    places: dict[str, Pieces] = field(default_factory=dict, repr=False)

    def found(self, place: str) -> dict[str, set[str]]:
        """The canaries in each piece of a place."""
        pieces = self.places[place].items()
        return {name: names for name, content in pieces if (names := found_in(content, self.canaries))}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def evidence(
    request: pytest.FixtureRequest, aws: AwsStandIn, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Evidence]:
    """A server is visited, beside one of them a Pulumi stack is lived, and all that they leave is collected."""
    folder = tmp_path_factory.mktemp("canaries")
    is_sqlite = request.param == "sqlite"
    url = f"sqlite:///{folder / 'entryguard.sqlite'}" if is_sqlite else _new_database(request)
    key = aws.user()
    with canary_server(folder, url, aws.endpoint) as server:
        visit = Visit(server, key, aws.security_group())
        visit.happen()
        evidence = Evidence(request.param, server.secrets.canaries)
        if FULL or request.param == PULUMI_BESIDE:
            evidence.places |= _pulumi(folder, server, visit, aws.another_key(key.user))
        evidence.places |= {
            "process lists": sinks.process_lists(server),
            "environments": sinks.environments(server),
        }
        _leave_jobs(server, visit)
        evidence.places |= {
            "database": sinks.database_files(server) if is_sqlite else sinks.dump(url),
            "Valkey's dump": sinks.valkey_dump(server),
            "jobs": sinks.valkey_jobs(server),
            "MONITOR": sinks.valkey_commands(server),
            "logs": sinks.logs(server),
            "answers": sinks.answers(visit.talk),
            "commands": sinks.commands(server),
        }
    yield evidence


def _new_database(request: pytest.FixtureRequest) -> str:
    server: str = request.getfixturevalue("postgresql_server")
    name = f"canaries_{uuid4().hex}"
    link = psycopg2.connect(server)
    link.autocommit = True
    link.cursor().execute(f"CREATE DATABASE {name}")
    link.close()
    return server.replace("/postgres?", f"/{name}?")


def _pulumi(folder: Path, server: CanaryServer, visit: Visit, key: Key) -> dict[str, Pieces]:
    """A stack previewed, made, shown and destroyed."""
    server.secrets.add("Pulumi's AWS secret key", key.secret_access_key)
    access = {"ENTRYGUARD_ENDPOINT": f"http://127.0.0.1:{server.api.port}", "ENTRYGUARD_API_KEY": visit.api_key}
    stack = Stack(folder, access)
    declared: dict[str, Any] = {"name": server.secrets.leak, "provider": "AWS", "credential_type": "ACCESS_KEY"}
    stack.declare(credential={**declared, "credential_data": key.credential_data})
    said = {"preview": stack.run("preview", "--diff"), "up": stack.up(), "export": stack.run("stack", "export")}
    assert said["up"].code == 0, said["up"].text
    state = sinks.pulumi_state(stack)
    said["destroy"] = stack.destroy()
    state |= {f"{name}, destroyed": content for name, content in sinks.pulumi_state(stack).items()}
    return {"Pulumi's state": state, "Pulumi's output": {name: one.text.encode() for name, one in said.items()}}


def _leave_jobs(server: CanaryServer, visit: Visit) -> None:
    """A ring that nobody answers, and a job with a leak, packed as RQ packs it."""
    server.worker.terminate(20)
    visit.ring()
    assert eventually(lambda: bool(server.valkey.keys("rq:job:*")))
    server.valkey.hset("rq:job:planted", "data", zlib.compress(server.secrets.leak.encode()))
    assert eventually(lambda: b"rq:job:planted" in server.monitored.read_bytes())


PLACES = (
    "database",
    "Valkey's dump",
    "jobs",
    "MONITOR",
    "logs",
    "answers",
    "commands",
    "process lists",
    "environments",
    "Pulumi's state",
    "Pulumi's output",
)


@pytest.mark.parametrize("place", PLACES)
def test_no_secret_is_left_but_a_planted_one_that_is_found(evidence: Evidence, place: str) -> None:
    if place.startswith("Pulumi") and not FULL and evidence.engine != PULUMI_BESIDE:
        pytest.skip("a stack sees nothing of the server's database")
    found = evidence.found(place)

    assert {
        (piece, name)
        for piece, names in found.items()
        for name in names - LEGITIMATE.get((place, piece), frozenset()) - {PLANTED}
    } == set()
    pieces = evidence.places[place].values()
    size = sum(len(content) for content in pieces)
    assert any(PLANTED in names for names in found.values()), "else this proves nothing"
    figure = f"0 of {len(evidence.canaries) - 1} secrets in {len(pieces)} pieces of {size:,} bytes, a planted one found"
    for promise in ("CANARIES", "P6"):
        proven(promise, f"secrets looked for in: {place}, {evidence.engine}", figure)


def test_what_belongs_in_an_answer_is_there(evidence: Evidence) -> None:
    found = evidence.found("answers")

    assert all(names <= found[piece] for (_, piece), names in LEGITIMATE.items())


def test_enough_secrets_were_used(evidence: Evidence) -> None:
    assert len(evidence.canaries) >= 60


def test_the_logs_are_at_debug(evidence: Evidence) -> None:
    assert all(b" DEBUG " in log for log in evidence.places["logs"].values())
