"""Signals that ask this process to end, noted: what is under way is finished, and what was opened is closed."""

import contextlib
import os
import select
import signal
import socket
import subprocess
from types import FrameType
from typing import Any, Self

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows lacks the last
TO_END = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))
EXIT = 128  # and the signal's number, as shells have it


class Interrupted(Exception):
    """A signal has come."""

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.exit_code = EXIT + number


class NotedSignals:
    """For as long as its `with` lasts a signal ends no request: it ends pauses, and goes on to a command that runs."""

    def __init__(self) -> None:
        self._first: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._before: dict[int, Any] = {}
        self._heard, self._bell = socket.socketpair()

    def __enter__(self) -> Self:
        self._bell.setblocking(False)
        signal.set_wakeup_fd(self._bell.fileno(), warn_on_full_buffer=False)
        for number in TO_END:
            # What is ignored, as `nohup` has it, stays so.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(-1)
        self._heard.close()
        self._bell.close()

    def check(self) -> None:
        """Raises Interrupted if a signal has come."""
        if self._first is not None:
            raise Interrupted(self._first)

    def pause(self, seconds: float) -> None:
        """Raises Interrupted as soon as a signal comes."""
        select.select([self._heard], [], [], seconds)
        self.check()

    def run(self, command: list[str]) -> int:
        """Run a command as a shell would, and give its exit code. Raises OSError where it can't be run."""
        self.check()
        with subprocess.Popen(command) as process:  # noqa: S603  it is the user's own
            self._process = process
            if self._first is not None:  # it came while the process was being made
                process.send_signal(self._first)
            code = process.wait()
            self._process = None
        return EXIT - code if code < 0 else code

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self._first is None and self._process is None:
            _say_at_once("interrupted: what is under way is finished first\n")
        self._first = self._first or number
        # Sent twice, Ctrl-C means something else to many programs.
        if self._process is not None and not (number == signal.SIGINT and _reaches_all()):
            self._process.send_signal(number)


def _say_at_once(line: str) -> None:
    with contextlib.suppress(OSError):
        os.write(2, line.encode())  # `print` can't be called in the middle of a `print`


def _reaches_all() -> bool:
    """Whether Ctrl-C on our terminal is told to the whole process group, so to a command that we run too."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
