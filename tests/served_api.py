"""An API of its own in a folder: SQLite, an administrator who can sign in, and no Redis unless one is named."""

import base64
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.server_process import ApiProcess, commands, settings_for

EMAIL = "ada@example.com"
PASSWORD = "correct horse battery staple"
NO_REDIS = "redis://127.0.0.1:1"


def settings_in(folder: Path, **more: str) -> dict[str, str]:
    """The settings of a server whose database is in `folder`."""
    ring = f"first:{base64.b64encode(os.urandom(32)).decode()}"
    database_url = f"sqlite:///{folder / 'entryguard.sqlite'}"
    return {**settings_for(database_url, NO_REDIS, "http://127.0.0.1:1", ring), **more}


@contextmanager
def served(folder: Path, processes: int = 1, host: str = "127.0.0.1", **more: str) -> Iterator[ApiProcess]:
    """The API, ready; ended afterwards."""
    settings = settings_in(folder, **more)
    administrator = ("admin", "create", "--email", EMAIL, "--organization", "Acme")
    done = commands(("migrate",), administrator, settings=settings, text=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stderr
    server = ApiProcess(settings, folder / "log", processes, host)
    server.start()
    try:
        server.wait_until_ready(degraded=["worker"] if "ENTRYGUARD_REDIS_URL" in more else ["redis", "worker"])
        yield server
    finally:
        if server.is_running:
            server.terminate(15)
