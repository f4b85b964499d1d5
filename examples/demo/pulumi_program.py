"""The program in examples/pulumi/aws, run by the real Pulumi CLI on a file backend of the demo's own."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from examples.demo.expectation import expect

PROGRAM = Path(__file__).parents[1] / "pulumi" / "aws"
STACK = "demo"
_COMMAND_SECONDS = 180  # each takes about 4; a busy machine may need more
_INTERRUPT_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended, and all that it said."""

    code: int
    text: str

    @property
    def summary(self) -> str:
        """For whoever expected something else."""
        lines = [line.strip() for line in self.text.splitlines() if line.strip()]
        return f"exit code {self.code}; {' / '.join(lines[-6:])}"


class PulumiProgram:
    """One stack, and the commands that a person gives. `show` takes each line of the output as it comes."""

    def __init__(self, folder: Path, show: Callable[[str], None]) -> None:
        self._show = show
        self._secrets: set[str] = set()
        self._program = folder / "program"
        shutil.copytree(PROGRAM, self._program, ignore=shutil.ignore_patterns("Pulumi.*.yaml", "__pycache__"))
        home, state = folder / "pulumi", folder / "state"
        home.mkdir()
        state.mkdir()
        self._environment = os.environ | {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PULUMI_HOME": str(home),
            "PULUMI_BACKEND_URL": f"file://{state}",
            "PULUMI_CONFIG_PASSPHRASE": secrets.token_urlsafe(24),
            "PULUMI_SKIP_UPDATE_CHECK": "1",
        }
        self._quietly("stack", "init", STACK)

    def configure(self, plain: dict[str, str]) -> None:
        """Set what anybody may read."""
        values = [part for name, value in plain.items() for part in ("--plaintext", f"{name}={value}")]
        self._quietly("config", "set-all", *values)

    def configure_secret(self, name: str, value: str) -> None:
        """Set a secret, which goes through standard input: other users of a machine can read arguments."""
        self._secrets.add(value)
        self._quietly("config", "set", "--secret", name, given=value)

    def preview(self) -> Outcome:
        return self._shown("preview", "--suppress-outputs")

    def up(self, *more: str) -> Outcome:
        return self._shown("up", "--yes", "--skip-preview", "--suppress-outputs", *more)

    def up_with_outputs(self) -> Outcome:
        return self._shown("up", "--yes", "--skip-preview")

    def refresh(self) -> Outcome:
        return self._shown("refresh", "--yes", "--skip-preview", "--suppress-outputs")

    def destroy(self) -> Outcome:
        return self._shown("destroy", "--yes", "--skip-preview", "--suppress-outputs")

    def outputs(self) -> dict[str, Any]:
        """What the program exports."""
        outputs: dict[str, Any] = json.loads(self._quietly("stack", "output", "--json").text)
        return outputs

    def _shown(self, *arguments: str) -> Outcome:
        """Run a command before the user's eyes. Raises Disappointment where it says a secret."""
        said = []
        with self._started(*arguments) as process:
            for line in process.stdout or ():
                said.append(line)
                self._check_for_secrets(line)
                self._show(line.rstrip())
        return Outcome(process.returncode, "".join(said))

    def _quietly(self, *arguments: str, given: str | None = None) -> Outcome:
        """Run a command that prepares or asks something. Raises Disappointment where it fails or says a secret."""
        with self._started(*arguments) as process:
            text, _ = process.communicate(given)
        self._check_for_secrets(text)
        outcome = Outcome(process.returncode, text)
        expect(outcome.code == 0, f"`pulumi {arguments[0]} {arguments[1]}` to succeed", outcome.summary)
        return outcome

    def _check_for_secrets(self, text: str) -> None:
        is_silent = not any(secret in text for secret in self._secrets)
        expect(is_silent, "no secret in Pulumi's output", "one is in it (not shown here)")

    @contextmanager
    def _started(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """A command, ended if it takes too long or the user interrupts."""
        with subprocess.Popen(
            ["pulumi", "--non-interactive", "--color", "never", *arguments],
            cwd=self._program,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            overdue = threading.Timer(_COMMAND_SECONDS, process.kill)
            overdue.daemon = True  # else it would be waited for where the user interrupts before it can be cancelled
            try:
                overdue.start()
                yield process
            except BaseException:
                _interrupt(process)
                raise
            finally:
                overdue.cancel()


def _interrupt(process: subprocess.Popen[str]) -> None:
    """As Ctrl-C does: Pulumi ends what it has begun, and stops."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_INTERRUPT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
