"""An operator with a key ring in a file, and a server that has been running since before he came."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.database import bind, database, forget_connections
from api.key_ring_file import KeyRingFile
from api.vault import Vault
from tests.rotations import run


@pytest.fixture
def ring_file(tmp_path: Path) -> KeyRingFile:
    return KeyRingFile.create(tmp_path / "key-ring")


@pytest.fixture
def ring_environment(
    database_url: str, ring_file: KeyRingFile, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, str]]:
    """What an operator's command finds in its environment; the test is bound to the same database."""
    values = {
        "ENTRYGUARD_DATABASE_URL": database_url,
        "ENTRYGUARD_REDIS_URL": "redis://127.0.0.1:1",
        "ENTRYGUARD_PUBLIC_URL": "https://entryguard.example.com",
        "ENTRYGUARD_KEY_RING_FILE": str(ring_file.path),
        **{f"ENTRYGUARD_{name}": os.urandom(32).hex() for name in ("JWT_SECRET", "AUDIT_KEY", "COOKIE_SECRET")},
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    bind(database_url)
    yield values
    database.close_all()
    forget_connections()


@pytest.fixture
def running_vault(ring_environment: dict[str, str], ring_file: KeyRingFile) -> Vault:
    """A server's vault: it started before anything was rotated, and is not restarted."""
    vault = Vault(KeyRingFile(ring_file.path))
    assert run("status").exit_code == 0
    return vault
