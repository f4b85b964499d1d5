"""Runs the blocks of docs/tutorial.md as a reader does: two programs in terminals of their own, the rest in one shell.

The words behind a block's fence say where it is typed: `sh` in the one shell, `sh terminal` in a terminal of its own,
`sh setup` and `sh end` around all of it, which a test has done already.
"""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.docs.pages import ROOT, Block, blocks
from tests.pulumi_entryguard.pulumi_stack import NOT_PASSED_ON, pulumi_directory

PAGE = Path("docs/tutorial.md")
_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
_PRINTED = re.compile(r"^(ENTRYGUARD_AWS_ENDPOINT_URL=|accessKeyId +|secretAccessKey +|security group +)(\S+)", re.M)
_READY = "EntryGuard is ready"
_MARK = "@@ block {number}"
_START_SECONDS = 60
_STOP_SECONDS = 20
_SHELL_SECONDS = 240


@dataclass
class Terminal:
    """A program that runs until it is interrupted."""

    command: str
    environment: Mapping[str, str]
    ready: str
    said: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            ["bash", "-c", self.command],
            cwd=ROOT,
            env=dict(self.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        is_ready = threading.Event()
        threading.Thread(target=self._listen, args=(is_ready,), daemon=True).start()
        if not is_ready.wait(_START_SECONDS) or not any(self.ready in line for line in self.said):
            self.__exit__()
            raise AssertionError(f"{self.command!r} did not start: {''.join(self.said)}")
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGINT)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _listen(self, is_ready: threading.Event) -> None:
        for line in self._process.stdout or ():
            self.said.append(line)
            if self.ready in line:
                is_ready.set()
        is_ready.set()


@dataclass(frozen=True, slots=True)
class Transcript:
    """How the shell ended, and each block with what was said in it."""

    code: int
    said: list[tuple[str, str]]

    def to(self, part: str) -> str:
        """The answer to the first block that holds `part`."""
        return next(answer for typed, answer in self.said if part in typed)


def run(home: Path) -> Transcript:
    """Do the tutorial with `home` as the reader's home directory."""
    environment = _environment(home)
    standin, server = of_kind("terminal")
    with Terminal(standin.text, environment, "Enter ends it") as aws:
        real = _real_values("".join(aws.said))
        start = f"{_with(real, server.text).rstrip()} --port 0"
        with Terminal(start, environment, _READY) as entryguard:
            addresses = (_ADDRESS.findall(next(_ready_lines(said))) for said in (_shown(_READY), entryguard.said))
            real |= zip(*addresses, strict=True)
            return _typed([_with(real, block.text) for block in of_kind()], environment)


def of_kind(*words: str) -> list[Block]:
    """The tutorial's blocks that are typed in one place."""
    return [block for block in blocks(PAGE) if block.words == ("sh", *words)]


def _typed(texts: list[str], environment: Mapping[str, str]) -> Transcript:
    marked = [f"echo '{_MARK.format(number=number)}'\n{text}" for number, text in enumerate(texts)]
    shell = subprocess.run(
        ["bash", "-c", "set -e -o pipefail\n" + "\n".join(marked)],
        cwd=ROOT,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=_SHELL_SECONDS,
    )
    answers = re.split(r"^@@ block \d+\n", shell.stdout, flags=re.MULTILINE)[1:]
    return Transcript(shell.returncode, list(zip(texts, answers, strict=False)))  # it may have ended before the last


def _environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith((*NOT_PASSED_ON, "XDG_"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), pulumi_directory(), os.environ["PATH"]])
    return kept | {"HOME": str(home), "PATH": path, "PULUMI_SKIP_UPDATE_CHECK": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def _real_values(printed: str) -> dict[str, str]:
    """What the page shows as printed by the stand-in, and what this one printed."""
    shown, actual = (
        [value for _, value in _PRINTED.findall(text)] for text in ("".join(_shown("Enter ends it")), printed)
    )
    return dict(zip(shown, actual, strict=True))


def _shown(part: str) -> list[str]:
    """The lines of the block on the page that holds `part`."""
    return next(block.text for block in blocks(PAGE) if part in block.text).splitlines(keepends=True)


def _ready_lines(said: list[str]) -> Iterator[str]:
    return (line for line in said if _READY in line)


def _with(real: Mapping[str, str], block: str) -> str:
    for shown, actual in real.items():
        block = block.replace(shown, actual)
    return block
