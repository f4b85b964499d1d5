"""The same as on SQLite, on a server with a clock of its own; a file for each, so that they are told side by side."""

import pytest

from tests.proof.scale import FULL
from tests.proof.stories.telling import TIMEOUT_SECONDS, note, seeds, tell, told_by
from tests.proof.stories.worlds import Worlds

STORIES = 200 if FULL else 2


@pytest.mark.timeout(TIMEOUT_SECONDS)
def test_all_is_as_promised_after_each_step_and_when_all_is_quiet(worlds_on_postgresql: Worlds) -> None:
    told = told_by(worlds_on_postgresql)
    number = seeds()[0]

    tell(told, STORIES, number)

    note(told, "postgresql", number)
