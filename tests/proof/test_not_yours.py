"""What is another organisation's is answered exactly as what does not exist, down to the SQL that is asked."""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.proof.ledger import proven
from tests.proof.matrix import FILTERS, OBJECTS, ROWS, object_of
from tests.proof.operations import Operation
from tests.proof.statements import heard
from tests.proof.world import World

pytestmark = pytest.mark.engines("sqlite", "postgresql")

# What tells of the request itself, whatever is asked.
_OF_THE_REQUEST = {"X-Request-ID", "Date", "RateLimit-Remaining", "RateLimit-Reset"}
_TOLD_OF_THE_REQUEST = re.compile(r'"(timestamp|requestId)":"[^"]*"')
_STALE = {"If-Match": '"999"'}
with_ids = pytest.mark.parametrize("name", [name for name in ROWS if "{" in name])

_ASKERS = ("an administrator", "a key with the scope")


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that can be seen of an answer, and what the database was asked for it."""

    status: int
    body: str
    headers: tuple[tuple[str, str], ...]
    statements: tuple[str, ...]


def seen(world: World, operation: Operation, headers: dict[str, str], named: str, **request: Any) -> Seen:
    """What comes of a request that names `named`; its name itself is left out."""
    with heard() as statements:
        answer = world.ask(operation, headers, **request)
    shown = sorted((name, value) for name, value in answer.headers if name not in _OF_THE_REQUEST)
    body = _TOLD_OF_THE_REQUEST.sub("", answer.text).replace(named, "…")
    return Seen(answer.status_code, body, tuple(shown), tuple(statements))


def askers(world: World, operation: Operation) -> Iterator[dict[str, str]]:
    """The headers of those who may. Each has asked just now, so that the next use of a key is not noted."""
    for name in _ASKERS:
        headers = world.headers(name, operation)
        world.ask(world.operations["GET /auth/me"], headers, world.own)
        yield headers


def conditions(operation: Operation) -> Iterator[dict[str, str]]:
    """The headers that an operation takes, one at a time: each is a way to ask whether something is there."""
    yield {}
    if "If-Match" in operation.headers:
        yield from ({"If-Match": '"1"'}, _STALE)
    if "Idempotency-Key" in operation.headers:
        yield {"Idempotency-Key": str(uuid.uuid4())}


def requests(operation: Operation) -> Iterator[tuple[str, dict[str, str]]]:
    """Each query and each header that an operation can be asked with."""
    for query in dict.fromkeys(("", ROWS[operation.name].query, *operation.options())):
        yield from ((query, headers) for headers in conditions(operation))


def unlike_unknown(world: World, operation: Operation, kind: str, body_id: str | None = None) -> list[Any]:
    """The requests in which Eve's object is not answered as one that is nobody's."""
    found = []
    for identity in askers(world, operation):
        for query, headers in requests(operation):
            answers = []
            for named in (world.foreign[kind], str(uuid.uuid4())):
                ids = world.own if body_id else {**world.own, kind: named}
                json = world.body(operation, ids)
                if body_id:
                    json = {**(json or {}), body_id: [named] if body_id.endswith("s") else named}
                told = {**identity, **headers}
                answers.append(seen(world, operation, told, named, ids=ids, json=json, query=query))
            foreign, unknown = answers
            # The caller's own object in the path is compared with its revision before its body is looked at.
            is_missed = (body_id and headers == _STALE) or (
                foreign.status == 404 and OBJECTS[kind].missing in foreign.body
            )
            if foreign != unknown or not is_missed:
                found.append((query, headers, foreign, unknown))
    return found


@with_ids
def test_another_organisations_id_in_the_path_is_like_one_that_is_nobodys(world: World, name: str) -> None:
    operation = world.operations[name]

    for kind in operation.path_ids:
        assert unlike_unknown(world, operation, kind) == []
    asked = sum(1 for _ in requests(operation)) * len(_ASKERS) * len(operation.path_ids)
    proven("P11", f"{name} with another organisation's id", f"{asked} requests answered as with an id of nothing")


def test_another_organisations_id_in_a_body_is_like_one_that_is_nobodys(world: World) -> None:
    places = [(operation, name) for operation in world.operations.values() for name in operation.body_ids]
    assert places

    for operation, name in places:
        assert unlike_unknown(world, operation, object_of(name), name) == [], operation.name
    proven("P11", "another organisation's id in a body", f"{len(places)} of {len(places)} places answered as unknown")


def test_a_filter_by_what_is_another_organisations_is_like_one_by_nothing(world: World) -> None:
    places = [(operation, name) for operation in world.operations.values() for name in operation.query.keys() & FILTERS]
    assert {name for _, name in places} == set(FILTERS)

    for operation, name in places:
        foreign = FILTERS[name].foreign(world.crowd, operation)
        unknown = FILTERS[name].unknown(foreign)
        assert foreign != unknown and len(foreign) == len(unknown)
        for headers in askers(world, operation):
            for rest in ("", *(f"&{option}" for option in operation.options())):
                first, second = (
                    seen(world, operation, headers, value, ids=world.own, query=f"{name}={value}{rest}")
                    for value in (foreign, unknown)
                )
                assert first == second and first.status == 200, (operation.name, rest)
    proven("P11", "filters that name what is another organisation's", f"{len(places)} of {len(places)} as for nothing")


@pytest.mark.parametrize("malformed", ["nonsense", "0", "%00", "7c9e6679742540de944be07fc1f90ae7"])
@with_ids
def test_a_malformed_id_is_answered_as_one_that_is_nobodys(world: World, name: str, malformed: str) -> None:
    operation = world.operations[name]

    for kind in operation.path_ids:
        for headers in askers(world, operation):
            answer = world.ask(operation, headers, {**world.own, kind: malformed})
            assert (answer.status_code, answer.get_json()["error"]) == (404, OBJECTS[kind].missing)


def test_eves_things_are_there_for_eve(world: World) -> None:
    """Else all of these would hold for any id."""
    for operation in world.operations.values():
        if operation.method == "GET" and operation.path_ids and not ROWS[operation.name].needs_worker:
            assert world.ask(operation, world.crowd.eve, world.foreign).status_code == 200
