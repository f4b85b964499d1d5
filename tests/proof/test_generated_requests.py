"""No request that the OpenAPI document can think of is answered otherwise than it says.

`make fuzz` makes many more of them: FUZZ_REQUESTS for each of FUZZ_SEEDS.
"""

import os
from functools import cache

import pytest

from tests.api.conftest import valkey  # noqa: F401  pytest finds a fixture by its name in here
from tests.proof.generated_requests import Outcome, run, told
from tests.proof.ledger import proven
from tests.valkey_server import ValkeyServer

REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "2000"))
# `make fuzz` gives each a process of its own.
SEEDS = [
    pytest.param(int(seed), marks=pytest.mark.xdist_group(f"seed {seed}"))
    for seed in os.environ.get("FUZZ_SEEDS", "1").split()
]
IS_SHORT = REQUESTS < 20_000
SUCCESSES = 3 if IS_SHORT else 20

# A short run is done in a minute; of a long one each request may take half a second, on a machine that does more.
pytestmark = [
    pytest.mark.timeout(900 if IS_SHORT else REQUESTS // 2),
    # schemathesis draws the names of its requests outside hypothesis; they are no part of what is tested.
    pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning"),
]


@pytest.fixture(scope="module", params=SEEDS)
def asked(request: pytest.FixtureRequest, valkey: ValkeyServer) -> tuple[Outcome, list[str]]:  # noqa: F811
    return _asked(valkey.url, request.param)


@cache
def _asked(redis_url: str, seed: int) -> tuple[Outcome, list[str]]:
    """Rounds of requests, each at a new server, so that its lists and its audit trail stay short."""
    outcome = Outcome()
    operations = run(redis_url, seed, 8, outcome=outcome, covering=True)
    number = 0
    # Chance may leave a rare operation for later: it gets some rounds more before it counts as one that never succeeds.
    while outcome.requests < REQUESTS or (_least(outcome, operations) < SUCCESSES and outcome.requests < 3 * REQUESTS):
        number += 1
        run(redis_url, seed * 1000 + number, 60 if not IS_SHORT else 8, outcome=outcome, covering=False)
    return outcome, operations


def _least(outcome: Outcome, operations: list[str]) -> int:
    """How often the operation succeeded that did so least."""
    return min(outcome.successes(operation) for operation in operations)


def test_every_answer_is_as_the_document_says(asked: tuple[Outcome, list[str]]) -> None:
    outcome, _ = asked

    assert outcome.failures == {}, told(outcome.failures)


def test_as_many_requests_were_made_as_were_asked_for(
    asked: tuple[Outcome, list[str]], request: pytest.FixtureRequest
) -> None:
    outcome, operations = asked
    seed = request.node.callspec.params["asked"]

    assert outcome.requests >= REQUESTS
    assert not [answer for answer in outcome.answers if answer[1] >= 500]
    least = _least(outcome, operations)
    made = f"{outcome.requests:,} requests of {len(operations)} operations, {outcome.linked:,} of them in stories"
    for promise in ("GENERATED", "P17"):
        figure = f"{made}: 0 of them 5xx, {least} or more 2xx for each operation"
        proven(promise, f"{REQUESTS:,} or more requests made of the OpenAPI document, seed {seed}", figure, seed)


def test_every_operation_succeeds_often_enough_to_be_tested(asked: tuple[Outcome, list[str]]) -> None:
    outcome, operations = asked
    successes = {operation: outcome.successes(operation) for operation in operations}

    assert {name: n for name, n in successes.items() if n < SUCCESSES} == {}


@pytest.mark.parametrize("collection", ["credentials", "resources", "roles", "static-ip-rules", "users", "api-keys"])
def test_objects_are_made_changed_and_deleted_and_looked_at(asked: tuple[Outcome, list[str]], collection: str) -> None:
    outcome, _ = asked
    deeds = ("POST", "DELETE") if collection == "api-keys" else ("POST", "PATCH", "DELETE")

    assert all(outcome.deeds[f"{deed} {collection}"] >= SUCCESSES for deed in deeds), outcome.deeds


def test_stories_are_told_about_one_object(asked: tuple[Outcome, list[str]]) -> None:
    outcome, _ = asked

    assert outcome.linked >= SUCCESSES
