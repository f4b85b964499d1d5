"""A proxy before a real server, such as goes on while the server restarts, or loses what it answers."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.pulumi_entryguard.http_serving import Handler, serving

_PAGE = b"<html>The server is away</html>"
_SECONDS = 40


@dataclass
class Loss:
    """Requests that are answered by the proxy alone: the next ones of a method whose path ends so."""

    method: str
    ending: str
    status: int
    times: int
    is_handed_on: bool


@dataclass
class Proxy:
    """Where it is, and what it is to lose."""

    url: str = ""
    losses: list[Loss] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def lose(self, method: str, ending: str, *, times: int, status: int = 502, is_handed_on: bool = False) -> None:
        """`is_handed_on`: the server does what it is asked, and nobody hears its answer."""
        self.losses.append(Loss(method, ending, status, times, is_handed_on))

    def next_loss(self, method: str, path: str) -> Loss | None:
        with self._lock:
            for loss in self.losses:
                if loss.times and loss.method == method and path.endswith(loss.ending):
                    loss.times -= 1
                    return loss
        return None


class _Handler(Handler):
    proxy: Proxy
    behind: str

    def _serve(self) -> None:
        body = self.body()
        loss = self.proxy.next_loss(self.command, self.path)
        if loss is None:
            self.reply(*self._answer(body))
            return
        if loss.is_handed_on:
            self._answer(body)
        self.reply(loss.status, {}, _PAGE)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815  http.server's names

    def _answer(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.behind, timeout=_SECONDS)
        try:
            connection.request(self.command, self.path, body or None, dict(self.headers))
            answer = connection.getresponse()
            told = {name: value for name in ("Link", "Retry-After") if (value := answer.getheader(name))}
            return answer.status, told, answer.read()
        finally:
            connection.close()


@contextmanager
def running_proxy(server_url: str) -> Iterator[Proxy]:
    """One that serves on a free loopback port."""
    proxy = Proxy()
    with serving(type("Bound", (_Handler,), {"proxy": proxy, "behind": urlsplit(server_url).netloc})) as port:
        proxy.url = f"http://127.0.0.1:{port}"
        yield proxy
