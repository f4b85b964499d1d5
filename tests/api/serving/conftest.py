"""The API as `entryguard-server serve` runs it, and a client that may send anything."""

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.api.conftest import HIGH_LIMITS
from tests.served_api import served
from tests.server_process import ApiProcess

LOGIN = (
    b"POST /api/v1/auth/login HTTP/1.1\r\nHost: entryguard\r\nContent-Type: application/json\r\nConnection: close\r\n"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiProcess]:
    """One for all tests that leave it running."""
    with served(tmp_path_factory.mktemp("server"), ENTRYGUARD_RATE_LIMITS=HIGH_LIMITS) as running:
        yield running


@dataclass(frozen=True)
class Heard:
    """What came back on a connection until it was closed: all of it, and in how many seconds."""

    text: bytes
    seconds: float

    @property
    def status(self) -> int:
        return int(self.text.split(b" ", 2)[1]) if self.text else 0


def connect(server: ApiProcess, seconds: float = 15) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=seconds)


def say(server: ApiProcess, text: bytes) -> Heard:
    """Send bytes as they are, and listen to the end."""
    with connect(server) as link:
        begun = time.monotonic()
        heard = b""
        try:
            link.sendall(text)
            while part := link.recv(65536):
                heard += part
        except ConnectionError:
            pass  # closed before all was sent: what was heard till then counts
        return Heard(heard, time.monotonic() - begun)
