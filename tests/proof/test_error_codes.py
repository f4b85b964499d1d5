"""Every error code can be met in the running application, and is documented wherever it is."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.errors import EntryGuardError
from api.http_errors import STATUS
from api.openapi import BASE_PATH
from tests.api.test_errors import check
from tests.proof.error_codes import OF_NO_OPERATION, PROVOCATIONS
from tests.proof.world import World

_REFERENCE = Path(__file__).parents[2] / "docs" / "reference.md"
_ROW = re.compile(r"^\| (\d{3}) \| `([A-Z_]+)` \| [^|]+ \| [^|]+ \|$", re.MULTILINE)

every_code = pytest.mark.parametrize("code", STATUS)


@pytest.fixture(scope="module")
def answers(world: World) -> dict[str, Any]:
    """What each provocation is answered."""
    return {code: provoke(world) for code, provoke in PROVOCATIONS.items()}


def kinds_of(error: type[EntryGuardError]) -> Iterator[type[EntryGuardError]]:
    for kind in error.__subclasses__():
        yield from (kind, *kinds_of(kind))


@every_code
def test_every_code_is_provoked(answers: dict[str, Any], code: str) -> None:
    assert code in answers, f"{code} needs a line in tests/proof/error_codes.py"

    check(answers[code], STATUS[code], code)
    assert answers[code].json["message"]


@every_code
def test_every_code_is_documented_with_the_operation_that_answers_it(
    world: World, answers: dict[str, Any], code: str
) -> None:
    request = answers[code].request
    behind = [each for each in world.operations.values() if each.is_behind(request.method, request.path)]

    assert (behind == []) is (code in OF_NO_OPERATION)
    assert all(operation.documents(STATUS[code], code) for operation in behind), request.path


def test_the_document_names_every_code_and_no_other(world: World) -> None:
    document = world.client.get(f"{BASE_PATH}/openapi.json").get_json()
    documented = {
        (status, code)
        for operation in world.operations.values()
        for status in operation.answers
        for code in operation.answers[status]
    }

    assert document["components"]["schemas"]["Error"]["properties"]["error"]["enum"] == list(STATUS)
    assert documented == {(status, code) for code, status in STATUS.items() if code not in OF_NO_OPERATION}


def test_the_reference_names_every_code_with_its_status_and_no_other() -> None:
    documented = {(code, int(status)) for status, code in _ROW.findall(_REFERENCE.read_text(encoding="utf-8"))}

    assert documented == set(STATUS.items())


def test_every_error_has_a_code_that_is_known_and_every_code_an_error() -> None:
    kinds = [kind for kind in kinds_of(EntryGuardError) if kind.__module__.startswith("api.")]

    assert {kind.code for kind in kinds} == set(STATUS)


def test_no_provocation_is_left_of_a_code_that_is_gone() -> None:
    assert set(PROVOCATIONS) == set(STATUS)
