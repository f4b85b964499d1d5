"""The worker as an operator starts it: what stops the start, what a crash costs, how it ends."""

import base64
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from api import workers
from api.credentials.models import Credential
from api.database import database
from tests.clouds.aws_standin import AwsStandIn, slow
from tests.eventually import eventually
from tests.proof.ledger import proven
from tests.rows import fresh
from tests.server_process import ServerProcess, is_running, kill, worker_at
from tests.valkey_server import ValkeyServer
from tests.worker.processes.conftest import START_SECONDS

pytestmark = [pytest.mark.shortly("postgresql"), pytest.mark.timeout(240)]

on_both_engines = pytest.mark.shortly("sqlite", "postgresql")

# What loads may catch all that is raised under it, as Python 3.11 does where it makes a class, and raise its own.
_TOLD_WHILE_IT_LOADS = """
import signal, sys, worker.parent
from worker.__main__ import main

class Cloud:
    def preload(self):
        try:
            signal.raise_signal(signal.SIGTERM)
        except BaseException as error:
            raise RuntimeError("cannot be loaded") from error

worker.parent.CLOUDS = {"AWS": Cloud()}
sys.exit(main())
"""


def catches(pid: int | None, number: int) -> bool:
    """Whether a process has a handler for a signal (proc_pid_status(5))."""
    [caught] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigCgt:")]
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


@pytest.fixture
def process(settings: dict[str, str], tmp_path: Path) -> Iterator[ServerProcess]:
    """A worker, not started yet."""
    made = ServerProcess(settings, tmp_path / "worker.log", worker_at("AWS"))
    yield made
    made.kill_all()


@pytest.fixture
def whole(settings: dict[str, str], tmp_path: Path) -> Iterator[ServerProcess]:
    """A worker with all of its SDKs, as an operator starts it; not started yet."""
    made = ServerProcess(settings, tmp_path / "worker.log")
    yield made
    made.kill_all()


def is_valid(credential: Credential) -> bool:
    return fresh(credential).is_valid is True


def refusal(settings: dict[str, str], tmp_path: Path, **changes: str) -> str:
    """What a worker with these settings says before it ends with exit code 1."""
    process = ServerProcess({**settings, **changes}, tmp_path / "worker.log")
    process.start()
    assert process.wait(seconds=20) == 1
    return process.log


@on_both_engines
def test_a_wrong_key_ring_stops_the_start(
    settings: dict[str, str], add_credential: Callable[[], Credential], tmp_path: Path
) -> None:
    add_credential()
    other = base64.b64encode(os.urandom(32)).decode()

    said = refusal(settings, tmp_path, ENTRYGUARD_KEY_RING=f"first:{other}")

    assert said.startswith("Error: first in the key ring is not the key that this database was sealed with")
    assert "Traceback" not in said
    assert other not in said


def test_a_missing_setting_stops_the_start(settings: dict[str, str], tmp_path: Path) -> None:
    del settings["ENTRYGUARD_JWT_SECRET"]

    assert refusal(settings, tmp_path) == (
        "Error: ENTRYGUARD_JWT_SECRET is not set: signs access and refresh tokens.\n"
    )


def test_a_database_without_tables_stops_the_start(settings: dict[str, str], tmp_path: Path) -> None:
    said = refusal(settings, tmp_path, ENTRYGUARD_DATABASE_URL=f"sqlite:///{tmp_path}/empty.sqlite")

    assert "Run `entryguard-server migrate` first" in said


def test_a_database_that_is_away_stops_the_start(settings: dict[str, str], tmp_path: Path) -> None:
    said = refusal(settings, tmp_path, ENTRYGUARD_DATABASE_URL="postgresql://nobody@127.0.0.1:9/none")

    assert said == "Error: The database does not answer (OperationalError).\n"


@on_both_engines
def test_a_credential_is_verified_and_the_worker_ends_within_ten_seconds(
    whole: ServerProcess, add_credential: Callable[[], Credential]
) -> None:
    whole.start()
    credential = add_credential()

    assert eventually(lambda: is_valid(credential), seconds=START_SECONDS)
    # The first verdict may be there before the first heartbeat.
    assert eventually(workers.worker_is_alive)
    children = whole.children()
    assert whole.terminate(seconds=10) == 0
    assert not any(is_running(pid) for pid in children)
    assert not workers.worker_is_alive()


@pytest.mark.engines("sqlite")
def test_a_worker_that_is_told_to_end_while_it_loads_ends_well(whole: ServerProcess) -> None:
    whole.start()
    assert eventually(lambda: catches(whole.pid, signal.SIGTERM), seconds=START_SECONDS)

    assert (whole.terminate(seconds=10), whole.log) == (0, "")


def test_whatever_loads_when_a_worker_is_told_to_end_it_ends_well(settings: dict[str, str], tmp_path: Path) -> None:
    told = ServerProcess(settings, tmp_path / "worker.log", [sys.executable, "-c", _TOLD_WHILE_IT_LOADS])
    told.start()

    assert (told.wait(seconds=START_SECONDS), told.log) == (0, "")


def test_children_end_with_their_parent(process: ServerProcess) -> None:
    process.start()
    assert eventually(lambda: len(process.children()) == 3, seconds=START_SECONDS)
    children = process.children()

    process.kill()

    assert eventually(lambda: not any(is_running(pid) for pid in children))


def test_what_dies_is_started_again(process: ServerProcess) -> None:
    process.start()
    assert eventually(lambda: len(process.children()) == 3, seconds=START_SECONDS)
    first = process.children()

    for pid in first:
        kill(pid)

    assert eventually(lambda: len(process.children()) == 3 and not set(process.children()) & set(first))


def test_children_are_replaced_when_they_have_served_enough(
    settings: dict[str, str], add_credential: Callable[[], Credential], tmp_path: Path
) -> None:
    process = ServerProcess(settings, tmp_path / "worker.log", worker_at("AWS", change="worker.child._MOST_SERVED = 2"))
    process.start()
    credentials = [add_credential() for _ in range(10)]

    assert eventually(lambda: all(is_valid(credential) for credential in credentials), seconds=START_SECONDS)
    assert eventually(lambda: "is started again" in process.log)
    assert process.terminate(seconds=10) == 0


@pytest.mark.redis_well("it is lost here, during the test")
@pytest.mark.parametrize("trouble", [ValkeyServer.kill, ValkeyServer.pause])
def test_a_verdict_comes_within_ten_seconds_while_redis_is_away(
    process: ServerProcess,
    valkey: ValkeyServer,
    add_credential: Callable[[], Credential],
    trouble: Callable[[ValkeyServer], None],
) -> None:
    process.start()
    assert eventually(workers.worker_is_alive, seconds=START_SECONDS)
    trouble(valkey)

    credential = add_credential()

    assert eventually(lambda: is_valid(credential), seconds=10)


@pytest.mark.redis_well("it is killed here")
def test_a_worker_starts_without_redis(
    process: ServerProcess, valkey: ValkeyServer, add_credential: Callable[[], Credential]
) -> None:
    valkey.kill()
    process.start()

    credential = add_credential()

    assert eventually(lambda: is_valid(credential), seconds=START_SECONDS)


@on_both_engines
def test_what_a_child_was_at_when_it_was_killed_is_taken_over_by_the_next_one(
    process: ServerProcess, aws: AwsStandIn, add_credential: Callable[[], Credential]
) -> None:
    with aws.failing(slow(4)):
        credential = add_credential()
        process.start()
        assert eventually(lambda: fresh(credential).claim_token is not None, seconds=START_SECONDS)
        time.sleep(0.5)
        for pid in process.children():
            kill(pid)

    assert eventually(lambda: is_valid(credential), seconds=START_SECONDS)
    assert fresh(credential).verified_secret_version == 1
    assert "1 taken over from the process before" in process.log, "it was not left to its lease"


def test_a_worker_that_ends_during_a_call_leaves_the_row_to_others(
    process: ServerProcess, aws: AwsStandIn, add_credential: Callable[[], Credential]
) -> None:
    with aws.failing(slow(3)):
        credential = add_credential()
        process.start()
        assert eventually(lambda: fresh(credential).claim_token is not None, seconds=START_SECONDS)
        begun = time.monotonic()

        assert process.terminate(seconds=10) == 0

    stopped = time.monotonic() - begun
    row = fresh(credential)
    assert (row.is_valid is not False, row.claim_token) == (True, None), "it is given back, not left to the lease"
    process.start()
    assert eventually(lambda: is_valid(credential), seconds=START_SECONDS)
    proven("P15", "a worker is stopped during a cloud's slow call", f"ends in {stopped:.1f} s and keeps no claim")


def test_what_children_are_at_when_their_parent_is_killed_is_given_back(
    process: ServerProcess, aws: AwsStandIn, add_credential: Callable[[], Credential]
) -> None:
    with aws.failing(slow(3)):
        credential = add_credential()
        process.start()
        assert eventually(lambda: fresh(credential).claim_token is not None, seconds=START_SECONDS)
        children = process.children()

        process.kill()

        assert eventually(lambda: not any(is_running(pid) for pid in children), seconds=START_SECONDS)

    row = fresh(credential)
    assert (row.is_valid is not False, row.claim_token) == (True, None), "it is given back, not left to the lease"


def test_a_child_that_is_being_replaced_ends_when_told_to(
    settings: dict[str, str], aws: AwsStandIn, add_credential: Callable[[], Credential], tmp_path: Path
) -> None:
    brief = worker_at("AWS", change="worker.child._LONGEST_LIFE_SECONDS = 0.5")
    process = ServerProcess(settings, tmp_path / "worker.log", brief)
    with aws.failing(slow(3)):
        credential = add_credential()
        process.start()
        assert eventually(lambda: fresh(credential).claim_token is not None, seconds=START_SECONDS)
        time.sleep(1.5)

        assert process.terminate(seconds=10) == 0

    row = fresh(credential)
    assert (row.is_valid, row.claim_token) == (None, None), "the next call was not begun, and the row is given back"


@pytest.mark.engines("postgresql")
def test_a_database_that_hangs_up_is_come_back_to(
    process: ServerProcess, add_credential: Callable[[], Credential]
) -> None:
    process.start()
    assert eventually(workers.worker_is_alive, seconds=START_SECONDS)
    database.execute_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")

    credential = add_credential()

    assert eventually(lambda: is_valid(credential), seconds=15)


def test_several_workers_share_the_work(
    settings: dict[str, str], add_credential: Callable[[], Credential], tmp_path: Path
) -> None:
    processes = [ServerProcess(settings, tmp_path / f"worker-{number}.log", worker_at("AWS")) for number in range(2)]
    for each in processes:
        each.start()

    credentials = [add_credential() for _ in range(20)]

    assert eventually(lambda: all(is_valid(credential) for credential in credentials), seconds=START_SECONDS)
    for each in processes:
        assert each.terminate(seconds=10) == 0


def test_no_connection_is_open_in_the_parent(whole: ServerProcess, db: str) -> None:
    whole.start()
    assert eventually(workers.worker_is_alive, seconds=START_SECONDS)
    assert whole.pid is not None

    try:
        files = [str(file.readlink()) for file in Path(f"/proc/{whole.pid}/fd").iterdir()]
    except PermissionError:
        pytest.skip("only root looks into a process that hides its memory")
    assert not [file for file in files if "socket" in file or "sqlite" in file]
