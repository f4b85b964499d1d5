"""Whatever happens in whatever order, what is promised of sessions and their rules holds."""

import pytest

from tests.proof.scale import FULL
from tests.proof.stories.story import ACTIONS
from tests.proof.stories.telling import TIMEOUT_SECONDS, note, seeds, tell, told_by
from tests.proof.stories.worlds import Worlds

# About twenty minutes of one core. Each long run has a seed of its own, so that two see more than the same one twice.
STORIES = 1000 if FULL else 12
# A few more are told of the next one, and the next, where something has not happened yet.
_FEW_MORE = 3


@pytest.mark.timeout(TIMEOUT_SECONDS)
def test_all_is_as_promised_after_each_step_and_when_all_is_quiet(worlds: Worlds) -> None:
    told = told_by(worlds)
    for number in seeds():
        tell(told, _FEW_MORE if told.begun else STORIES, number)
        if not (missing := {name for name in ACTIONS if not told.succeeded[name]}):
            break

    assert not missing, "each action has changed something"
    note(told, "sqlite", number)
