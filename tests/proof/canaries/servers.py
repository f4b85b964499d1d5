"""A whole server whose every secret comes from a file, with its logs at DEBUG and a leak planted where one could be."""

import base64
import os
import secrets
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socket import AF_UNIX, SOCK_STREAM, socket

import redis

from tests.proof.canaries.search import Canary
from tests.server_process import ApiProcess, ServerProcess, command, environment_with, random_key
from tests.valkey_server import ValkeyServer

PLANTED = "planted"
EMAIL = "ada@example.com"
_DEBUG_LOGGING = Path(__file__).parent / "debug_logging"
_END_SECONDS = 20


class _AllSaid(ServerProcess):
    """What it says on standard output is logged too."""

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, env=self._environment, stdout=log, stderr=log)


class _Api(_AllSaid, ApiProcess):
    """The API, all said."""


@dataclass
class Secrets:
    """What must not be found, by name; and the leak, which must."""

    leak: str = field(default_factory=lambda: f"leak-{secrets.token_hex(12)}", repr=False)
    canaries: list[Canary] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.add(PLANTED, self.leak)

    def add(self, name: str, value: str | bytes) -> None:
        self.canaries.append(Canary(name, value))

    def made(self, name: str) -> str:
        """A new secret of that name."""
        value = f"{secrets.token_urlsafe(24)}/+{secrets.token_urlsafe(6)}"
        self.add(name, value)
        return value


@dataclass
class CanaryServer:
    """The processes, and where they leave things."""

    secrets: Secrets
    folder: Path
    settings: dict[str, str]
    valkey: redis.Redis
    api: ApiProcess
    worker: ServerProcess
    decoy: subprocess.Popen[bytes]
    monitored: Path
    said_by_commands: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, text: str = "") -> None:
        """A command of the operator's, to its end."""
        done = command(*arguments, settings=self.settings, text=text)
        assert done.returncode == 0, done.stderr
        self.said_by_commands[" ".join(arguments)] = done.stdout + done.stderr

    @property
    def pids(self) -> list[int]:
        """The processes of the server that run, and one that hides nothing."""
        return [self.decoy.pid, *_family(self.api.pid), *_family(self.worker.pid)]


@contextmanager
def canary_server(folder: Path, database_url: str, aws_endpoint: str) -> Iterator[CanaryServer]:
    """A new server with an administrator, ready."""
    held = Secrets()
    password = held.made("Redis password")
    with _valkey(password) as (socket_file, client), _monitoring(socket_file, password, folder / "monitor"):
        redis_url = f"unix://{socket_file}?password={password.replace('/', '%2F').replace('+', '%2B')}"
        settings = _settings(folder, database_url, redis_url, aws_endpoint, held)
        worker = [sys.executable, "-X", f"planted={held.leak}", "-m", "worker"]
        server = CanaryServer(
            held, folder, settings, client,
            _Api(settings, folder / "api.log"), _AllSaid(settings, folder / "worker.log", worker),
            _decoy(settings), folder / "monitor",
        )  # fmt: skip
        try:
            server.run("migrate")
            administrator = ("admin", "create", "--email", EMAIL, "--organization", "Acme")
            server.run(*administrator, text=held.made("administrator's password") + "\n")
            server.api.start()
            server.worker.start()
            server.api.wait_until_ready()
            yield server
        finally:
            for process in (server.api, server.worker):
                if process.is_running:
                    process.terminate(_END_SECONDS)
            server.decoy.kill()
            server.decoy.wait()


def _settings(folder: Path, database_url: str, redis_url: str, aws_endpoint: str, held: Secrets) -> dict[str, str]:
    key = os.urandom(32)
    held.add("key ring", base64.b64encode(key).decode())
    held.add("key ring, decoded", key)
    in_files = {name: random_key() for name in ("JWT_SECRET", "AUDIT_KEY", "COOKIE_SECRET")}
    for name, value in in_files.items():
        held.add(name, value)
        held.add(f"{name}, decoded", base64.b64decode(value))
    in_files |= {"REDIS_URL": redis_url, "KEY_RING": f"first:{base64.b64encode(key).decode()}"}
    return {
        "ENTRYGUARD_DATABASE_URL": database_url,
        "ENTRYGUARD_AWS_ENDPOINT_URL": aws_endpoint,
        "ENTRYGUARD_PUBLIC_URL": f"https://{held.leak}.example.com",
        "PYTHONPATH": str(_DEBUG_LOGGING),
        "PLANTED_LEAK": held.leak,
        **{f"ENTRYGUARD_{name}_FILE": str(_file(folder / name, value)) for name, value in in_files.items()},
    }


def _file(path: Path, content: str) -> Path:
    path.write_text(content + "\n", encoding="ascii")
    path.chmod(0o400)
    return path


def _decoy(settings: dict[str, str]) -> subprocess.Popen[bytes]:
    """Holds what the server's processes do, and lets everybody look: a server shows its environment to root only."""
    return subprocess.Popen(
        [sys.executable, "-c", "input()", settings["PLANTED_LEAK"]],
        stdin=subprocess.PIPE,
        env=environment_with(settings),
    )


@contextmanager
def _valkey(password: str) -> Iterator[tuple[Path, redis.Redis]]:
    with tempfile.TemporaryDirectory(prefix="eg-vk-") as folder:
        server = ValkeyServer(Path(folder))
        server.start()
        try:
            server.client.config_set("requirepass", password)
            socket_file = Path(server.url.removeprefix("unix://"))
            client = redis.Redis(unix_socket_path=str(socket_file), password=password)
            # What is packed in the dump is packed in a way of Valkey's own.
            client.config_set("rdbcompression", "no")
            yield socket_file, client
        finally:
            server.kill()


@contextmanager
def _monitoring(socket_file: Path, password: str, file: Path) -> Iterator[None]:
    """Every command that Valkey is given, as MONITOR tells it."""
    with closing(socket(AF_UNIX, SOCK_STREAM)) as link:
        link.connect(str(socket_file))
        link.sendall(f"AUTH {password}\r\nMONITOR\r\n".encode())

        def listen() -> None:
            with file.open("wb", buffering=0) as written:
                while heard := link.recv(65536):
                    written.write(heard)

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        yield


def _family(pid: int | None) -> list[int]:
    """A process and all that came of it."""
    if pid is None:
        return []
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    children = [int(child) for child in listed.read_text().split()] if listed.exists() else []
    return [pid, *(one for child in children for one in _family(child))]
