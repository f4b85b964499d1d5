"""The demo where something goes wrong, or somebody has seen enough: it says so, and leaves nothing either."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

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
