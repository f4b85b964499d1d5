"""Servers at addresses that must not be called, and an eye on where this process connects to."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from tests.clouds.bad_servers import saying, serving

# They stand for all addresses that are forbidden. A test's gateway, which may be called, is at 127.0.0.1.
HOSTS = ("127.0.0.66", "127.255.255.254", "::1")
# What a name leads to that is none of a test's.
ANYBODY = HOSTS[0]
PAGE = b'{"internal": "secret-page"}'


class Forbidden:
    """The servers, all at one port."""

    def __init__(self, port: int, seen: list[list[int]]) -> None:
        self.port = port
        self._seen = seen

    @property
    def connections(self) -> int:
        return sum(map(len, self._seen))


@contextmanager
def forbidden_servers() -> Iterator[Forbidden]:
    """Servers that answer anybody with what is nobody's business."""
    with ExitStack() as stack:
        port, seen = stack.enter_context(serving(saying(PAGE), host=HOSTS[0]))
        others = [stack.enter_context(serving(saying(PAGE), host=host, port=port)) for host in HOSTS[1:]]
        yield Forbidden(port, [seen, *(one for _, one in others)])


@contextmanager
def watched_calls(*ports: int) -> Iterator[list[tuple[Any, ...]]]:
    """What this process connects to, by host and port. Only connections to these ports of this machine are made.

    Nobody is asked for a name: what is no address leads to `ANYBODY`.
    """
    called: list[tuple[Any, ...]] = []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def connect_and_tell(link: socket.socket, address: Any) -> None:
        if link.family == socket.AF_UNIX:
            return connect(link, address)  # leads to nobody else's machine
        called.append(tuple(address[:2]))
        if address[1] not in ports or not address[0].startswith(("127.", "::1", "::ffff:127.")):
            raise ConnectionRefusedError("nobody leaves this machine")
        return connect(link, address)

    def look_up_here(host: Any, port: Any, *_: Any, **__: Any) -> Any:
        numeric = socket.AI_NUMERICHOST
        try:
            return look_up(host, port, type=socket.SOCK_STREAM, flags=numeric)
        except socket.gaierror:
            return look_up(ANYBODY, port, type=socket.SOCK_STREAM, flags=numeric)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect_and_tell)
        patch.setattr(socket, "getaddrinfo", look_up_here)
        yield called
