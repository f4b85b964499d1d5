"""Wherever a process dies, it is started again and the state ends right: as if it had not died, and as it must be."""

import json
from pathlib import Path

import pytest

from api.clouds import CLOUDS
from tests.proof.crashes.crashes import Crashes
from tests.proof.crashes.deed import named
from tests.proof.crashes.every_deed import DEEDS
from tests.proof.crashes.writers import writers
from tests.proof.ledger import proven
from tests.proof.scale import FULL

_LEAST_POINTS = 40
_ENGINES = 2


class ClaimsOfCrashes:
    """Inherited by a class for each engine, in a file of its own: the two can run beside each other."""

    @pytest.mark.parametrize("deed", DEEDS)
    def test_the_state_ends_right_wherever_the_process_dies(self, crashes: Crashes, deed: str) -> None:
        deaths = crashes.of(DEEDS[deed])

        assert deaths.wrong == []
        assert deaths.taken, "the deed passes a point"
        assert set(deaths.taken) <= crashes.died_at, "something has died at each that this engine takes"

    def test_something_has_died_at_every_point_that_either_engine_passes(
        self, crashes: Crashes, engine: str, together: Path
    ) -> None:
        passed = {point for deed in DEEDS.values() for point in crashes.of(deed).points}
        by_engine = _left(together, engine, {"passed": sorted(passed), "died at": sorted(crashes.died_at)})

        # Shortly each takes a half: whichever comes last sees both.
        if FULL or len(by_engine) == _ENGINES:
            died_at = {point for each in by_engine for point in each["died at"]}
            assert [point for each in by_engine for point in each["passed"] if point not in died_at] == []

    def test_processes_of_each_kind_die_at_forty_points_and_more(self, crashes: Crashes, engine: str) -> None:
        deaths = {name: crashes.of(deed) for name, deed in DEEDS.items()}
        points = {point for each in deaths.values() for point in each.died_at}
        died = {DEEDS[name].process for name, each in deaths.items() if each.died_at}

        assert died == {"API", "worker", "sweeper", "command"}
        assert len(points) >= _LEAST_POINTS
        if not any(each.wrong for each in deaths.values()):
            _tell(engine, len(points), sum(len(each.died_at) for each in deaths.values()))

    @pytest.mark.parametrize("cloud", CLOUDS)
    @pytest.mark.parametrize("deed", ["accept a credential and its resource", "open a rule", "close a rule"])
    def test_a_process_dies_before_and_after_a_call_to_every_cloud(
        self, crashes: Crashes, deed: str, cloud: str
    ) -> None:
        crashes.of(DEEDS[named(deed, cloud)])

        assert any(point.startswith(f"before {cloud} ") for point in crashes.died_at)
        assert any(point.startswith(f"after {cloud} ") for point in crashes.died_at)

    def test_whoever_writes_has_died(self, crashes: Crashes) -> None:
        opened = {writer for deed in DEEDS.values() for writer in crashes.of(deed).opened}

        assert opened == writers()


def _left(together: Path, engine: str, points: dict[str, list[str]]) -> list[dict[str, list[str]]]:
    """The points of each engine that has come so far, this one among them."""
    written = together / f"{engine}.part"
    written.write_text(json.dumps(points), encoding="utf-8")
    written.replace(together / f"{engine}.json")
    return [json.loads(file.read_text(encoding="utf-8")) for file in together.glob("*.json")]


def _tell(engine: str, points: int, deaths: int) -> None:
    figure = f"{deaths} deaths at {points} points in {len(DEEDS)} deeds; every state ended right"
    which = "as often as it is passed" if FULL else "once, on this engine or the other"
    proven("CRASHES", f"a process dies at each named point, {which}, and is started again, on {engine}", figure)
    proven("P5", f"every verification that a dead process left is ended by the next, on {engine}", figure)
    proven("CRASHES", f"what a dead process was to open or to close is as it is wanted, on {engine}", figure)
    proven("P10", f"one event for each change and none without, whatever died, on {engine}", figure)
