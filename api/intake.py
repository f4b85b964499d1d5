"""Takes in a whole request before a thread is taken for it, and hands the answer out when the thread is free again.

A process has few threads, since each may hold a connection to the database. Whoever sends or reads slowly holds none of
them, only one of the connections that the process takes at once, and that for a limited time.
"""

import asyncio
import io
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote_to_bytes

from api.errors import InvalidInput, RequestTimeout
from api.json_body import MAXIMUM_BYTES
from api.process import call_at_signal, give_up_on_silent_readers, take_no_connection_more

REFUSAL = "entryguard.refusal"
"""In the environ of a request whose body did not come: the error that it is to be answered with."""

BODY_SECONDS = 15
# Short, so that a process that is told to stop has answered everybody before it has to end.
_BODY_SECONDS_WHEN_STOPPING = 2
# The HTTP server closes at once who has not begun to ask when it stops; so long has whoever just got a connection.
_LAST_SECONDS = 0.5
_PORTION_BYTES = 64 * 1024
# The HTTP server would put its own name there.
_SERVER = (b"server", b"EntryGuard")
_UNCHANGING = {
    "SCRIPT_NAME": "",
    "wsgi.errors": sys.stderr,
    # Not in WSGI, but Werkzeug's word for it: a body in chunks has an end too.
    "wsgi.input_terminated": True,
    "wsgi.multiprocess": True,
    "wsgi.multithread": True,
    "wsgi.run_once": False,
    "wsgi.version": (1, 0),
}

Scope = MutableMapping[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Intake:
    """An ASGI application that has the WSGI application `app` answer, in one of `threads` threads.

    `stopping` is called, in a thread of its own, when the process is told to end.
    """

    def __init__(self, app: Wsgi, threads: int, stopping: Callable[[], object]) -> None:
        self._app = app
        self._threads = ThreadPoolExecutor(threads, "request")
        self._stopping = stopping
        self._body_seconds = BODY_SECONDS
        self._deadlines: set[asyncio.Timeout] = set()
        self._farewell: list[tuple[bytes, bytes]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        await self._answer(await self._taken_in(scope, receive), receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        await receive()

        def stop() -> None:
            loop.call_soon_threadsafe(self._hurry)
            self._stopping()
            take_no_connection_more()
            time.sleep(_LAST_SECONDS)  # the HTTP server hears of the signal afterwards

        call_at_signal(stop)
        await send({"type": "lifespan.startup.complete"})
        while not give_up_on_silent_readers():  # the server listens soon, not yet
            await asyncio.sleep(0.01)
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    def _hurry(self) -> None:
        """Wait for bodies shortly from now on, and have nobody ask once more on his connection."""
        self._farewell = [(b"connection", b"close")]
        self._body_seconds = _BODY_SECONDS_WHEN_STOPPING
        soon = asyncio.get_running_loop().time() + self._body_seconds
        for deadline in self._deadlines:
            deadline.reschedule(min(soon, deadline.when() or soon))

    async def _taken_in(self, scope: Scope, receive: Receive) -> dict[str, Any]:
        """The request as WSGI has it, complete, or with a REFUSAL."""
        environ = _environ(scope)
        is_chunked = "HTTP_TRANSFER_ENCODING" in environ
        # What is too long by its own word is not read: the application refuses it.
        if is_chunked or 0 < int(environ.get("CONTENT_LENGTH") or 0) <= MAXIMUM_BYTES:
            try:
                environ["wsgi.input"] = io.BytesIO(await self._body(receive))
            except TimeoutError:
                environ[REFUSAL] = RequestTimeout()
            except EOFError:
                environ[REFUSAL] = InvalidInput("The request body is cut short or malformed.")
        return environ

    async def _body(self, receive: Receive) -> bytes:
        """The body to its end, or so much of it that it is too long. Raises TimeoutError, EOFError."""
        body = bytearray()
        async with asyncio.timeout(self._body_seconds) as deadline:
            self._deadlines.add(deadline)
            try:
                while len(body) <= MAXIMUM_BYTES:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise EOFError
                    body += message.get("body", b"")
                    if not message.get("more_body"):
                        break
            finally:
                self._deadlines.discard(deadline)
        return bytes(body)

    async def _answer(self, environ: dict[str, Any], receive: Receive, send: Send) -> None:
        """Have a thread answer. One that has more to say comes back for it: between portions no thread waits."""
        run = asyncio.get_running_loop().run_in_executor
        answer = await run(self._threads, _Answer, self._app, environ)
        portion, is_last = answer.beginning
        headers = answer.headers + self._farewell
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if is_last:
            await send({"type": "http.response.body", "body": portion})
            return
        hung_up = asyncio.ensure_future(_hung_up(receive))
        try:
            while not is_last and not hung_up.done():
                await send({"type": "http.response.body", "body": portion, "more_body": True})
                portion, is_last = await run(self._threads, answer.portion)
            await send({"type": "http.response.body", "body": portion})
        finally:
            hung_up.cancel()
            await run(self._threads, answer.close)


class _Answer:
    """What the application answers, a portion at a time. Made and asked in a thread."""

    def __init__(self, app: Wsgi, environ: dict[str, Any]) -> None:
        self.status = 500
        self.headers: list[tuple[bytes, bytes]] = []
        self._answered = app(environ, self._start)
        self._parts: Iterator[bytes] = iter(self._answered)
        self.beginning = self.portion()

    def portion(self) -> tuple[bytes, bool]:
        """What comes next, and whether it is the last of it."""
        portion = bytearray()
        for part in self._parts:
            portion += part
            if len(portion) >= _PORTION_BYTES:
                return bytes(portion), False
        self.close()
        return bytes(portion), True

    def close(self) -> None:
        """Say that no more is wanted. May be called again."""
        if hasattr(self._answered, "close"):
            self._answered.close()

    def _start(self, status: str, headers: list[tuple[str, str]], _: object = None) -> None:
        self.status = int(status[:3])
        self.headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        self.headers.append(_SERVER)


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _environ(scope: Scope) -> dict[str, Any]:
    """The head of a request, as WSGI has it (PEP 3333)."""
    server, client = scope["server"], scope["client"]
    environ = {
        **_UNCHANGING,
        "REQUEST_METHOD": scope["method"],
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "REMOTE_ADDR": client[0],
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "wsgi.input": io.BytesIO(),
        "wsgi.url_scheme": scope["scheme"],
    }
    for name, value in scope["headers"]:
        # X_Forwarded_For and X-Forwarded-For would be one name below, and only the second is our proxy's word.
        if b"_" in name:
            continue
        key = name.decode("latin-1").upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        between = ";" if key == "HTTP_COOKIE" else ","
        text = value.decode("latin-1")
        environ[key] = f"{environ[key]}{between}{text}" if key in environ else text
    return environ
