"""Servers on this machine that answer as a test says, and a resolver that leads anywhere."""

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

LOOPBACK = "127.0.0.1"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextmanager
def serving(
    answer: Callable[[socket.socket], None],
    tls: ssl.SSLContext | None = None,
    *,
    host: str = LOOPBACK,
    port: int = 0,
) -> Iterator[tuple[int, list[int]]]:
    """A server that answers each connection in its own way. Gives its port, and an entry for each connection so far."""
    listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    seen: list[int] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            seen.append(1)
            threading.Thread(target=handle, args=(connection,), daemon=True).start()

    def handle(connection: socket.socket) -> None:
        try:
            with tls.wrap_socket(connection, server_side=True) if tls else connection as channel:
                channel.recv(65536)
                answer(channel)
        except OSError:
            return  # the caller has gone: that is what most of these tests want

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], seen
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


@contextmanager
def taking_nobody(port: int, *hosts: str) -> Iterator[None]:
    """These addresses neither take a connection nor refuse it: as many wait there as may."""
    with ExitStack() as open_sockets:
        for host in hosts:
            listener = open_sockets.enter_context(socket.create_server((host, port), backlog=0))
            open_sockets.enter_context(socket.create_connection(listener.getsockname()))
        yield


def saying(body: bytes, *headers: str) -> Callable[[socket.socket], None]:
    lines = [f"Content-Length: {len(body)}", "Connection: close", *headers]
    return lambda channel: channel.sendall(HEAD + "\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def resolving(*addresses: str) -> Callable[..., list[tuple[object, ...]]]:
    """A resolver that answers every name with these addresses."""

    def answer(host: str, port: int, *_: object, **__: object) -> list[tuple[object, ...]]:
        families = (
            socket.AF_INET6 if ipaddress.ip_address(each).version == 6 else socket.AF_INET for each in addresses
        )
        return [
            (family, socket.SOCK_STREAM, 6, "", (each, port)) for family, each in zip(families, addresses, strict=True)
        ]

    return answer
