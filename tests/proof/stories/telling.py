"""Tells stories of a number, and notes what came of them."""

import os
import random
from collections.abc import Sequence

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.proof.ledger import proven
from tests.proof.scale import FULL
from tests.proof.stories.machine import Machine
from tests.proof.stories.worlds import Worlds

# Of four steps one cannot happen.
_STEPS = 66 if FULL else 53
_SEEDS = range(1, 31)
TIMEOUT_SECONDS = 24 * 3600 if FULL else 600


def seeds() -> Sequence[int]:
    """Another one each time, where there is the time for it; else the same ones. PROOF_SEED repeats one."""
    if said := os.environ.get("PROOF_SEED"):
        return [int(said)]
    return [random.SystemRandom().randrange(10**6)] if FULL else _SEEDS


def told_by(opened: Worlds) -> type[Machine]:
    class Told(Machine):
        worlds = opened

    Told.begin_anew()
    return Told


def tell(told: type[Machine], stories: int, number: int) -> None:
    """Tell stories made of a number. Whoever has hours lets them be shortened too."""
    print(f"PROOF_SEED={number}")  # noqa: T201 - pytest shows it with a failure
    try:
        run_state_machine_as_test(
            seed(number)(told),
            settings=settings(
                max_examples=stories,
                stateful_step_count=_STEPS,
                deadline=None,
                database=None,
                phases=(Phase.generate, Phase.shrink) if FULL else (Phase.generate,),
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        print(f"STORIES {told.begun}, steps {sum(told.tried.values())}")  # noqa: T201


def note(told: type[Machine], engine: str, number: int) -> None:
    tried, changed = sum(told.tried.values()), sum(told.succeeded.values())
    least, count = min(told.succeeded.items(), key=lambda item: item[1])
    figure = (
        f"{tried:,} steps in {told.begun:,} stories, {told.deaths:,} deaths; {changed:,} steps changed something, of "
        f"{len(told.succeeded)} kinds, the rarest ({least.replace('_', ' ')}) {count:,} times; nothing was wrong after "
        f"any, nor the {told.quiets:,} times that all was quiet"
    )
    for promise in ("STORIES", "P1", "P3", "P4", "P10"):
        proven(promise, f"stories of people, workers, clouds and operators, on {engine}", figure, number)
