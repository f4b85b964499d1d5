"""Every operation asked as everybody: who may is served, and who may not learns and changes nothing."""

from collections import Counter
from typing import Any

import pytest

from api.access import ANYBODY, SCOPES
from api.openapi import BASE_PATH
from tests.proof.callers import CALLERS, Standing
from tests.proof.crowd import shows_eve
from tests.proof.ledger import proven
from tests.proof.matrix import (
    FILTERS,
    LEAVES_MOST_OUT,
    NAMES_NOTHING,
    OBJECTS,
    ROWS,
    SHOWS_NOTHING_KEPT,
    Expected,
    expected,
    object_of,
    scope_of,
)
from tests.proof.operations import Operation
from tests.proof.statements import heard, is_write
from tests.proof.world import World

LISTS = [name for name in ROWS if name.startswith("GET") and "{" not in name and name not in SHOWS_NOTHING_KEPT]

everything = pytest.mark.parametrize("name", ROWS)
everybody = pytest.mark.parametrize("asker", CALLERS)
answered: Counter[str] = Counter()
"""How many operations have answered each kind of caller well."""


def operation_of(world: World, name: str) -> Operation:
    if name not in world.operations:
        pytest.fail(f"the server has no {name}: take its row out of tests/proof/matrix.py")
    return world.operations[name]


def told(answer: Any) -> Expected:
    """The answer as the matrix has it."""
    is_error = answer.status_code >= 400
    return Expected(answer.status_code, answer.get_json()["error"] if is_error else None)


def test_every_operation_has_a_row(world: World) -> None:
    missing = sorted(set(world.operations) - set(ROWS))

    assert missing == [], f"{missing} need a row in tests/proof/matrix.py"


def test_every_id_that_a_request_holds_names_a_known_kind_of_object(world: World) -> None:
    for operation in world.operations.values():
        for name in (*operation.path_ids, *(object_of(name) for name in operation.body_ids)):
            assert name in OBJECTS, f"{operation.name}: {name} needs a line in OBJECTS of tests/proof/matrix.py"


def test_every_parameter_of_a_query_is_known_for_what_it_can_name(world: World) -> None:
    parameters = {name for operation in world.operations.values() for name in operation.query}

    assert parameters - set(FILTERS) - NAMES_NOTHING == set()


def test_every_operation_is_documented_with_the_scope_that_the_contract_names(world: World) -> None:
    documented = {operation.name: operation.scope for operation in world.operations.values()}

    assert documented == {name: scope_of(name) for name in documented}
    assert set(documented.values()) - SCOPES == {None, ANYBODY}


@everything
@everybody
def test_everybody_is_answered_as_their_standing_says(world: World, name: str, asker: str) -> None:
    operation, caller = operation_of(world, name), CALLERS[asker]
    row, wanted = ROWS[name], expected(operation, caller)
    is_served = wanted.code is None
    changes_something = is_served and operation.method != "GET"
    fresh = world.made_by(world.crowd.ada, operation.path_ids) if changes_something else {}
    ids = {**world.own, **fresh}
    headers = world.headers(asker, operation, afresh=is_served and row.ends_login)

    if is_served and row.needs_worker:
        with world.worker():
            answer = world.ask(operation, headers, ids)
    else:
        answer = world.ask(operation, headers, ids)

    assert told(answer) == wanted, answer.text
    assert operation.documents(wanted.status, wanted.code)
    assert shows_eve(answer.text) <= (caller.standing is Standing.OUTSIDER)
    answered[asker] += 1
    figure = f"{answered[asker]} of {len(ROWS)} answered as the contract has it"
    proven("MATRIX", f"the OpenAPI document's operations asked as {asker}", figure)


@everything
def test_who_is_refused_changes_nothing_and_learns_nothing_of_what_is_there(world: World, name: str) -> None:
    operation = operation_of(world, name)
    wanted = {asker: expected(operation, caller) for asker, caller in CALLERS.items()}
    for asker, refusal in wanted.items():
        if refusal.status not in (401, 403):
            continue
        headers = world.headers(asker, operation)
        with heard() as statements:
            answers = [
                world.ask(operation, headers, ids)
                for ids in (world.own, world.foreign, dict.fromkeys(OBJECTS, "nonsense"))
            ]

        assert {told(answer) for answer in answers} == {refusal}
        assert len({answer.get_json()["message"] for answer in answers}) == 1, asker
        assert [statement for statement in statements if is_write(statement)] == [], asker


@everything
def test_who_is_refused_is_told_so_before_anything_about_the_request(world: World, name: str) -> None:
    operation = operation_of(world, name)
    for asker, caller in CALLERS.items():
        refusal = expected(operation, caller)
        if refusal.status in (401, 403) and refusal != ROWS[name].for_keys:
            headers = world.headers(asker, operation)
            answer = world.ask(operation, headers, world.own, data=b"nonsense", query="nonsense=1")
            assert told(answer) == refusal, asker


@pytest.mark.parametrize("name", LISTS)
def test_no_list_shows_what_is_another_organisations(world: World, name: str) -> None:
    operation = operation_of(world, name)
    for query in ("", *operation.options()):
        ours = world.ask(operation, world.crowd.ada, world.own, query=query).text
        theirs = world.ask(operation, world.crowd.eve, world.own, query=query).text

        assert not shows_eve(ours) and not any(foreign in ours for foreign in world.foreign.values())
        assert shows_eve(theirs) or query.startswith(LEAVES_MOST_OUT), "else this proves nothing"


@pytest.mark.parametrize("name", [name for name in ROWS if name.startswith("GET")])
def test_who_may_not_get_may_not_ask_for_its_head_either(world: World, name: str) -> None:
    operation = operation_of(world, name)
    path = f"{BASE_PATH}{operation.path.format(**world.own)}"
    for asker, caller in CALLERS.items():
        refusal = expected(operation, caller)
        if refusal.code is not None:
            answer = world.client.head(path, headers=world.headers(asker, operation))
            assert answer.status_code == refusal.status, asker
