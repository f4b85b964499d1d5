"""The processes of a run: an API, workers, Valkey; what is killed is started again, as a supervisor does it."""

import contextlib
import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.storm.plan import API_PROCESSES, RESTART_SECONDS, WORKERS, Kill, Victim
from tests.server_process import ApiProcess, ServerProcess, is_running, kill
from tests.valkey_server import ValkeyServer

_TICK_SECONDS = 0.1
_PATIENCE_SECONDS = 30.0
_START_SECONDS = 150.0


class Site:
    """valkey: None where there is none from beginning to end."""

    def __init__(self, settings: dict[str, str], folder: Path, valkey: ValkeyServer | None) -> None:
        self.api = ApiProcess(settings, folder / "api.log", API_PROCESSES)
        self.workers = [ServerProcess(settings, folder / f"worker-{number}.log") for number in range(WORKERS)]
        self.killed: Counter[Victim] = Counter()
        self._valkey = valkey
        self._is_over = threading.Event()

    @contextmanager
    def running(self) -> Iterator["Site"]:
        """Start everything, keep it running, and end it with the block."""
        keeper = threading.Thread(target=self._keep, daemon=True)
        try:
            for process in (self.api, *self.workers):
                process.start()
            self._wait_until_ready()
            keeper.start()
            yield self
        finally:
            self._is_over.set()
            if keeper.is_alive():
                keeper.join(10)
            for process in (*self.workers, self.api):
                process.kill_all()

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + _START_SECONDS
        while not self._is_ready():
            if time.monotonic() > until:
                raise RuntimeError("the API and a worker did not become ready")
            time.sleep(_TICK_SECONDS)

    def _is_ready(self) -> bool:
        try:
            status, shown = self.api.ask("GET", "/readyz")
        except (OSError, http.client.HTTPException):
            return False
        return status == 200 and "worker" not in shown["degraded"]

    @property
    def worker_logs(self) -> str:
        return "".join(worker.log for worker in self.workers)

    def strike(self, one: Kill) -> None:
        """Kill what is meant, as soon as there is one. Raises RuntimeError if there is none for seconds."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < until:
            if self._kill(one):
                self.killed[one.victim] += 1
                return
            time.sleep(_TICK_SECONDS)
        raise RuntimeError(f"there is no {one.victim} to kill")

    def _kill(self, one: Kill) -> bool:
        chance = random.Random(one.choice)  # noqa: S311 - chance, not secrecy
        if one.victim is Victim.VALKEY:
            if self._valkey is None or not self._valkey.is_running:
                return False
            self._valkey.kill()
            return True
        pids = self._pids(one.victim)
        if not pids:
            return False
        kill(chance.choice(pids))
        return True

    def _pids(self, victim: Victim) -> list[int]:
        running = [worker for worker in self.workers if worker.is_running]
        if victim is Victim.API:
            return [self.api.pid] if self.api.is_running and self.api.pid else []
        if victim is Victim.API_CHILD:
            return [pid for pid in self.api.children() if _serves(pid)]
        if victim is Victim.WORKER:
            return [worker.pid for worker in running if worker.pid]
        children = [pid for worker in running for pid in worker.children() if is_running(pid)]
        # The sweeper does its work in its first thread, and has no other.
        return [pid for pid in children if (_threads(pid) == 1) == (victim is Victim.SWEEPER)]

    def _keep(self) -> None:
        """Start again what has ended, a moment after it is missed."""
        missed: dict[int, float] = {}
        while not self._is_over.wait(_TICK_SECONDS):
            for number, process in enumerate((self.api, *self.workers, self._valkey)):
                if process is None or process.is_running:
                    continue
                if time.monotonic() - missed.setdefault(number, time.monotonic()) > RESTART_SECONDS:
                    with contextlib.suppress(RuntimeError):  # Valkey takes long to answer, and will
                        process.start()
                    del missed[number]


def _threads(pid: int) -> int:
    """How many threads a process has; 0 where it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("Threads:")), 0)


def _serves(pid: int) -> bool:
    """Whether it is a process that requests are served by, and not one that Python keeps beside them."""
    try:
        return b"worker-" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
