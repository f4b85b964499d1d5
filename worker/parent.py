"""The parent: loads what all share, forks children and a sweeper, and starts again what ends.

It opens no secret and keeps no connection, so a fork carries neither.
"""

import gc
import logging
import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from api.clouds import CLOUDS, http
from api.process import die_with_parent, harden

_TICK_SECONDS = 0.1
_STOP_SECONDS = 9.5
_SHORT_LIFE_SECONDS = 5.0
_LONGEST_PAUSE_SECONDS = 5.0

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Process:
    """A place that a process of this kind is kept in. `run` returns its exit code."""

    name: str
    run: Callable[[], int]
    pid: int = 0
    started_at: float = 0.0
    start_at: float = 0.0
    quick_ends: int = 0


class Parent:
    """Keeps `processes` running until SIGTERM or SIGINT."""

    def __init__(self, processes: Sequence[Process]) -> None:
        self._processes = processes
        self._is_told_to_end = False

    def run(self) -> int:
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, self._end)
        while not self._is_told_to_end:
            for process in self._processes:
                if not process.pid and time.monotonic() >= process.start_at:
                    _start(process)
                elif _has_ended(process):
                    _plan_restart(process)
            time.sleep(_TICK_SECONDS)
        self._stop()
        return 0

    def _end(self, *_: object) -> None:
        self._is_told_to_end = True

    def _stop(self) -> None:
        running = [process for process in self._processes if process.pid]
        for process in running:
            os.kill(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while running and time.monotonic() < deadline:
            running = [process for process in running if not _has_ended(process)]
            time.sleep(_TICK_SECONDS / 5)
        for process in running:
            os.kill(process.pid, signal.SIGKILL)
            os.waitpid(process.pid, 0)


def load_sdks(ca_bundle: Path | None = None) -> None:
    """Load the clouds' SDKs and the certificates, and keep the collector off them: the children share their memory."""
    gc.disable()  # nothing of what is loaded is ever garbage
    for cloud in CLOUDS.values():
        cloud.preload()
    http.warm(ca_bundle)
    gc.collect()
    gc.freeze()
    gc.collect()  # of nothing, so that a child's next one is not put off until it holds a quarter as much again
    gc.enable()


def _start(process: Process) -> None:
    parent = os.getpid()
    process.started_at = time.monotonic()
    process.pid = os.fork()
    if process.pid:
        return
    code = 1
    try:
        # Until it has handlers of its own, a signal ends it: it has begun nothing.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        # Told, not killed: what it is at is given back, and nobody waits for its leases.
        die_with_parent(parent, by=signal.SIGTERM)
        harden()
        random.seed()
        code = process.run()
    except Exception as error:  # noqa: BLE001 - a child never goes on as a second parent
        _log.error("%s cannot run: %s", process.name, type(error).__name__)
    finally:
        os._exit(code)


def _has_ended(process: Process) -> bool:
    return bool(process.pid and os.waitpid(process.pid, os.WNOHANG)[0])


def _plan_restart(process: Process) -> None:
    lived = time.monotonic() - process.started_at
    process.quick_ends = process.quick_ends + 1 if lived < _SHORT_LIFE_SECONDS else 0
    pause = min(_LONGEST_PAUSE_SECONDS, 0.1 * 2.0**process.quick_ends) if process.quick_ends else 0.0
    _log.info("%s ended after %d s and is started again in %.1f s", process.name, lived, pause)
    process.pid = 0
    process.start_at = time.monotonic() + pause
