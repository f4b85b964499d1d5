"""What the command says and asks: what was asked for on standard output, all sentences on standard error."""

import contextlib
import getpass
import sys
from collections.abc import Sequence

from pulumi_entryguard.errors import UnusableInput


def tell(text: str) -> None:
    """What was asked for."""
    print(text, flush=True)


def say(sentence: str) -> None:
    """A sentence about it. A terminal that has been closed is no reason to stop: a session may be left to close."""
    with contextlib.suppress(OSError):
        print(sentence, file=sys.stderr, flush=True)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows in columns, the heads first."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def ask(prompt: str) -> str:
    """A line of the user's. Raises UnusableInput for nothing."""
    print(prompt, end="", file=sys.stderr, flush=True)
    return _something(sys.stdin.readline(), prompt)


def ask_secretly(prompt: str) -> str:
    """The same, not shown; without a terminal it is read from standard input. Others can see a program's arguments."""
    try:
        given = getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline()
    except EOFError:
        given = ""
    return _something(given, prompt)


def _something(given: str, prompt: str) -> str:
    if not (line := given.rstrip("\r\n")):
        raise UnusableInput(f"{prompt.rstrip(': ').lower()}: nothing was given")
    return line
