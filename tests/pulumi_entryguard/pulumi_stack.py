"""One stack of the real Pulumi CLI, on a file backend of its own."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).parent / "program"
COMMAND_SECONDS = 60
NOT_PASSED_ON = ("ENTRYGUARD_", "PULUMI_", "AWS_")


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and all that it said."""

    code: int
    text: str


@cache
def pulumi_directory() -> str:
    """Where `pulumi` is; a first time it may have to be built, which takes minutes."""
    if found := shutil.which("pulumi"):
        return str(Path(found).parent)
    made = subprocess.run(
        [sys.executable, ROOT / "tools" / "pulumi" / "install"], check=True, stdout=subprocess.PIPE, text=True
    )
    return made.stdout.strip().splitlines()[-1]


class Stack:
    """A stack called `test`, and the commands that a user gives."""

    def __init__(self, folder: Path, environment: dict[str, str], program: Path = PROGRAM) -> None:
        self.home, self.state, self._declared = folder / "home", folder / "state", folder / "declared.json"
        self.program = folder / "program"
        shutil.copytree(program, self.program, ignore=shutil.ignore_patterns("Pulumi.*.yaml", "__pycache__"))
        self.home.mkdir()
        self.state.mkdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(NOT_PASSED_ON)}
        self.environment = kept | {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), pulumi_directory(), os.environ["PATH"]]),
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PULUMI_HOME": str(self.home),
            "PULUMI_BACKEND_URL": f"file://{self.state}",
            "PULUMI_CONFIG_PASSPHRASE": "a passphrase for tests",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "DECLARED": str(self._declared),
            **environment,
        }
        self.run("stack", "init", "test")

    def declare(self, **declared: Any) -> None:
        """What the program says from now on."""
        self._declared.write_text(json.dumps(declared))

    def command(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command in a process group of its own."""
        return subprocess.Popen(
            ["pulumi", "--non-interactive", "--color", "never", *arguments],
            cwd=self.program,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> Outcome:
        """Run a command to its end."""
        with self.command(*arguments) as started:
            text, _ = started.communicate(timeout=COMMAND_SECONDS)
        return Outcome(started.returncode, text)

    def up(self, *more: str) -> Outcome:
        return self.run("up", "--yes", "--skip-preview", *more)

    def refresh(self) -> Outcome:
        return self.run("refresh", "--yes", "--skip-preview")

    def destroy(self) -> Outcome:
        return self.run("destroy", "--yes", "--skip-preview")

    def exported(self, *more: str) -> str:
        """The whole state as Pulumi shows it."""
        return self.run("stack", "export", *more).text

    def resource(self, kind: str) -> dict[str, Any]:
        """What the state holds of the one resource of a kind; nothing if there is none."""
        resources = json.loads(self.exported())["deployment"].get("resources", [])
        return next((one for one in resources if one["type"].endswith(f"entryguard:{kind}")), {})

    def files_with(self, text: str) -> list[Path]:
        """The files of the state and of Pulumi's home that hold a text in the clear."""
        files = [file for folder in (self.home, self.state) for file in folder.rglob("*") if file.is_file()]
        return [file for file in files if text.encode() in file.read_bytes()]
