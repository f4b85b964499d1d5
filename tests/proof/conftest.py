"""One world for all tests of a file: what it takes to make is made once."""

import base64
import os
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest

from api import notify
from api.database import bind, clock, connection, database, forget_connections
from api.key_ring import KeyRing
from api.settings import Settings
from api.start import check_key_ring
from api.vault import Vault
from tests.api.conftest import HIGH_LIMITS, random_key, valkey  # noqa: F401  pytest finds a fixture by its name in here
from tests.proof.world import World
from tests.valkey_server import ValkeyServer


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each world is made on SQLite, and on PostgreSQL too where `@pytest.mark.engines` says so."""
    if "engine" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("engines")
        metafunc.parametrize("engine", marker.args if marker else ("sqlite",), scope="module")


@pytest.fixture(scope="module")
def url(engine: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A fresh, migrated database."""
    if engine == "sqlite":
        file = tmp_path_factory.mktemp("proof") / "entryguard.sqlite"
        file.write_bytes(request.getfixturevalue("sqlite_template"))
        yield f"sqlite:///{file}"
        return
    server, template = request.getfixturevalue("postgresql_server"), request.getfixturevalue("postgresql_template")
    name = f"proof_{uuid.uuid4().hex}"
    _administer(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield server.replace("/postgres?", f"/{name}?")
    _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


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


def _administer(server: str, statement: str) -> None:
    link: Any = psycopg2.connect(server)
    try:
        link.autocommit = True
        link.cursor().execute(statement)
    finally:
        link.close()
