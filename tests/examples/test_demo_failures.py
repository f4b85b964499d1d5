"""The demo where something goes wrong, or somebody has seen enough: it says so, and leaves nothing either."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.demo.pulumi_program import PulumiProgram
from tests.eventually import eventually
from tests.examples.demo_run import COMMAND, SECONDS, Run, demo_run
from tests.examples.terminal import on_a_terminal, read_until

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def run() -> Iterator[Run]:
    with demo_run() as run:
        yield run


def interrupted_on_a_terminal(run: Run, at: str) -> str:
    """Play it on a terminal, press Ctrl-C twice after it has said `at`, and give all that it said."""
    with on_a_terminal(COMMAND, run.environment()) as (process, terminal):
        said = read_until(terminal, at)
        run.seen_running = run.processes()
        for _ in range(2):
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(0.3)
        said += read_until(terminal, None)
        run.code = process.wait(SECONDS)
    return said


def test_a_step_that_fails_says_what_was_expected_and_what_came(run: Run, tmp_path: Path) -> None:
    broken = tmp_path / "pulumi"
    broken.write_text("#!/bin/sh\necho 'error: no such luck'\nexit 3\n")
    broken.chmod(0o755)

    run.play(run.environment(str(tmp_path)))

    assert run.code == 1
    assert "✗ expected: `pulumi stack init` to succeed\n    what came: exit code 3; error: no such luck" in run.text
    assert "Traceback" not in run.text


def test_a_failed_demo_leaves_nothing(run: Run, tmp_path: Path) -> None:
    broken = tmp_path / "pulumi"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)

    run.play(run.environment(str(tmp_path)))

    assert (run.processes(), run.files()) == ([], [])


def test_an_interrupted_demo_leaves_nothing(run: Run) -> None:
    said = interrupted_on_a_terminal(run, at="4. pulumi preview")

    assert run.code == 130
    assert any("aws_server" in command for command in run.seen_running)
    assert "Interrupted: what was started is ended now." in said
    assert (run.processes(), run.files()) == ([], [])


def test_an_interruption_as_a_command_begins_ends_it_and_waits_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeping, pid = tmp_path / "pulumi", tmp_path / "pid"
    sleeping.write_text(
        f"#!{sys.executable}\nimport os, pathlib, signal, sys, time\nif 'init' not in sys.argv:\n"
        f"    signal.signal(signal.SIGINT, signal.SIG_DFL)\n    pathlib.Path('{pid}').write_text(str(os.getpid()))\n"
        "    time.sleep(300)\n"
    )
    sleeping.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))  # its folder comes first on the program's PATH
    (tmp_path / "stage").mkdir()
    program = PulumiProgram(tmp_path / "stage", lambda _: None)
    start = threading.Timer.start

    def start_and_be_interrupted(timer: threading.Timer) -> None:
        start(timer)
        assert eventually(lambda: pid.exists() and pid.read_text() != "")
        raise KeyboardInterrupt

    monkeypatch.setattr("threading.Timer.start", start_and_be_interrupted)

    with pytest.raises(KeyboardInterrupt):
        program.preview()

    assert not Path("/proc", pid.read_text()).exists()
    assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer) and not thread.daemon]
