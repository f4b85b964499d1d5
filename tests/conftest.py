"""What all tests share: a database of each kind, a real Valkey, keys."""

import base64
import gc
import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from xdist.remote import Producer
from xdist.scheduler import Scheduling

from api.database import bind, clock, connection, database, forget_connections
from api.migrate import migrate
from tests.clouds.fixtures import (  # noqa: F401  pytest finds them by name
    apisix,
    at_apisix,
    at_aws,
    at_azure,
    at_gcp,
    aws,
    azure,
    gcp,
)
from tests.databases import administer, engines_of, fresh_database, with_database
from tests.lock_order import LockOrder, watched
from tests.postgresql_databases import Databases
from tests.proof.neighbours import redis_faults
from tests.together import Together

ENGINES = ("sqlite", "postgresql")
# Fixtures that are servers.
_SERVERS = {"postgresql_server", "valkey", "aws", "azure", "gcp"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--in-process", action="store_true", help="only tests that need no server: databases are SQLite, Redis is away"
    )
    parser.addoption(
        redis_faults.OPTION,
        choices=sorted(redis_faults.FAULTS),
        help="only tests of what talks to Redis, which is in that state; without those that need it to be well",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what needs a database once with each engine, or with those of `@pytest.mark.engines("sqlite")`."""
    if "database_url" in metafunc.fixturenames:
        engines = engines_of(metafunc.definition, ENGINES)
        if "standing_clock" in metafunc.fixturenames:  # PostgreSQL's clock cannot be held
            engines = ("sqlite",)
        if metafunc.config.getoption("in_process"):
            engines = tuple(engine for engine in engines if engine == "sqlite")
        metafunc.parametrize("database_url", engines, indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("in_process"):
        items[:] = [item for item in items if not _SERVERS & set(getattr(item, "fixturenames", ()))]
    if config.getoption(redis_faults.OPTION):
        redis_faults.keep_to_redis(config, items)
    _put_the_longest_first(items)
    _put_the_nearest_first(items, os.environ.get("MUTANT_UNDER_TEST", ""))


def pytest_collection_finish() -> None:
    """Thousands of collected tests stay to the end: nobody has to look through them for garbage."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """Who asks for files gets some of them together."""
    return Together(config, log) if config.getvalue("dist") == "loadfile" else None


def _put_the_longest_first(items: list[pytest.Item]) -> None:
    """Files go to whichever process is free: one that takes minutes and comes last is waited for by all others."""
    longest: dict[Path, float] = {}
    for item in items:
        marker = item.get_closest_marker("timeout")
        longest[item.path] = max(longest.get(item.path, 0.0), marker.args[0] if marker else 0.0)
    items.sort(key=lambda item: -longest[item.path])


def _put_the_nearest_first(items: list[pytest.Item], mutant: str) -> None:
    """What is wrong with a function is found soonest by the tests that are named as its module is."""
    names = set(mutant.rpartition(".")[0].split(".")[1:])
    items.sort(key=lambda item: -sum(name in item.nodeid for name in names))


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """A PostgreSQL server on a Unix socket; the URL of its maintenance database."""
    from tests.postgresql_server import postgresql_server as started  # noqa: PLC0415 - only tests that need PostgreSQL pay for it

    with started() as server:
        yield server.get_uri()


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: str) -> str:
    """A migrated database to copy: faster than migrating one for each test."""
    name = f"template_{os.getpid()}"
    administer(postgresql_server, f"CREATE DATABASE {name}")
    bind(with_database(postgresql_server, name))
    migrate()
    database.close_all()
    return name


@pytest.fixture(scope="session")
def postgresql_databases(postgresql_server: str, postgresql_template: str) -> Iterator[Databases]:
    """Migrated databases, one for each who asks."""
    with closing(Databases(postgresql_server, postgresql_template)) as databases:
        yield databases


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A migrated SQLite file to copy."""
    file = tmp_path_factory.mktemp("template") / "entryguard.sqlite"
    bind(f"sqlite:///{file}")
    migrate()
    with connection():
        database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close_all()
    return file.read_bytes()


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh, migrated database, once of each kind."""
    with fresh_database(request.param, request, tmp_path) as url:
        yield url


@pytest.fixture
def lock_order() -> Iterator[LockOrder]:
    """What is taken of SQLite, all in one order."""
    with watched() as order:
        yield order


@pytest.fixture
def restores(lock_order: LockOrder) -> None:
    """An operator restores a database in the test: once in its life, all of it."""
    lock_order.may_take_twice = True


@pytest.fixture
def db(database_url: str, lock_order: LockOrder) -> Iterator[str]:
    """The process is bound to a fresh database and holds a connection to it; its clock is set right afterwards."""
    bind(database_url)
    with connection():
        yield database_url
    clock.offset = 0
    database.close_all()
    forget_connections()


@pytest.fixture
def standing_clock(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database's clock stands, and moves by `clock.offset` alone: for what is decided by a microsecond."""
    moment = time.time_ns()
    monkeypatch.setattr("api.database.time", SimpleNamespace(time_ns=lambda: moment))
    monkeypatch.setattr("api.database._POSTGRESQL_NOW", f"{moment // 1000}::bigint")


@pytest.fixture
def key_ring_text() -> str:
    """A key ring of one random key."""
    return f"first:{base64.b64encode(os.urandom(32)).decode()}"
