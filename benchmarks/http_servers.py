"""What a request costs under several HTTP servers: `python -m benchmarks.http_servers`.

Prints the CPU time of the server's processes per request, which wavers little on a busy machine, with its ratio to the
first server's, and the median and 99th percentile of the latency. The same Flask application answers in eight threads
of one process each time. `granian-wsgi` is what is without an intake: a slow body holds a thread of it. Those whose
libraries are not installed (waitress, a2wsgi, uvicorn with httptools) are left out.
"""

import contextlib
import importlib.util
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.http_candidates import CANDIDATES
from tests.api.conftest import HIGH_LIMITS
from tests.api.published import CREATE_CREDENTIAL
from tests.served_api import EMAIL, PASSWORD, settings_in
from tests.server_process import ApiProcess, command, environment_with
from tests.valkey_server import running_valkey

ROUNDS = 3
CONNECTIONS = 4
REQUESTS = {"GET /healthz": 400, "GET one": 400, "POST": 80}
_TICK_MICROSECONDS = 1_000_000 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """Of a request: the CPU's microseconds, and the milliseconds that callers waited."""

    cpu: float
    waited: Sequence[float]


def main() -> None:
    """Start each server, ask it, end it; then print the table."""
    names = [name for name, (needs, _) in CANDIDATES.items() if all(map(importlib.util.find_spec, needs))]
    with (
        tempfile.TemporaryDirectory(prefix="eg-") as folder,
        running_valkey() as valkey,
        contextlib.ExitStack() as all_,
    ):
        settings = settings_in(Path(folder), ENTRYGUARD_RATE_LIMITS=HIGH_LIMITS, ENTRYGUARD_REDIS_URL=valkey.url)
        command("migrate", settings=settings)
        account = ("--email", EMAIL, "--organization", "Acme")
        command("admin", "create", *account, settings=settings, text=f"{PASSWORD}\n")
        servers = {name: all_.enter_context(_running(name, settings, Path(folder))) for name in names}
        asked = _requests(next(iter(servers.values()))[1])
        costs: dict[tuple[str, str], list[Cost]] = {}
        for number in range(ROUNDS + 1):
            for what, text in asked.items():
                for name, (pid, api) in servers.items():
                    cost = _cost(pid, api.port, text, REQUESTS[what])
                    if number:  # the first round warms
                        costs.setdefault((what, name), []).append(cost)
    _print(names, costs)


@contextlib.contextmanager
def _running(name: str, settings: Mapping[str, str], folder: Path) -> Iterator[tuple[int, ApiProcess]]:
    """The pid of a server, and a way to ask it."""
    api = ApiProcess(dict(settings), folder / "log")
    command_line = [sys.executable, "-m", "benchmarks.http_candidates", name, str(api.port)]
    process = subprocess.Popen(command_line, env=environment_with(dict(settings)))  # noqa: S603 - our own command
    try:
        api.wait_until_ready(degraded=["worker"])
        yield process.pid, api
    finally:
        process.terminate()
        process.wait(20)


def _requests(api: ApiProcess) -> dict[str, bytes]:
    login = api.ask("POST", "/api/v1/auth/login", {"email": EMAIL, "password": PASSWORD})[1]
    token = {"Authorization": f"Bearer {login['accessToken']}"}
    made = api.ask("POST", "/api/v1/credentials", CREATE_CREDENTIAL["AWS"], token)[1]
    body = json.dumps(CREATE_CREDENTIAL["AWS"])
    head = f"HTTP/1.1\r\nHost: x\r\nAuthorization: {token['Authorization']}\r\n"
    written = {
        "GET /healthz": f"GET /healthz {head}\r\n",
        "GET one": f"GET /api/v1/credentials/{made['id']} {head}\r\n",
        "POST": f"POST /api/v1/credentials {head}Content-Length: {len(body)}\r\n\r\n{body}",
    }
    return {what: text.encode() for what, text in written.items()}


def _cost(pid: int, port: int, text: bytes, number: int) -> Cost:
    before, waited = _cpu(pid), []

    def ask() -> None:
        with socket.create_connection(("127.0.0.1", port)) as link:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(number // CONNECTIONS):
                begun = time.perf_counter()
                _exchange(link, text)
                waited.append((time.perf_counter() - begun) * 1000)

    threads = [threading.Thread(target=ask) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Cost((_cpu(pid) - before) / len(waited), sorted(waited))


def _exchange(link: socket.socket, text: bytes) -> None:
    link.sendall(text)
    heard = b""
    while b"\r\n\r\n" not in heard:
        heard += link.recv(65536)
    head, _, body = heard.lower().partition(b"\r\n\r\n")
    left = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]) - len(body)
    while left:
        left -= len(link.recv(65536))


def _cpu(pid: int) -> float:
    """The microseconds that a process and its children have used."""
    figures = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    listed = (task / "children" for task in Path(f"/proc/{pid}/task").iterdir())
    children = [int(child) for file in listed for child in file.read_text(encoding="ascii").split()]
    return (int(figures[11]) + int(figures[12])) * _TICK_MICROSECONDS + sum(map(_cpu, children))


def _print(names: Sequence[str], costs: Mapping[tuple[str, str], Sequence[Cost]]) -> None:
    sys.stdout.write(f"{'request':14} {'server':16} {'CPU us':>8} {'ratio':>6} {'p50 ms':>8} {'p99 ms':>8}\n")
    for what in REQUESTS:
        for name in names:
            cpu = min(cost.cpu for cost in costs[what, name])
            ratio = cpu / min(cost.cpu for cost in costs[what, names[0]])
            median = min(statistics.median(cost.waited) for cost in costs[what, name])
            slowest = min(cost.waited[len(cost.waited) * 99 // 100] for cost in costs[what, name])
            sys.stdout.write(f"{what:14} {name:16} {cpu:8.0f} {ratio:6.2f} {median:8.2f} {slowest:8.2f}\n")


if __name__ == "__main__":
    main()
