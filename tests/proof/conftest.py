"""One world for all tests of a file: what it takes to make is made once."""

import base64
import os
from collections.abc import Iterator

import pytest

from api import notify
from api.database import bind, clock, connection, database, forget_connections
from api.key_ring import KeyRing
from api.settings import Settings
from api.start import check_key_ring
from api.vault import Vault
from tests.api.conftest import HIGH_LIMITS, random_key, valkey  # noqa: F401  pytest finds a fixture by its name in here
from tests.databases import engines_of, fresh_database
from tests.proof.world import World
from tests.valkey_server import ValkeyServer


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each world is made on SQLite, and on PostgreSQL too where `@pytest.mark.engines` says so."""
    if "engine" in metafunc.fixturenames:
        metafunc.parametrize("engine", engines_of(metafunc.definition, ("sqlite",)), scope="module")


@pytest.fixture(scope="module")
def url(engine: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A fresh, migrated database."""
    with fresh_database(engine, request, tmp_path_factory.mktemp("proof")) as made:
        yield made


@pytest.fixture(scope="module")
def world(url: str, valkey: ValkeyServer) -> Iterator[World]:  # noqa: F811  the fixture, as it is asked for
    """The application over that database, with everybody in it."""
    key_ring = f"first:{base64.b64encode(os.urandom(32)).decode()}"
    settings = Settings.from_environment(
        {
            "ENTRYGUARD_DATABASE_URL": url,
            "ENTRYGUARD_REDIS_URL": valkey.url,
            "ENTRYGUARD_KEY_RING": key_ring,
            "ENTRYGUARD_RATE_LIMITS": HIGH_LIMITS,
            "ENTRYGUARD_OPEN_REGISTRATION": "on",
            "ENTRYGUARD_SESSION_ALLOWED_NETWORKS": "127.0.0.0/8",  # where the callers of these tests are
            **{f"ENTRYGUARD_{name}": random_key() for name in ("JWT_SECRET", "AUDIT_KEY", "COOKIE_SECRET")},
        }
    )
    bind(url)
    with connection():
        assert settings.key_ring is not None
        ring = KeyRing.parse(settings.key_ring)
        check_key_ring(ring)
        notify.use(settings.redis_url)
        yield World(settings, Vault(ring))
    clock.offset = 0
    database.close_all()
    forget_connections()
