"""`entryguard open … -- COMMAND` and `--close-on-exit`: what was opened is closed, whatever happens."""

import fcntl
import json
import os
import pty
import re
import signal
import subprocess
import termios
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.clouds.aws_standin import AwsStandIn, Fault, answering
from tests.eventually import eventually
from tests.examples.terminal import read_until
from tests.pulumi_entryguard.doors import HERE, PASSWORD, Door, Doors, at_home
from tests.pulumi_entryguard.entryguard_command import (
    COMMAND,
    SECONDS,
    entryguard,
    entryguard_started,
    hear_signals,
    surroundings,
)
from tests.pulumi_entryguard.proxy import Proxy
from tests.pulumi_entryguard.real_server import RealServer

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
# Says that it runs, then waits to be ended.
UNTIL_SIGNAL = ("sh", "-c", "echo runs; exec sleep 60")


@pytest.fixture(scope="module")
def doors(real: RealServer, aws: AwsStandIn) -> Doors:
    return Doors(real, aws)


@pytest.fixture
def door(doors: Doors) -> Door:
    return doors.door()


@pytest.fixture
def pipeline(doors: Doors) -> Iterator[dict[str, str]]:
    mine = doors.key()
    yield mine
    entryguard("close", "--all", environment=mine)


def opening(door: Door, command: Sequence[str] = ()) -> list[str]:
    return ["open", door.id, "--for", "5m", *(["--", *command] if command else [])]


def own(pipeline: dict[str, str]) -> str:
    """What is open, as the user sees it."""
    return entryguard("sessions", environment=pipeline).stdout


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline()


def rest_of(process: subprocess.Popen[str]) -> str:
    """What it says on standard error until it ends."""
    return process.communicate(timeout=SECONDS)[1]


def wait_until_open(process: subprocess.Popen[str]) -> None:
    assert process.stderr
    assert any(line.endswith(" is open\n") for line in iter(process.stderr.readline, ""))


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -TERM $$", 143), ("kill -KILL $$", 137)]
)
def test_the_command_runs_with_the_door_open_which_is_closed_behind_it(
    doors: Doors, door: Door, pipeline: dict[str, str], script: str, code: int
) -> None:
    done = entryguard(*opening(door, ["sh", "-c", f"echo mine; {script}"]), environment=pipeline)

    assert (done.returncode, done.stdout) == (code, "mine\n"), done.stderr
    assert f"session {session_of(done.stderr)} is closed (MANUAL)" in done.stderr
    assert doors.is_closed_soon(door)


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_door_is_closed_behind_though_the_server_restarts_behind_its_proxy(
    doors: Doors, door: Door, pipeline: dict[str, str], proxy: Proxy, status: int
) -> None:
    proxy.lose("POST", "/stop", status=status, times=2)

    done = entryguard(*opening(door, ["true"]), environment=pipeline | {"ENTRYGUARD_ENDPOINT": proxy.url})

    assert done.returncode == 0, done.stderr
    assert f"session {session_of(done.stderr)} is closed (MANUAL)" in done.stderr
    assert doors.is_closed_soon(door)


def test_a_close_whose_answer_is_lost_is_seen_to_be_done(
    doors: Doors, door: Door, pipeline: dict[str, str], proxy: Proxy
) -> None:
    proxy.lose("POST", "/stop", times=1, is_handed_on=True)

    done = entryguard(*opening(door, ["true"]), environment=pipeline | {"ENTRYGUARD_ENDPOINT": proxy.url})

    assert done.returncode == 0, done.stderr
    assert f"session {session_of(done.stderr)} is closed (MANUAL)" in done.stderr
    assert doors.is_closed_soon(door)


def session_of(said: str) -> str:
    return said.split("session ")[1].partition(":")[0]


def test_the_door_is_open_while_the_command_runs(
    doors: Doors, door: Door, pipeline: dict[str, str], tmp_path: Path
) -> None:
    wait = f"echo runs; while ! [ -e {tmp_path}/seen ]; do sleep 0.1; done"
    with entryguard_started(*opening(door, ["sh", "-c", wait]), environment=pipeline) as process:
        assert line_of(process) == "runs\n"
        let_in = doors.let_in(door)
        (tmp_path / "seen").touch()
        rest_of(process)

    assert (process.returncode, let_in) == (0, [HERE])
    assert doors.is_closed_soon(door)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_the_command_and_the_session(
    doors: Doors, door: Door, pipeline: dict[str, str], number: signal.Signals
) -> None:
    with entryguard_started(*opening(door, UNTIL_SIGNAL), environment=pipeline, before=os.setsid) as process:
        line_of(process)
        process.send_signal(number)
        said = rest_of(process)

    assert process.returncode == 128 + number, said
    assert "is closed (MANUAL)" in said
    assert doors.is_closed_soon(door)


def test_a_command_that_answers_a_signal_says_how_it_ends(door: Door, pipeline: dict[str, str]) -> None:
    answers = ("sh", "-c", "trap 'exit 7' TERM; echo runs; while :; do sleep 0.1; done")
    with entryguard_started(*opening(door, answers), environment=pipeline, before=os.setsid) as process:
        line_of(process)
        process.terminate()
        rest_of(process)

    assert process.returncode == 7


def test_ctrl_c_on_a_terminal_reaches_the_command_once(doors: Doors, door: Door, pipeline: dict[str, str]) -> None:
    """Twice, it means to many programs that they must not clean up."""
    counts = "trap 'echo told' INT; echo runs; for _ in 1 2 3 4 5 6 7 8; do sleep 0.2; done; exit 5"
    ours, theirs = pty.openpty()

    def take_the_terminal() -> None:
        hear_signals()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    with subprocess.Popen(
        [*COMMAND, *opening(door, ["sh", "-c", counts])],
        env=surroundings(pipeline),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=take_the_terminal,  # noqa: PLW1509  no threads run here
    ) as process:
        os.close(theirs)
        said = read_until(ours, "runs")
        os.write(ours, b"\x03")
        said += read_until(ours, None)
        code = process.wait(SECONDS)
    os.close(ours)

    assert (code, said.count("told")) == (5, 1), said
    assert doors.is_closed_soon(door)


def test_a_signal_that_is_ignored_stays_ignored(door: Door, pipeline: dict[str, str]) -> None:
    """As `nohup` has it."""

    def ignoring() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    short = ("sh", "-c", "echo runs; sleep 1")
    with entryguard_started(*opening(door, short), environment=pipeline, before=ignoring) as process:
        line_of(process)
        process.send_signal(signal.SIGHUP)
        rest_of(process)

    assert process.returncode == 0


def test_a_command_that_is_not_there_opens_nothing(pipeline: dict[str, str], door: Door) -> None:
    done = entryguard(*opening(door, ["no-such-command"]), environment=pipeline)

    assert (done.returncode, done.stdout) == (127, "")
    assert done.stderr == "entryguard: no-such-command: no such command; nothing was opened\n"
    assert own(pipeline) == ""


def test_a_command_that_cannot_be_run_is_told_and_the_session_closed(
    doors: Doors, door: Door, pipeline: dict[str, str], tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF")
    broken.chmod(0o755)

    done = entryguard(*opening(door, [str(broken)]), environment=pipeline)

    assert done.returncode == 1
    assert f"entryguard: {broken} can't be run: " in done.stderr
    assert doors.is_closed_soon(door)


def test_a_door_that_does_not_open_lets_no_command_run(doors: Doors, pipeline: dict[str, str]) -> None:
    done = entryguard(*opening(doors.wall(), ["echo", "runs"]), environment=pipeline)

    assert (done.returncode, done.stdout) == (1, "")
    assert "is FAILED; not open: " in done.stderr
    assert own(pipeline) == ""


@pytest.mark.parametrize("is_asked", [True, False])
def test_ctrl_c_while_waiting_closes_the_session_when_that_is_asked(
    doors: Doors, door: Door, pipeline: dict[str, str], aws: AwsStandIn, is_asked: bool
) -> None:
    how = ["--wait", *(["--close-on-exit"] if is_asked else [])]
    with (
        aws.failing(answering(503, "RequestLimitExceeded", "Request limit exceeded.")),
        entryguard_started(*opening(door), *how, environment=pipeline) as process,
    ):
        session = line_of(process).strip()
        process.send_signal(signal.SIGINT)
        said = rest_of(process)
        ended = doors.session(session)["endedReason"]

    assert process.returncode == 130
    assert ended == ("MANUAL" if is_asked else None)
    assert ("is closed (MANUAL)" if is_asked else f"`entryguard close {session}` ends it") in said


def test_ctrl_c_is_answered_at_once_while_the_server_is_busy(
    door: Door, pipeline: dict[str, str], proxy: Proxy
) -> None:
    proxy.lose("POST", "/sessions", status=503, times=3)
    held = pipeline | {"ENTRYGUARD_ENDPOINT": proxy.url}
    with entryguard_started(*opening(door), "--close-on-exit", environment=held) as process:
        assert eventually(lambda: proxy.losses[0].times < 3)
        process.send_signal(signal.SIGINT)
        assert process.stderr
        first = process.stderr.readline()
        is_held = proxy.losses[0].times > 0
        said = rest_of(process)

    assert (first, is_held) == ("interrupted: what is under way is finished first\n", True), said
    assert process.returncode == 130
    assert "is closed (MANUAL)" in said


def test_what_is_still_in_the_way_is_told_while_waiting(
    doors: Doors, door: Door, pipeline: dict[str, str], aws: AwsStandIn
) -> None:
    with (
        aws.failing(answering(503, "RequestLimitExceeded", "Request limit exceeded.")),
        entryguard_started(*opening(door), "--wait", environment=pipeline) as process,
    ):
        session = line_of(process).strip()
        assert process.stderr
        said = [process.stderr.readline() for _ in range(2)]
        aws.set_fault(Fault({}))
        rest_of(process)

    assert said[1] == f"{door.name} (127.0.0.1): AWS asks to be asked less often (RequestLimitExceeded)\n"
    assert process.returncode == 0
    assert doors.session(session)["status"] == "ACTIVE"


def test_a_session_that_is_held_is_closed_on_ctrl_c(doors: Doors, door: Door, pipeline: dict[str, str]) -> None:
    with entryguard_started(*opening(door), "--close-on-exit", environment=pipeline) as process:
        session = line_of(process).strip()
        assert eventually(lambda: doors.let_in(door) == [HERE])
        process.send_signal(signal.SIGINT)
        said = rest_of(process)

    assert process.returncode == 130
    assert f"session {session} is closed (MANUAL)" in said
    assert doors.is_closed_soon(door)


def test_a_session_that_somebody_else_ends_is_held_no_longer(door: Door, pipeline: dict[str, str]) -> None:
    with entryguard_started(*opening(door), "--close-on-exit", environment=pipeline) as process:
        session = line_of(process).strip()
        wait_until_open(process)
        entryguard("close", session, environment=pipeline)
        said = rest_of(process)

    assert process.returncode == 0, said
    assert f"session {session} is closed (MANUAL)" in said


def test_a_session_that_somebody_else_ends_before_it_is_open_is_told(
    doors: Doors, door: Door, pipeline: dict[str, str], aws: AwsStandIn
) -> None:
    with (
        aws.failing(answering(503, "RequestLimitExceeded", "Request limit exceeded.")),
        entryguard_started(*opening(door), "--wait", environment=pipeline) as process,
    ):
        session = line_of(process).strip()
        entryguard("close", session, environment=pipeline)
        said = rest_of(process)

    assert process.returncode == 1
    assert re.search(rf"entryguard: session {session} is (EXPIRING|CANCELLED) \(MANUAL\)", said), said


def test_a_session_that_is_over_before_its_command_is_no_failure(
    door: Door, pipeline: dict[str, str], tmp_path: Path
) -> None:
    wait = f"echo runs; while ! [ -e {tmp_path}/over ]; do sleep 0.1; done; exit 4"
    with entryguard_started(*opening(door, ["sh", "-c", wait]), environment=pipeline) as process:
        line_of(process)
        entryguard("close", "--all", environment=pipeline)
        (tmp_path / "over").touch()
        rest_of(process)

    assert process.returncode == 4


def test_a_token_that_expires_while_the_command_runs_keeps_nothing_open(
    doors: Doors, door: Door, real: RealServer, tmp_path: Path
) -> None:
    home = at_home(tmp_path, real.url)
    entryguard("login", "--email", doors.person(door).email, environment=home, given=PASSWORD)
    login = tmp_path / "entryguard" / "login.json"
    expires = f"echo runs; while ! [ -e {tmp_path}/expired ]; do sleep 0.1; done"
    with entryguard_started(*opening(door, ["sh", "-c", expires]), environment=home) as process:
        line_of(process)
        login.write_text(json.dumps(json.loads(login.read_text()) | {"access_token": "a.b.c", "good_until": 0}))
        (tmp_path / "expired").touch()
        said = rest_of(process)

    assert process.returncode == 0, said
    assert doors.is_closed_soon(door)


def test_no_token_is_in_the_process_list_or_in_what_is_said(door: Door, pipeline: dict[str, str]) -> None:
    sees = ("sh", "-c", "cat /proc/$PPID/cmdline")

    done = entryguard(*opening(door, sees), environment=pipeline)

    assert done.returncode == 0, done.stderr
    assert door.id in done.stdout
    assert pipeline["ENTRYGUARD_API_KEY"] not in done.stdout + done.stderr
