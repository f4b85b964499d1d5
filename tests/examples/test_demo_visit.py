"""How the demo invites its visitor: with the password on a terminal only, and with time to look around."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples.terminal import on_a_terminal, read_until
from tests.pulumi_entryguard.pulumi_stack import ROOT

PASSWORD = "a-password-that-was-made-up"
ENTER = "Enter takes it all away."


@pytest.fixture
def invitation(tmp_path: Path) -> list[str]:
    """A command that invites."""
    file = tmp_path / "admin-password"
    file.write_text(f"{PASSWORD}\n")
    call = f"invite(Screen(), 'http://127.0.0.1:8080', 'admin@example.com', Path({str(file)!r}))"
    modules = (
        "from pathlib import Path; from examples.demo.screen import Screen; from examples.demo.visit import invite"
    )
    return [sys.executable, "-c", f"{modules}; {call}"]


def test_on_a_terminal_the_password_is_shown(invitation: list[str]) -> None:
    with on_a_terminal(invitation, os.environ) as (_, terminal):
        said = read_until(terminal, ENTER)

    assert "http://127.0.0.1:8080/api/v1/docs" in said
    assert PASSWORD in said


def test_on_a_terminal_enter_is_waited_for(invitation: list[str]) -> None:
    with on_a_terminal(invitation, os.environ) as (process, terminal):
        read_until(terminal, ENTER)
        waits = process.poll() is None
        os.write(terminal, b"\n")
        code = process.wait(10)

    assert (waits, code) == (True, 0)


def test_nobody_is_waited_for_where_that_is_not_wanted(invitation: list[str]) -> None:
    with on_a_terminal(invitation, os.environ | {"DEMO_WAIT": "0"}) as (process, terminal):
        said = read_until(terminal, None)
        code = process.wait(10)

    assert code == 0
    assert ENTER not in said


def test_without_a_terminal_the_password_stays_in_its_file(invitation: list[str], tmp_path: Path) -> None:
    said = subprocess.run(invitation, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)

    assert f"password     in {tmp_path}/admin-password, until the demo ends" in said.stdout
    assert PASSWORD not in said.stdout
