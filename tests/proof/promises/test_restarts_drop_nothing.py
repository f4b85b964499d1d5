"""Servers that are restarted one after the other, under load: every request that was sent is answered."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from api.credentials.models import Credential
from api.database import bind, connection, database, forget_connections
from tests.api.conftest import HIGH_LIMITS
from tests.proof.ledger import proven
from tests.proof.promises.rolling_load import Load
from tests.proof.scale import FULL
from tests.served_api import EMAIL, PASSWORD, settings_in
from tests.server_process import ApiProcess, command

pytestmark = pytest.mark.engines(*(("sqlite", "postgresql") if FULL else ("postgresql",)))

SERVERS, PROCESSES, CALLERS = 2, 2, 3
RESTARTS = 50 if FULL else 5
STOP_SECONDS = 10
DEGRADED = ["redis", "worker"]


@pytest.fixture
def servers(url: str, tmp_path: Path) -> Iterator[list[ApiProcess]]:
    """Servers of several processes over one database, ready."""
    settings = settings_in(tmp_path, ENTRYGUARD_DATABASE_URL=url, ENTRYGUARD_RATE_LIMITS=HIGH_LIMITS)
    administrator = ("admin", "create", "--email", EMAIL, "--organization", "Acme")
    assert command(*administrator, settings=settings, text=f"{PASSWORD}\n").returncode == 0
    with ExitStack() as ended:
        made = [ApiProcess(settings, tmp_path / f"log-{number}", PROCESSES) for number in range(SERVERS)]
        for server in made:
            ended.callback(server.kill)
            server.start()
        for server in made:
            server.wait_until_ready(DEGRADED)
        yield made


@pytest.mark.timeout(60 * RESTARTS)
def test_restarting_servers_one_after_the_other_drops_no_request(servers: list[ApiProcess], url: str) -> None:
    _, login = servers[0].ask("POST", "/api/v1/auth/login", {"email": EMAIL, "password": PASSWORD})
    headers = {"Authorization": f"Bearer {login['accessToken']}"}
    load = Load([server.port for server in servers], headers)
    slowest = 0.0

    with load.running(CALLERS):
        for number in range(RESTARTS):
            server = servers[number % SERVERS]
            begun = time.monotonic()
            assert server.terminate(STOP_SECONDS) == 0
            slowest = max(slowest, time.monotonic() - begun)
            server.start()
            server.wait_until_ready(DEGRADED)

    assert load.dropped == []
    assert set(load.answered) == {200, 201}, load.answered
    assert load.answered.total() > 20 * RESTARTS, "else there was no load"
    bind(url)
    with connection():
        kept = sorted(row.name for row in Credential.select(Credential.name))
    database.close_all()
    forget_connections()
    assert kept == sorted(load.made), "each POST that was answered was done, and done once"
    figure = f"0 of {load.answered.total():,} requests dropped, the slowest stop {slowest:.1f} s"
    proven("P15", f"{RESTARTS} restarts of {SERVERS} servers with {PROCESSES} processes, under load", figure)
