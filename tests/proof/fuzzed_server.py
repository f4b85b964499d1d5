"""The whole application in this process, with a worker beside it, for thousands of requests: SQLite and a real Valkey.

Its cloud is made up, so that a verdict comes at once.
"""

import base64
import ipaddress
import itertools
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flask
import pytest

from api import database, notify
from api.accounts import passwords
from api.accounts import service as accounts
from api.app import create_app
from api.clouds import CLOUDS
from api.due import Priority
from api.migrate import migrate
from api.secret import Secret
from api.settings import Settings
from api.start import start
from tests.api.conftest import HIGH_LIMITS, PASSWORD, QUICK_HASHER, Caller, random_key, sign_in
from tests.worker.made_up_cloud import MadeUpCloud
from worker.desk import Desk, desk_for
from worker.drain import Drain

EMAIL = "ada@example.com"
_LOOK_SECONDS = 0.1
# Each request comes from an address of its own: what slows a guesser's address down is not what is looked for here.
_FIRST_ADDRESS = int(ipaddress.ip_address("11.0.0.1"))

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True)
class FuzzedServer:
    """The application as a WSGI server has it, and its organisation's administrator."""

    wsgi: Wsgi
    administrator: Caller


@contextmanager
def fuzzed_server(folder: Path, redis_url: str) -> Iterator[FuzzedServer]:
    """A server with an empty database in `folder`, and a worker that serves it."""
    settings = Settings.from_environment(
        {
            "ENTRYGUARD_DATABASE_URL": f"sqlite:///{folder / 'entryguard.sqlite'}",
            "ENTRYGUARD_REDIS_URL": redis_url,
            "ENTRYGUARD_KEY_RING": f"first:{base64.b64encode(os.urandom(32)).decode()}",
            "ENTRYGUARD_RATE_LIMITS": HIGH_LIMITS,
            "ENTRYGUARD_OPEN_REGISTRATION": "on",
            "ENTRYGUARD_REVERIFY_MINUTES": "1440",
            **{f"ENTRYGUARD_{name}": random_key() for name in ("JWT_SECRET", "AUDIT_KEY", "COOKIE_SECRET")},
        }
    )
    database.bind(settings.database_url)
    migrate()
    vault = start(settings, connections=8)
    # As production has it: Flask's testing mode would change what errors look like.
    app = create_app(settings, vault, threads=8)
    try:
        with pytest.MonkeyPatch.context() as patch, database.connection(), _working(desk_for(settings, vault)):
            patch.setattr(passwords, "_HASHER", QUICK_HASHER)
            ada = accounts.add_administrator(EMAIL, Secret.of_text(PASSWORD), "Acme", "PAID")
            yield FuzzedServer(_addressed(app), sign_in(app.test_client(), ada))
    finally:
        notify.use(redis_url)
        database.database.close_all()
        database.forget_connections()


@contextmanager
def _working(desk: Desk) -> Iterator[None]:
    """A worker's thread, to which all clouds are one that accepts every key: nothing outside this process is asked."""
    clouds = dict.fromkeys(CLOUDS, MadeUpCloud())
    ended = threading.Event()

    def work() -> None:
        drain = Drain(desk)
        while not ended.is_set():
            if not drain.serve_one(tuple(Priority)):
                ended.wait(_LOOK_SECONDS)

    with pytest.MonkeyPatch.context() as patch:
        for module in ("worker.connections", "worker.verify"):
            patch.setattr(f"{module}.CLOUDS", clouds)
        thread = threading.Thread(target=work, name="worker")
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def _addressed(app: flask.Flask) -> Wsgi:
    addresses = itertools.count(_FIRST_ADDRESS)

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ["REMOTE_ADDR"] = str(ipaddress.ip_address(next(addresses)))
        return app(environ, start_response)

    return serve
