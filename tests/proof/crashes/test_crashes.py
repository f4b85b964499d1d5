"""Wherever a process dies, it is started again and the state ends right: as if it had not died, and as it must be."""

import os

import pytest

from tests.proof.crashes.crashes import EVERY, Crashes
from tests.proof.crashes.every_deed import DEEDS
from tests.proof.crashes.writers import transactions, writers
from tests.proof.ledger import proven

pytestmark = [pytest.mark.engines("sqlite", "postgresql"), pytest.mark.timeout(600)]

LEAST_POINTS = 40
OF_THEIR_OWN = {
    "api.accounts.service.organisations:_inserted": "a savepoint within `write`, for a slug that is taken",
    "api.database:write": "the one place where anything is committed",
}
"""Who opens a transaction by peewee's own words, and why."""


@pytest.mark.parametrize("deed", DEEDS)
def test_the_state_ends_right_wherever_the_process_dies(crashes: Crashes, deed: str) -> None:
    deaths = crashes.of(DEEDS[deed])

    assert deaths.wrong == []
    assert deaths.points, "the deed passes a point"
    assert set(deaths.died_at) == set(deaths.points), "it has died at each"


def test_processes_of_each_kind_die_at_forty_points_and_more(crashes: Crashes, engine: str) -> None:
    deaths = {name: crashes.of(deed) for name, deed in DEEDS.items()}
    points = {point for each in deaths.values() for point in each.died_at}
    died = {DEEDS[name].process for name, each in deaths.items() if each.died_at}

    assert died == {"API", "worker", "sweeper", "command"}
    assert len(points) >= LEAST_POINTS
    _tell(engine, len(points), sum(len(each.died_at) for each in deaths.values()))


def test_whoever_writes_has_died(crashes: Crashes) -> None:
    opened = {writer for deed in DEEDS.values() for writer in crashes.of(deed).opened}

    assert opened == writers()


def test_nothing_is_committed_beside_the_points() -> None:
    assert transactions() == OF_THEIR_OWN.keys()


def _tell(engine: str, points: int, deaths: int) -> None:
    figure = f"{deaths} deaths at {points} points in {len(DEEDS)} deeds; every state ended right"
    which = "as often as it is passed" if os.environ.get(EVERY) else "once for each deed"
    proven("CRASHES", f"a process dies at each named point, {which}, and is started again, on {engine}", figure)
    proven("P5", f"every verification that a dead process left is ended by the next, on {engine}", figure)
    proven("P10", f"one event for each change and none without, whatever died, on {engine}", figure)
