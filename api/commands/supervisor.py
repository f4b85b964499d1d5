"""Keeps the parts of `entryguard-server dev` running: what dies is started again, and all of it ends together."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from api.process import die_with_parent

_LOOK_SECONDS = 0.1
_RESTART_SECONDS = 0.5
_STOP_SECONDS = 12


@dataclass(frozen=True, slots=True)
class Part:
    """A process of the tree: how it is started."""

    name: str
    command: Sequence[str]


class Supervisor:
    """Starts the parts in order, restarts them until it is told to stop, and ends them in reverse order."""

    def __init__(self, parts: Sequence[Part], environment: Mapping[str, str]) -> None:
        self._parts = parts
        self._environment = dict(environment)
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.stopping = False

    def stop(self, *_: object) -> None:
        """A signal's handler: `run` ends soon."""
        self.stopping = True

    def start(self) -> None:
        for part in self._parts:
            self._start(part)

    def run(self) -> None:
        """Restart what dies, until `stop`; then end everything."""
        try:
            while not self.stopping:
                for part in self._parts:
                    if self._running[part.name].poll() is not None:
                        time.sleep(_RESTART_SECONDS)
                        self._start(part)
                time.sleep(_LOOK_SECONDS)
        finally:
            self.end()

    def end(self) -> None:
        """End every part: gently, and after `_STOP_SECONDS` without asking."""
        for process in reversed(self._running.values()):
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        for process in reversed(self._running.values()):
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def died(self) -> str | None:
        """The name of a part that is not running, if there is one."""
        return next((name for name, process in self._running.items() if process.poll() is not None), None)

    def _start(self, part: Part) -> None:
        self._running[part.name] = subprocess.Popen(  # noqa: S603 - our own commands
            part.command,
            env=self._environment,
            # Ctrl-C on the terminal reaches the supervisor alone, which then ends the parts in order.
            start_new_session=True,
            preexec_fn=_end_with(os.getpid()),  # noqa: PLW1509 - no threads run here
        )


def _end_with(parent: int) -> Callable[[], None]:
    return lambda: die_with_parent(parent)
