"""The real server as processes of their own: an API and a worker over a database and a Valkey, ended by their pids."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

_START_SECONDS = 30
_STOP_SECONDS = 15
_SERVER = [sys.executable, "-c", "from api.commands import main; main()"]


def free_port() -> int:
    """A loopback port that nobody listens on just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def command(*arguments: str, environment: Mapping[str, str], text: str = "") -> subprocess.CompletedProcess[str]:
    """Run `entryguard-server` with `arguments` to its end, `text` being its standard input."""
    return subprocess.run(
        [*_SERVER, *arguments],
        env={**_plain(), **environment},
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class ServerProcesses:
    """An API and a worker, over what `environment` names. The database is migrated; they are not started yet."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = {**_plain(), **environment}
        self.port = free_port()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start_api(self, processes: int = 1) -> None:
        self._start("api", [*_SERVER, "serve", "--port", str(self.port), "--processes", str(processes)])

    def start_worker(self) -> None:
        self._start("worker", [sys.executable, "-m", "worker"])

    def wait_until_ready(self, *, degraded: list[str]) -> None:
        """Return when /readyz says 200 and misses nothing but `degraded`."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            try:
                status, answer = self.ask("GET", "/readyz")
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
                continue
            if status == 200 and answer["degraded"] == degraded:
                return
            time.sleep(0.05)
        raise RuntimeError("the server did not become ready")

    def ask(self, method: str, path: str, body: Any = None, token: str | None = None) -> tuple[int, Any]:
        """One request; the status and the JSON of the answer."""
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=35)
        try:
            link.request(method, path, None if body is None else json.dumps(body), headers)
            answer = link.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None
        finally:
            link.close()

    def stop(self) -> None:
        """End what was started, gently and then by force."""
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, name: str, arguments: list[str]) -> None:
        self.processes[name] = subprocess.Popen(arguments, env=self._environment)


def _plain() -> dict[str, str]:
    """This process's environment without settings of EntryGuard that a user may have."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ENTRYGUARD_")}
