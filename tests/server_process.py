"""Real processes of the server, as an operator starts them: the API, a worker's parent with its children, a command."""

import base64
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.proof.scale import FULL

WORKER = [sys.executable, "-m", "worker"]
SERVER = [sys.executable, "-c", "from api.commands import main; main()"]
_START_SECONDS = 90
# A worker asks every cloud that it has a credential for. No test's questions leave this machine.
_CLOUDS = (
    "GCP_TOKEN_URL",
    "GCP_COMPUTE_URL",
    "GCP_RESOURCE_MANAGER_URL",
    "AZURE_AUTHORITY_URL",
    "AZURE_RESOURCE_MANAGER_URL",
)


def worker_at(*clouds: str, change: str | None = None) -> list[str]:
    """As `python -m worker`, for a test of these clouds; `change` is one such as `worker.child._MOST_SERVED = 2`.

    What a parent does longest is to load Google's and Azure's SDKs. In the short form it loads those of `clouds`, and
    a child that needs another one loads it.
    """
    changes = [] if FULL else [f"worker.parent.CLOUDS = {{name: worker.parent.CLOUDS[name] for name in {clouds!r}}}"]
    changes += [change] if change else []
    if not changes:
        return WORKER
    steps = ["import sys, worker.child, worker.parent", *changes, "from worker.__main__ import main; sys.exit(main())"]
    return [sys.executable, "-c", "; ".join(steps)]


def random_key() -> str:
    return base64.b64encode(os.urandom(36)).decode()


def settings_for(database_url: str, redis_url: str, aws_endpoint: str, key_ring: str) -> dict[str, str]:
    """The settings of a server, as the environment has them."""
    return {
        "ENTRYGUARD_DATABASE_URL": database_url,
        "ENTRYGUARD_REDIS_URL": redis_url,
        "ENTRYGUARD_AWS_ENDPOINT_URL": aws_endpoint,
        "ENTRYGUARD_KEY_RING": key_ring,
        **{f"ENTRYGUARD_{name}": "https://127.0.0.1:1" for name in _CLOUDS},
        **{f"ENTRYGUARD_{name}": random_key() for name in ("JWT_SECRET", "AUDIT_KEY", "COOKIE_SECRET")},
    }


def environment_with(settings: dict[str, str]) -> dict[str, str]:
    """The environment of a process with these settings and no others."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ENTRYGUARD_")} | settings


def command(*arguments: str, settings: dict[str, str], text: str = "") -> subprocess.CompletedProcess[str]:
    """Run `entryguard-server` with `arguments` to its end, `text` being its standard input."""
    return _run([*SERVER, *arguments], settings, text)


def commands(*each: Sequence[str], settings: dict[str, str], text: str = "") -> subprocess.CompletedProcess[str]:
    """Run several one after the other, in one process: what takes them longest is to load their modules."""
    one_by_one = f"for arguments in {[list(one) for one in each]!r}: main(arguments, standalone_mode=False)"
    return _run([sys.executable, "-c", f"from api.commands import main\n{one_by_one}"], settings, text)


def _run(program: Sequence[str], settings: dict[str, str], text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        program,
        env=environment_with(settings),
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class ServerProcess:
    """A process of the server, started, killed and started again by its pid."""

    def __init__(self, settings: dict[str, str], log: Path, command: Sequence[str] = WORKER) -> None:
        self._environment = environment_with(settings)
        self._log = log
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, env=self._environment, stderr=log)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def kill(self) -> None:
        """End the parent as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def kill_all(self) -> None:
        """End it and what it has forked, as a machine that fails does."""
        children = self.children()
        self.kill()
        for pid in children:
            kill(pid)

    def terminate(self, seconds: float) -> int:
        """Ask it to end. Returns the exit code; TimeoutExpired where it takes longer."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def wait(self, seconds: float) -> int:
        """Wait for its end. Returns the exit code; TimeoutExpired where it takes longer."""
        assert self._process is not None
        return self._process.wait(seconds)

    def children(self) -> list[int]:
        """The pids of what it has forked: children first, the sweeper among them."""
        if self._process is None:
            return []
        listed = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return [int(pid) for pid in listed.read_text().split()] if listed.exists() else []


class ApiProcess(ServerProcess):
    """`entryguard-server serve`, on a free loopback port. It is asked over IPv4, whatever else it listens on."""

    def __init__(self, settings: dict[str, str], log: Path, processes: int = 1, host: str = "127.0.0.1") -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = int(listener.getsockname()[1])
        where = ["--host", host, "--port", str(self.port)]
        super().__init__(settings, log, [*SERVER, "serve", *where, "--processes", str(processes)])

    def wait_until_ready(self, degraded: Sequence[str] = ()) -> None:
        """Return when /readyz says 200 and misses nothing but `degraded`."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            try:
                status, answer = self.ask("GET", "/readyz")
            except (OSError, http.client.HTTPException):
                status, answer = 0, {}
            if status == 200 and answer["degraded"] == list(degraded):
                return
            time.sleep(0.05)
        raise RuntimeError("the server did not become ready")

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """One request; the status and the JSON of the answer."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=35)
        try:
            text = None if body is None else json.dumps(body)
            link.request(method, path, text, {"Content-Type": "application/json", **(headers or {})})
            answer = link.getresponse()
            content = answer.read()
            return answer.status, json.loads(content) if content else None
        finally:
            link.close()


def kill(pid: int) -> None:
    """End a process as a crash does; it may be gone already."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def is_running(pid: int) -> bool:
    """A process that ended and was not waited for does not run."""
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()
