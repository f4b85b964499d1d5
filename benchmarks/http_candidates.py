"""The HTTP servers that `http_servers.py` compares, each with the whole application behind it."""

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

import flask
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server

from api.app import create_app
from api.http_server import CONNECTIONS, THREADS
from api.intake import Intake, Message, Receive, Scope, Send
from api.settings import Settings
from api.start import start


def bare() -> flask.Flask:
    """The WSGI application."""
    settings = Settings.from_environment()
    return create_app(settings, start(settings, THREADS + 2), THREADS)


def with_intake() -> Intake:
    """The ASGI application that is served."""
    return Intake(bare(), THREADS, stopping=lambda: None)


def with_a2wsgi() -> Any:
    """a2wsgi's thread is taken before the body is there, so this is only half of a cure."""
    inner = importlib.import_module("a2wsgi").WSGIMiddleware(bare(), workers=THREADS)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def received() -> Message:
            return await receive()  # a2wsgi wants a coroutine, granian has a future

        async def sent(message: Message) -> None:
            await send(message)

        await inner(scope, received, sent)

    return app


def _granian(port: int, target: str, interface: Interfaces, **options: int) -> None:
    Server(
        f"benchmarks.http_candidates:{target}",
        factory=True,
        interface=interface,
        port=port,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=5_000),
        websockets=False,
        log_level=LogLevels.error,
        **options,  # type: ignore[arg-type] # what they are is granian's to check
    ).serve()


def _waitress(port: int) -> None:
    importlib.import_module("waitress").serve(bare(), host="127.0.0.1", port=port, threads=THREADS)


def _uvicorn(port: int) -> None:
    importlib.import_module("uvicorn").run(
        with_intake(), port=port, http="httptools", log_level="error", access_log=False
    )


CANDIDATES: Mapping[str, tuple[tuple[str, ...], Callable[[int], None]]] = {
    "granian-wsgi": ((), lambda port: _granian(port, "bare", Interfaces.WSGI, blocking_threads=THREADS)),
    "granian-intake": ((), lambda port: _granian(port, "with_intake", Interfaces.ASGI, backpressure=CONNECTIONS)),
    "granian-a2wsgi": (("a2wsgi",), lambda port: _granian(port, "with_a2wsgi", Interfaces.ASGINL)),
    "waitress": (("waitress",), _waitress),
    "uvicorn-intake": (("uvicorn", "httptools"), _uvicorn),
}
"""By name: the libraries that it needs beside ours, and what serves on a port until SIGTERM."""


if __name__ == "__main__":
    CANDIDATES[sys.argv[1]][1](int(sys.argv[2]))
