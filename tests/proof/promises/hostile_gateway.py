"""A gateway that puts a word of its own into all that it can say, each time in another way."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.clouds.bad_servers import LOOPBACK

WORD = "Word-Of-A-Hostile-Gateway"


def _answer(start: str, body: str, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {start}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return ("\r\n".join(lines) + f"\r\n\r\n{body}").encode()


def _errors(status: int) -> bytes:
    said = f'{{"error_msg": "{WORD}", "message": "{WORD}", "description": "{WORD}", "error": {{"code": "{WORD}"}}}}'
    return _answer(f"{status} {WORD}", said, "Content-Type: application/json", f"WWW-Authenticate: {WORD}")


ANSWERS: Mapping[str, bytes] = {
    **{f"status-{status}": _errors(status) for status in (400, 401, 403, 404, 409, 429, 500, 502, 503)},
    "changed": _answer("503 x", f'{{"error_msg": "value changed {WORD}"}}'),
    "page": _answer("200 OK", f"<html>{WORD}</html>", "Content-Type: text/html"),
    "text": _answer("200 OK", f'"{WORD}"', "Content-Type: application/json"),
    "yes": _answer("200 OK", f'{{"list": "{WORD}", "total": "{WORD}", "key": "{WORD}"}}'),
    "redirect": _answer("302 Found", WORD, f"Location: http://{LOOPBACK}:1/{WORD}?{WORD}"),
    "cookie": _answer("200 OK", "{", f"Set-Cookie: {WORD}={WORD}; Domain={LOOPBACK}"),
    "no status": _answer(f"{WORD} {WORD}", ""),
    "no protocol": f"{WORD} {WORD}\r\n\r\n".encode(),
    "no length": f"HTTP/1.1 200 OK\r\nContent-Length: {WORD}\r\n\r\n{WORD}".encode(),
    "no chunks": f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{WORD}\r\n{WORD}".encode(),
    "not packed": _answer("200 OK", WORD, "Content-Encoding: gzip"),
    "long header": f"HTTP/1.1 200 OK\r\n{WORD}: {'x' * 70_000}\r\n\r\n".encode(),
    "many headers": ("HTTP/1.1 200 OK\r\n" + f"{WORD}: {WORD}\r\n" * 200 + "\r\n").encode(),
    "no header": f"HTTP/1.1 200 OK\r\n{WORD}\r\n\r\n".encode(),
    "charset": _answer("200 OK", WORD, f"Content-Type: application/json; charset={WORD}"),
}


@dataclass
class HostileGateway:
    """Where it is, and by which of its answers it was asked."""

    port: int
    asked: set[str] = field(default_factory=set)

    def url(self, name: str) -> str:
        return f"http://{LOOPBACK}:{self.port}/{name.replace(' ', '-')}"


@contextmanager
def hostile_gateway() -> Iterator[HostileGateway]:
    """The first part of a request's path chooses the answer."""
    answers = {name.replace(" ", "-"): (name, answer) for name, answer in ANSWERS.items()}
    listener = socket.create_server((LOOPBACK, 0))
    gateway = HostileGateway(listener.getsockname()[1])

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=handle, args=(connection,), daemon=True).start()

    def handle(connection: socket.socket) -> None:
        with connection:
            path = connection.recv(65536).split(b" ", maxsplit=2)[1].decode()
            name, answer = answers[path.split("/")[1]]
            connection.sendall(answer)
            gateway.asked.add(name)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield gateway
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
