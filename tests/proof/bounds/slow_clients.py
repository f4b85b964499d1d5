"""Clients that hold a connection for as long as they can, a hundred at a time from one thread."""

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Iterator

from tests.server_process import ApiProcess

_LOGIN = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: entryguard\r\nContent-Type: application/json\r\n"
_BIG = b"GET /api/v1/docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: entryguard\r\n\r\n"

SLOW = {
    "a body that never comes": _LOGIN + b"Content-Length: 100\r\n\r\n",
    "a body of which a byte comes each second": _LOGIN + b"Content-Length: 200000\r\n\r\n",
    "chunks of which one comes each second": _LOGIN + b"Transfer-Encoding: chunked\r\n\r\n",
    "a head of which a byte comes each second": b"GET /healthz HTTP/1.1\r\nHost: entryguard\r\nX-Slow: ",
    "nothing at all": b"",
    # More than the buffers of the kernel take, with an answer each.
    "answers that are not read": _BIG * 8,
}
"""What each kind of them begins with."""

_EACH_SECOND = {
    "a body of which a byte comes each second": b" ",
    "chunks of which one comes each second": b"1\r\n \r\n",
    "a head of which a byte comes each second": b"a",
}


class SlowClients:
    """So many of one kind, until `close`. `heard` has what each of those that read was answered."""

    def __init__(self, server: ApiProcess, kind: str, number: int) -> None:
        self._trickle = _EACH_SECOND.get(kind, b"")
        self._reads = kind != "answers that are not read"
        self._closing = threading.Event()
        self._links = [_connected(server.port, SLOW[kind]) for _ in range(number)]
        self.heard: dict[socket.socket, bytes] = dict.fromkeys(self._links, b"")
        self.ended: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._live, name=kind, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        for link in self._links:
            link.close()

    @property
    def are_gone(self) -> bool:
        """The server has ended every connection."""
        return len(self.ended) == len(self._links)

    def _live(self) -> None:
        with selectors.DefaultSelector() as waiting:
            for link in self._links if self._reads else ():
                waiting.register(link, selectors.EVENT_READ)
            spoken = time.monotonic()
            while not self._closing.is_set():
                for key, _ in waiting.select(0.2):
                    self._listen(waiting, key.fileobj)
                if time.monotonic() - spoken >= 1:
                    spoken = time.monotonic()
                    self._speak()

    def _listen(self, waiting: selectors.BaseSelector, link: object) -> None:
        assert isinstance(link, socket.socket)
        part = b""
        with contextlib.suppress(OSError):
            part = link.recv(65536)
        self.heard[link] += part
        if not part:
            waiting.unregister(link)
            self.ended.add(link)

    def _speak(self) -> None:
        for link in self._links:
            try:
                if not self._reads and link.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    self.ended.add(link)
                if link not in self.ended:
                    link.sendall(self._trickle)
            except OSError:
                self.ended.add(link)


@contextlib.contextmanager
def slow_clients(server: ApiProcess, kind: str, number: int) -> Iterator[SlowClients]:
    """A crowd of them, connected; gone after the block."""
    crowd = SlowClients(server, kind, number)
    try:
        yield crowd
    finally:
        crowd.close()


def _connected(port: int, words: bytes) -> socket.socket:
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    link.settimeout(10)
    link.connect(("127.0.0.1", port))
    link.sendall(words)
    return link
