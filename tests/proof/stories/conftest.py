"""A world for stories, on each database."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from api.clouds import CLOUDS
from tests.clouds import nimbus
from tests.proof.stories.sky import Moments
from tests.proof.stories.worlds import Copies, CopiesOnAServer, Worlds

_WHO_KNOW_CLOUDS = (
    *("api.credentials.secrets", "api.credentials.service", "api.resources.service", "api.targets.service"),
    *("api.targets.work", "worker.connections", "worker.verify", "worker.turn"),
)
_MOMENT = 1_750_000_000_000_000_000


@pytest.fixture
def moments(monkeypatch: pytest.MonkeyPatch) -> Moments:
    """Nimbus is one of the clouds, and every commit is a moment to die at."""
    watched = Moments()
    watched.watch_commits(monkeypatch)
    clouds = {**CLOUDS, "NIMBUS": nimbus.Nimbus()}
    for module in _WHO_KNOW_CLOUDS:
        monkeypatch.setattr(f"{module}.CLOUDS", clouds)
    return watched


@pytest.fixture
def ticking_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite's clock goes on by a microsecond at each look, so that a story goes the same way each time."""
    ticks = itertools.count(_MOMENT, 1000)
    monkeypatch.setattr("api.database.time", SimpleNamespace(time_ns=ticks.__next__))


@pytest.fixture
def worlds(
    tmp_path: Path,
    sqlite_template: bytes,
    moments: Moments,
    ticking_clock: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Worlds:
    """On SQLite."""
    return Worlds(tmp_path, moments, monkeypatch, Copies(sqlite_template, tmp_path))


@pytest.fixture
def worlds_on_postgresql(
    tmp_path: Path, postgresql_server: str, postgresql_template: str, moments: Moments, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Worlds]:
    copies = CopiesOnAServer(postgresql_server, postgresql_template)
    yield Worlds(tmp_path, moments, monkeypatch, copies)
    copies.drop()
