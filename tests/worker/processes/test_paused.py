"""A worker that stands still, as in a paused virtual machine, and goes on when somebody else has its work."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from api import workers
from api.clouds import Endpoints
from api.due import LEASE_SECONDS
from api.vault import Vault
from tests.clouds.aws_standin import AwsStandIn, Fault
from tests.clouds.chance import by_chance
from tests.clouds.test_aws_promises import AwsSite
from tests.eventually import eventually
from tests.server_process import ServerProcess, worker_at
from tests.worker.bench import APPLIED, REMOVED, Bench, bench_at, status, told
from tests.worker.processes.conftest import START_SECONDS

# The cloud answers a change after the worker has been stopped, and does it when its lease has run out.
_ANSWER_SECONDS = 3
_LATE_SECONDS = LEASE_SECONDS + 5
# What it takes until somebody else has the lease, and looks for what may still land.
_SETTLE_SECONDS = 6 * LEASE_SECONDS

# A process that is stopped while it writes keeps SQLite from everybody, whatever it works on.
pytestmark = [pytest.mark.engines("postgresql"), pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsStandIn]:
    """One of its own, which counts the calls that met a fault."""
    with AwsStandIn() as running:
        yield running


@pytest.fixture
def bench(aws: AwsStandIn, at_aws: Endpoints, vault: Vault) -> Bench:
    return bench_at(AwsSite(aws, at_aws), vault)


@pytest.fixture
def paused(settings: dict[str, str], tmp_path: Path) -> Iterator[ServerProcess]:
    """A worker that serves."""
    made = ServerProcess(settings, tmp_path / "paused.log", worker_at("AWS"))
    made.start()
    assert eventually(workers.worker_is_alive, seconds=START_SECONDS)
    yield made
    signalled(made, signal.SIGCONT)
    made.kill_all()


@pytest.fixture
def heir(settings: dict[str, str], tmp_path: Path) -> Iterator[ServerProcess]:
    """Another worker, not started yet."""
    made = ServerProcess(settings, tmp_path / "heir.log", worker_at("AWS"))
    yield made
    made.kill_all()


def signalled(process: ServerProcess, number: signal.Signals) -> None:
    """Signal the worker and all of its children."""
    for pid in (process.pid, *process.children()):
        if pid is not None:
            os.kill(pid, number)


def test_the_last_call_of_a_paused_worker_does_no_lasting_harm_though_it_lands_late(
    bench: Bench, aws: AwsStandIn, paused: ServerProcess, heir: ServerProcess
) -> None:
    before = bench.everything()
    late = by_chance(1, {"delay": _ANSWER_SECONDS, "late": _LATE_SECONDS}, only_changes=True)
    with aws.failing(Fault({"chances": {"late": late}})):
        session = bench.open()
        assert eventually(lambda: aws.met()["met"] == {"late": 1}, seconds=START_SECONDS)
        signalled(paused, signal.SIGSTOP)
        bench.end(session)
        assert eventually(lambda: aws.met()["to_come"] == 1)
    heir.start()

    assert eventually(lambda: status(session) == ("CANCELLED", "REMOVED"), seconds=START_SECONDS + _SETTLE_SECONDS)

    assert told() == [APPLIED, REMOVED], "it has landed, and was found"
    assert bench.everything() == before
    signalled(paused, signal.SIGCONT)
    heir.terminate(seconds=30)
    following = bench.open()
    assert eventually(lambda: status(following) == ("ACTIVE", "APPLIED"), seconds=START_SECONDS)
    bench.end(following)
    assert eventually(lambda: status(following) == ("CANCELLED", "REMOVED"), seconds=START_SECONDS)
    assert bench.everything() == before
