"""Another organisation's id takes as long to refuse as one that nothing has."""

import random
import re
import time
import uuid
from collections.abc import Callable, Mapping

import pytest

from api.credentials import service as credentials
from tests.proof.ledger import proven
from tests.proof.matrix import ROWS
from tests.proof.promises.mann_whitney import p_value
from tests.proof.scale import FULL
from tests.proof.world import World

PAIRS = 2000
WARM_UP = 50
SEED = 11
WORK_SECONDS = 0.0003

# What waits for a worker asks for the object first, as GET does; what is written is looked up like what is read.
# Each with one of the ids in its path, which is the foreign one.
ASKED = [(name, kind) for name in ROWS if not ROWS[name].needs_worker for kind in re.findall(r"{(\w+)}", name)]
# By Bonferroni: of so many operations, each measured with two clocks, one would differ by chance alone.
SIGNIFICANT = 0.01 / (2 * len(dict(ASKED)))
CLOCKS: Mapping[str, Callable[[], float]] = {"time": time.perf_counter, "work": time.thread_time}
"""The second leaves out what else runs on the machine."""


def differences(world: World, name: str, kind: str) -> dict[str, float]:
    """By clock, how probable the difference is by chance between refusals of a foreign id and of an id of nothing."""
    operation = world.operations[name]
    headers = world.headers("an administrator", operation, afresh=True)  # a token lives for a quarter of an hour
    body = world.body(operation, world.own)
    order = random.Random(SEED)  # noqa: S311 - hides nothing
    foreign: dict[str, list[float]] = {clock: [] for clock in CLOCKS}
    unknown: dict[str, list[float]] = {clock: [] for clock in CLOCKS}
    # One that is asked for as often: an id that was never seen before takes longer, whosever it is.
    nobodys = str(uuid.uuid4())
    for number in range(WARM_UP + PAIRS):
        asked = [(foreign, world.foreign[kind]), (unknown, nobodys)]
        order.shuffle(asked)
        for kept, object_id in asked:
            ids = {**world.own, kind: object_id}
            begun = {clock: read() for clock, read in CLOCKS.items()}
            answer = world.ask(operation, headers, ids, json=body)
            ended = {clock: read() for clock, read in CLOCKS.items()}
            assert answer.status_code == 404
            if number >= WARM_UP:
                for clock in CLOCKS:
                    kept[clock].append(ended[clock] - begun[clock])
    return {clock: p_value(foreign[clock], unknown[clock]) for clock in CLOCKS}


@pytest.mark.alone
@pytest.mark.skipif(not FULL, reason="thousands of requests for each operation")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("name", "kind"), ASKED)
def test_another_organisations_id_takes_no_longer_than_one_of_nothing(world: World, name: str, kind: str) -> None:
    found = differences(world, name, kind)

    assert min(found.values()) > SIGNIFICANT, found
    tested = f"{name}: time and work of a foreign and of an unknown {kind}, {PAIRS:,} pairs"
    proven("P11", tested, ", ".join(f"p = {found[clock]:.2f} of the {clock}" for clock in CLOCKS), SEED)


@pytest.mark.alone
@pytest.mark.skipif(not FULL, reason="thousands of requests")
@pytest.mark.timeout(3600)
def test_a_third_of_a_millisecond_would_be_seen(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the other tests prove nothing."""
    of: Callable[..., object] = credentials.of
    foreign_id = world.foreign["credential_id"]

    def slow_for_foreign(organisation_id: uuid.UUID, credential_id: uuid.UUID) -> object:
        until = time.thread_time() + WORK_SECONDS
        while str(credential_id) == foreign_id and time.thread_time() < until:
            pass
        return of(organisation_id, credential_id)

    monkeypatch.setattr(credentials, "of", slow_for_foreign)
    found = min(differences(world, "GET /credentials/{credential_id}", "credential_id").values())

    assert found < SIGNIFICANT
    tested = f"a lookup that takes {1000 * WORK_SECONDS} ms longer for a foreign id"
    proven("P11", tested, f"is seen, p = {found:.0e}", SEED)


@pytest.mark.parametrize(("shift", "is_seen"), [(0.0, False), (0.2, True)])
def test_the_measure_sees_a_difference_and_invents_none(shift: float, is_seen: bool) -> None:
    chance = random.Random(SEED)  # noqa: S311 - hides nothing
    one = [chance.lognormvariate(0, 1) for _ in range(PAIRS)]
    other = [chance.lognormvariate(shift, 1) for _ in range(PAIRS)]

    assert (p_value(one, other) < SIGNIFICANT) is is_seen


def test_the_measure_is_that_of_the_books() -> None:
    """Thirty values below thirty others are 6.65 standard deviations away; equal values count by half."""
    assert p_value([1, 2, 3] * 40, [1, 2, 3] * 40) == 1.0
    assert p_value(range(30), range(100, 130)) == pytest.approx(2.87e-11, rel=0.05)
