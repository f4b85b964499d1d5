"""Runs the demo as `make demo` does, in a temporary folder that shows what it left."""

import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.pulumi_entryguard.pulumi_stack import ROOT, pulumi_directory

COMMAND = [sys.executable, "-m", "examples.demo"]
SECONDS = 240
_MARK = "DEMO_TEST"


@dataclass
class Run:
    """One run: how it ended, what it said, what it left."""

    temporary: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    code: int = -1
    text: str = ""
    seen_running: list[str] = field(default_factory=list)

    def environment(self, first_on_path: str | None = None) -> dict[str, str]:
        """What `make demo` gives to the demo, and by what its processes and files are recognised."""
        path = [str(Path(sys.executable).parent), first_on_path or pulumi_directory(), os.environ["PATH"]]
        mine = {"PATH": os.pathsep.join(path), "TMPDIR": str(self.temporary), _MARK: self.mark}
        return {name: value for name, value in os.environ.items() if name != "DEMO_WAIT"} | mine

    def play(self, environment: dict[str, str]) -> None:
        """Run it to its end, without a terminal."""
        ended = subprocess.run(
            COMMAND,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        self.code, self.text = ended.returncode, ended.stdout

    def processes(self) -> list[str]:
        """The processes that it left, by their command."""
        return [_text(process / "cmdline") for process in Path("/proc").glob("[0-9]*") if self._is_of(process)]

    def files(self) -> list[Path]:
        return [*self.temporary.rglob("*")]

    def _is_of(self, process: Path) -> bool:
        known_by = (self.mark, str(self.temporary))
        return any(sign in _text(process / part) for part in ("environ", "cmdline") for sign in known_by)


@contextmanager
def demo_run() -> Iterator[Run]:
    # Not pytest's folder: its path is too long for a socket.
    with tempfile.TemporaryDirectory(prefix="eg-demo-") as temporary:
        yield Run(Path(temporary))


def _text(file: Path) -> str:
    try:
        return file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:  # it has ended, or is not ours to look at
        return ""
