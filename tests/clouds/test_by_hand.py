"""`make demo-clouds`: what it prints is used as a person would use it."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from api.clouds import CLOUDS, Endpoints, Target
from api.settings import Settings
from tests.eventually import eventually
from tests.served_api import settings_in
from tests.server_process import is_running
from worker.verify import endpoints_of

ROOT = Path(__file__).parents[2]


@dataclass
class ByHand:
    """All stand-ins, as somebody has started them in a terminal, and what they read there."""

    process: subprocess.Popen[str]
    lines: list[str]

    @property
    def settings(self) -> dict[str, str]:
        exported = [line.removeprefix("export ") for line in self.lines if line.startswith("export ")]
        return dict(line.split("=", maxsplit=1) for line in exported)

    def bodies(self, cloud: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """The bodies of a credential and a resource."""
        printed = [json.loads(line) for line in self.lines if line.startswith("{")]
        credential, resource = (body for body in printed if body["provider"] == cloud)
        return credential, resource

    def children(self) -> list[int]:
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in listed.read_text().split()]


def start() -> ByHand:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.clouds"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # As a shell in the foreground has it: tests in the background ignore it, and so would what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - starts no thread
    )
    assert process.stdout
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if line == "Enter ends it.\n":
            break
    return ByHand(process, lines)


@pytest.fixture(scope="module")
def by_hand() -> Iterator[ByHand]:
    started = start()
    yield started
    end(started, signal.SIGTERM)


@pytest.fixture(scope="module")
def endpoints(by_hand: ByHand, tmp_path_factory: pytest.TempPathFactory) -> Endpoints:
    settings = settings_in(tmp_path_factory.mktemp("settings"), **by_hand.settings)
    return endpoints_of(Settings.from_environment(settings))


def end(started: ByHand, how: signal.Signals | None) -> None:
    """End it by a signal or by Enter. All that it has started ends with it."""
    children = started.children()
    with started.process as process:
        if how is None:
            assert process.stdin
            process.stdin.write("\n")
            process.stdin.flush()
        else:
            process.send_signal(how)
        assert process.wait(30) == 0
    assert len(children) == len(CLOUDS)
    assert eventually(lambda: not any(map(is_running, children)))
    assert not Path(started.settings["ENTRYGUARD_CA_BUNDLE"]).exists()


@pytest.mark.parametrize("cloud", CLOUDS)
def test_what_is_printed_can_be_verified(by_hand: ByHand, endpoints: Endpoints, cloud: str) -> None:
    credential, resource = by_hand.bodies(cloud)
    target = Target(resource.get("region"), resource["resourceIdentifier"], resource["resourceType"])

    connection = CLOUDS[cloud].connect(credential["credentialData"], endpoints)

    assert connection.verify([target]).account
    assert connection.inspect(target).identifier == target.identifier


@pytest.mark.parametrize("how", [None, signal.SIGINT], ids=["Enter", "Ctrl-C"])
def test_it_ends_with_all_that_it_has_started(how: signal.Signals | None) -> None:
    end(start(), how)
