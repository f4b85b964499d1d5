"""A program on a terminal, as a person has it."""

import os
import pty
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from tests.pulumi_entryguard.pulumi_stack import ROOT


@contextmanager
def on_a_terminal(
    command: Sequence[str], environment: Mapping[str, str]
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The program, and the descriptor of its user's side."""
    ours, its_own = pty.openpty()
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**environment, "TERM": "xterm"},
        stdin=its_own,
        stdout=its_own,
        stderr=its_own,
        start_new_session=True,
    ) as process:
        os.close(its_own)
        try:
            yield process, ours
        finally:
            process.terminate()
            os.close(ours)


def read_until(terminal: int, sign: str | None) -> str:
    """What the program says until the sign is in it, or until it ends."""
    said = b""
    while sign is None or sign.encode() not in said:
        try:
            said += os.read(terminal, 65536)
        except OSError:  # Linux says so when the program's side is closed
            break
    return said.decode()
