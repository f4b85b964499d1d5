"""Who sends or reads slowly keeps nobody waiting, and is gone after a while."""

import contextlib
import time
from pathlib import Path

import pytest

from tests.api.conftest import HIGH_LIMITS
from tests.eventually import eventually
from tests.proof.bounds.conftest import Asking
from tests.proof.bounds.slow_clients import SLOW, slow_clients
from tests.proof.ledger import proven
from tests.served_api import served
from tests.server_process import ApiProcess

CROWD = 100
# Of a server that shares two cores with other tests.
GOOD_SECONDS = 5
# The longest that anybody is borne with is 30 s without a byte taken; the kernel looks at growing intervals.
GONE_SECONDS = 100
# More or less than before: database connections of threads that came since, or answers' connections that ended.
SOME = 15


def open_files(server: ApiProcess) -> int:
    return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in server.children())


def slowest_of_good_requests(admin: Asking, number: int = 10) -> float:
    """The seconds of the slowest of some ordinary requests, each answered well."""
    slowest = 0.0
    for _ in range(number):
        begun = time.monotonic()
        assert admin.ask("GET", "/credentials")[0] == 200
        slowest = max(slowest, time.monotonic() - begun)
    return slowest


@pytest.fixture(scope="module")
def at_rest(server: ApiProcess, admin: Asking) -> int:
    """How many files the server has open while nobody asks anything."""
    slowest_of_good_requests(admin)  # connects threads to the database
    return open_files(server)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", SLOW)
def test_a_hundred_slow_clients_keep_nobody_waiting_and_are_gone(
    server: ApiProcess, admin: Asking, at_rest: int, kind: str
) -> None:
    with slow_clients(server, kind, CROWD) as crowd:
        assert eventually(lambda: open_files(server) >= at_rest + CROWD - SOME)
        slowest = slowest_of_good_requests(admin)
        assert slowest < GOOD_SECONDS
        assert eventually(lambda: open_files(server) <= at_rest + SOME, seconds=GONE_SECONDS)
        if "body" in kind or "chunks" in kind:
            assert eventually(lambda: crowd.are_gone, seconds=GOOD_SECONDS)
            answered = [heard for heard in crowd.heard.values() if heard]
            assert len(answered) == CROWD
            assert all(heard.startswith(b"HTTP/1.1 408 ") and b'"REQUEST_TIMEOUT"' in heard for heard in answered)

    assert "Traceback" not in server.log
    tested = f"{CROWD} connections with {kind}"
    proven("BOUNDS", tested, f"others are answered in under {GOOD_SECONDS} s, and the connections end by themselves")


@pytest.mark.timeout(240)
def test_slow_clients_of_every_kind_at_once_keep_nobody_waiting(server: ApiProcess, admin: Asking) -> None:
    with contextlib.ExitStack() as crowds:
        for kind in SLOW:
            crowds.enter_context(slow_clients(server, kind, CROWD))
        assert slowest_of_good_requests(admin) < GOOD_SECONDS
    assert slowest_of_good_requests(admin) < GOOD_SECONDS


@pytest.mark.timeout(240)
def test_a_server_full_of_slow_bodies_still_ends_when_it_is_told_to(tmp_path: Path) -> None:
    kind = "a body of which a byte comes each second"
    with served(tmp_path, ENTRYGUARD_RATE_LIMITS=HIGH_LIMITS) as server, contextlib.ExitStack() as block:
        rest = open_files(server)  # and some that asked whether it is ready
        crowd = block.enter_context(slow_clients(server, kind, CROWD))
        assert eventually(lambda: open_files(server) >= rest + CROWD - SOME)
        begun = time.monotonic()

        assert server.terminate(10) == 0

        assert time.monotonic() - begun < 10
        assert eventually(lambda: crowd.are_gone)
        answered = [heard for heard in crowd.heard.values() if heard]
        assert len(answered) >= CROWD - SOME
        assert all(heard.startswith(b"HTTP/1.1 408 ") for heard in answered)
