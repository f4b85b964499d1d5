"""Databases and worlds for stories: each a copy of one that was built once."""

import copy
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from api.database import bind, clock, connection, database, forget_connections
from api.installation import identity
from api.key_ring_file import KeyRingFile
from api.settings import Settings
from tests.api.conftest import random_key
from tests.clouds import nimbus
from tests.databases import administer, with_database
from tests.proof.stories import backup, stage
from tests.proof.stories.sky import Ground, Moments, StormySky
from tests.proof.stories.world import World
from tests.served_api import NO_REDIS


class Worlds:
    """Opens one after the other. `copies` gives each a database that is as the first one was when it was built."""

    def __init__(
        self, folder: Path, moments: Moments, monkeypatch: pytest.MonkeyPatch, copies: "Copies | CopiesOnAServer"
    ) -> None:
        self._ring_file = folder / "key-ring"
        self._moments = moments
        self._monkeypatch = monkeypatch
        self._copies = copies
        self._open: ExitStack = ExitStack()
        self._settings = self._made_settings()
        KeyRingFile.create(self._ring_file)
        self._ring = self._ring_file.read_bytes()
        with copies.original():
            self._built = self._world()
            stage.build(self._built)

    def open(self) -> World:
        self._moments.live()
        self._open.enter_context(self._copies.copy())
        self._ring_file.chmod(0o600)
        self._ring_file.write_bytes(self._ring)
        self._ring_file.chmod(0o400)
        backup.settle()
        world = self._world()
        world.model = copy.deepcopy(self._built.model)
        world.ground.sky.rights = dict(self._built.ground.sky.rights)
        return world

    def close(self) -> None:
        self._moments.live()
        self._moments.deaths = 0
        self._open.close()
        clock.offset = 0

    def _world(self) -> World:
        sky = StormySky(self._moments)
        self._monkeypatch.setattr(nimbus, "SKY", sky)
        return World(self._settings, Ground(sky, identity()), self._moments)

    def _made_settings(self) -> Settings:
        keys = {f"ENTRYGUARD_{name}": random_key() for name in ("JWT_SECRET", "AUDIT_KEY", "COOKIE_SECRET")}
        return Settings.from_environment(
            {
                "ENTRYGUARD_DATABASE_URL": "sqlite:////nowhere",
                "ENTRYGUARD_REDIS_URL": NO_REDIS,
                "ENTRYGUARD_KEY_RING_FILE": str(self._ring_file),
                **keys,
            }
        )


class Copies:
    """Databases of SQLite."""

    def __init__(self, template: bytes, folder: Path) -> None:
        self._template = template
        self._folder = folder

    @contextmanager
    def original(self) -> Iterator[None]:
        with self.copy() as file:
            yield
            database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            self._template = file.read_bytes()

    @contextmanager
    def copy(self) -> Iterator[Path]:
        file = self._folder / f"{uuid.uuid4().hex}.sqlite"
        file.write_bytes(self._template)
        with bound(f"sqlite:///{file}"):
            # What is tested is no power cut: nobody waits for a disk.
            database.execute_sql("PRAGMA synchronous = off")
            yield file
        for each in self._folder.glob(f"{file.stem}*"):
            each.unlink()


class CopiesOnAServer:
    """Databases of PostgreSQL."""

    def __init__(self, server: str, template: str) -> None:
        self._server = server
        self._template = template
        self._built = f"built_{uuid.uuid4().hex}"

    @contextmanager
    def original(self) -> Iterator[None]:
        administer(self._server, f"CREATE DATABASE {self._built} TEMPLATE {self._template}")
        with bound(with_database(self._server, self._built)):
            yield
        self._template = self._built

    @contextmanager
    def copy(self) -> Iterator[None]:
        name = f"story_{uuid.uuid4().hex}"
        administer(self._server, f"CREATE DATABASE {name} TEMPLATE {self._template}")
        with bound(with_database(self._server, name)):
            yield
        administer(self._server, f"DROP DATABASE {name} WITH (FORCE)")

    def drop(self) -> None:
        administer(self._server, f"DROP DATABASE IF EXISTS {self._built} WITH (FORCE)")


@contextmanager
def bound(url: str) -> Iterator[None]:
    """The process holds a connection to that database."""
    bind(url)
    with connection():
        yield
    database.close_all()
    forget_connections()
