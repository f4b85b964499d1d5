"""What a run is judged by, how its figures are kept, and what the page says of them."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from benchmarks.storm.figures import Away, Figures, Lateness, read
from benchmarks.storm.page import summary, written
from benchmarks.storm.plan import Mode

TIMELY = Lateness(measured=900, median=0.8, p99=1.9, longest=4.9, unseen=3, retaken=2, longest_retaken=1.0)
AWAY = Away("AWS", 1_200, 40, 9.0, 31.0, {"API": 121.0, "metrics": 121.5, "log": 129.0}, TIMELY)
GOOD = Figures(
    mode=Mode.STORM,
    seed=1,
    sessions=1_000,
    rate=4.0,
    seconds=250.0,
    callers=48,
    done={"started": 1_000, "stopped": 300},
    refused={"POST stop: 409 CONFLICT": 4},
    unanswered=77,
    rows=1_000,
    killed={"worker child": 60, "Valkey": 40},
    wanted_kills=100,
    faults={"AWS": {"throttled": 1_234}},
    processors=2,
    load=[0.5, 2.5, 1.0],
    lateness=TIMELY,
    recorded={"compared": 900, "too_soon": 0, "median_after": 0.2, "longest_after": 2.0},
    sampling={"median": 0.3, "longest": 1.2},
    ours_left=0,
    rows_left=0,
    foreign_rules=80,
    foreign_changes=400,
    touched=[],
)


def broken(**changes: Any) -> list[str]:
    """The claims that do not hold for the good run with these changes."""
    return [claim for claim, kept in dataclasses.replace(GOOD, **changes).claims() if not kept]


@pytest.mark.parametrize(
    ("mode", "most", "too_much"),
    [
        (Mode.STORM, {"p99": 20, "longest": 60}, {"p99": 20.01, "longest": 60.01}),
        (Mode.HEALTHY, {"p99": 2, "longest": 5}, {"p99": 2.01, "longest": 5.01}),
        (Mode.REDIS_AWAY, {"p99": 3}, {"p99": 3.01}),
    ],
)
def test_lateness_is_held_to_what_was_promised(mode: Mode, most: dict[str, Any], too_much: dict[str, Any]) -> None:
    assert broken(mode=mode, lateness=dataclasses.replace(TIMELY, **most)) == []
    for name, value in too_much.items():
        assert len(broken(mode=mode, lateness=dataclasses.replace(TIMELY, **{name: value}))) == 1


def test_a_rule_that_was_too_late_when_it_was_wanted_again_counts() -> None:
    assert broken(lateness=dataclasses.replace(TIMELY, longest_retaken=61.0)) == ["longest ≤ 60 s"]


@pytest.mark.parametrize(
    "changes",
    [
        {"ours_left": 1},
        {"rows_left": 1},
        {"touched": ["AWS sgr-1"]},
        {"rows": 1_001},
        {"done": {"started": 999}},
        {"killed": {"Valkey": 99}},
        {"failures": ["a look failed"]},
        {"lateness": dataclasses.replace(TIMELY, measured=0)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_whatever_went_wrong_is_said(changes: dict[str, Any]) -> None:
    assert len(broken(**changes)) == 1


@pytest.mark.parametrize(
    "changes",
    [{"back_longest": 60.1}, {"due": 0}, {"shown": {**AWAY.shown, "log": None}}, {"shown": {**AWAY.shown, "API": 141}}],
    ids=["gone too late", "nothing was due", "never told", "told too late"],
)
def test_a_cloud_that_was_away_is_held_to_its_return_and_to_what_was_told(changes: dict[str, Any]) -> None:
    assert broken(mode=Mode.CLOUD_AWAY, away=AWAY) == []
    away = dataclasses.replace(AWAY, **changes)
    assert len(broken(mode=Mode.CLOUD_AWAY, away=away)) == 1


@pytest.mark.parametrize("changes", [{}, {"mode": Mode.CLOUD_AWAY, "away": AWAY}], ids=["storm", "away"])
def test_figures_are_read_as_they_were_kept(changes: dict[str, Any], tmp_path: Path) -> None:
    run = dataclasses.replace(GOOD, **changes)
    file = tmp_path / "figures" / "one.json"

    run.keep(file)

    assert dataclasses.replace(read(file), slowest=(), too_soon=(), failures=(), left=()) == run
    assert list(file.parent.iterdir()) == [file]


def test_the_page_tells_what_was_run_and_what_came_of_it() -> None:
    page = written([dataclasses.replace(GOOD, seed=2), GOOD])

    assert "| seed | 1 | 2 |" in page
    assert "Over the seeds: 2,000 sessions, 200 kills." in page
    assert "0.80 s, 1.90 s, 4.90 s of 900" in page
    assert "Valkey 40, worker child 60" in page
    assert "All of it was so." in page
    assert page.count("It has not been run.") == 3


def test_the_page_says_what_was_broken_and_in_which_run() -> None:
    page = written([GOOD, dataclasses.replace(GOOD, seed=2, ours_left=3)])

    assert "- seed 2: 0 rules of ours left" in page
    assert "All of it was so" not in page


def test_whoever_looks_on_is_told_of_each_claim() -> None:
    told = summary(dataclasses.replace(GOOD, touched=["AWS sgr-1"]))

    assert "BROKEN  0 foreign rules touched" in told
    assert "kept    0 rules of ours left" in told
