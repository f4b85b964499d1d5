"""The command `entryguard`, as a user gives it, with a home of the demo's own."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_COMMAND = Path(sys.executable).with_name("entryguard")
_COMMAND_SECONDS = 120  # each takes a second or two; a busy machine may need more


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended, what was asked for, and its sentences."""

    code: int
    asked_for: str
    sentences: str

    @property
    def summary(self) -> str:
        """For whoever expected something else."""
        return f"exit code {self.code}; {' / '.join(self.sentences.splitlines()[-3:])}"


class UsersCommand:
    """Keeps its login in a folder; `show` takes each line of what is given and said."""

    def __init__(self, folder: Path, show: Callable[[str], None]) -> None:
        self._environment = os.environ | {"XDG_CONFIG_HOME": str(folder / "home")}
        self._show = show

    def run(self, *arguments: str, password: str = "") -> Said:
        """Run it to its end. The password goes through standard input: other users of a machine can read arguments."""
        ended = subprocess.run(
            [_COMMAND, *arguments],
            env=self._environment,
            input=password,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        for line in (*ended.stdout.splitlines(), *ended.stderr.splitlines()):
            self._show(line)
        return Said(ended.returncode, ended.stdout.strip(), ended.stderr)
