"""Whatever happens in whatever order, what is promised of sessions and their rules holds."""

import os
import random
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.proof.ledger import proven
from tests.proof.scale import FULL
from tests.proof.stories.machine import Machine
from tests.proof.stories.story import ACTIONS
from tests.proof.stories.worlds import Worlds

# Of four steps one cannot happen.
STORIES, STEPS = (2000, 66) if FULL else (12, 53)
STORIES_ON_POSTGRESQL = 200 if FULL else 2
# A few more are told of the next one, and the next, where something has not happened yet.
_SEEDS = range(1, 31)
_FEW_MORE = 3
_DAY_SECONDS = 24 * 3600


@pytest.mark.timeout(_DAY_SECONDS if FULL else 600)
def test_all_is_as_promised_after_each_step_and_when_all_is_quiet(worlds: Worlds) -> None:
    told = _told_by(worlds)
    for number in _seeds():
        _tell(told, _FEW_MORE if told.begun else STORIES, STEPS, number)
        if not (missing := {name for name in ACTIONS if not told.succeeded[name]}):
            break

    assert not missing, "each action has changed something"
    _note(told, "sqlite", number)


@pytest.mark.timeout(_DAY_SECONDS if FULL else 600)
def test_the_same_on_a_server_with_a_clock_of_its_own(worlds_on_postgresql: Worlds) -> None:
    told = _told_by(worlds_on_postgresql)
    number = _seeds()[0]

    _tell(told, STORIES_ON_POSTGRESQL, STEPS, number)

    _note(told, "postgresql", number)


def _seeds() -> Sequence[int]:
    """Another one each time, where there is the time for it; else the same ones. PROOF_SEED repeats one."""
    if said := os.environ.get("PROOF_SEED"):
        return [int(said)]
    return [random.SystemRandom().randrange(10**6)] if FULL else _SEEDS


def _told_by(opened: Worlds) -> type[Machine]:
    class Told(Machine):
        worlds = opened

    Told.begin_anew()
    return Told


def _tell(told: type[Machine], stories: int, steps: int, number: int) -> None:
    """Tell stories made of a number. Whoever has hours lets them be shortened too."""
    print(f"PROOF_SEED={number}")  # noqa: T201 - pytest shows it with a failure
    try:
        run_state_machine_as_test(
            seed(number)(told),
            settings=settings(
                max_examples=stories,
                stateful_step_count=steps,
                deadline=None,
                database=None,
                phases=(Phase.generate, Phase.shrink) if FULL else (Phase.generate,),
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        print(f"STORIES {told.begun}, steps {sum(told.tried.values())}")  # noqa: T201


def _note(told: type[Machine], engine: str, number: int) -> None:
    tried, changed = sum(told.tried.values()), sum(told.succeeded.values())
    least, count = min(told.succeeded.items(), key=lambda item: item[1])
    figure = (
        f"{tried:,} steps in {told.begun:,} stories, {told.deaths:,} deaths; {changed:,} steps changed something, of "
        f"{len(told.succeeded)} kinds, the rarest ({least.replace('_', ' ')}) {count:,} times; nothing was wrong after "
        f"any, nor the {told.quiets:,} times that all was quiet"
    )
    for promise in ("STORIES", "P1", "P3", "P4", "P10"):
        proven(promise, f"stories of people, workers, clouds and operators, on {engine}", figure, number)
