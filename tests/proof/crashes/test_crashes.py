"""Wherever a process dies, it is started again and the state ends right: as if it had not died, and as it must be."""

import pytest

from tests.proof.crashes.crashes import Crashes, Deaths
from tests.proof.crashes.runs import DEEDS
from tests.proof.ledger import proven

pytestmark = pytest.mark.engines("sqlite", "postgresql")

LEAST_POINTS = 40


@pytest.mark.parametrize("deed", DEEDS)
def test_the_state_ends_right_wherever_the_process_dies(crashes: Crashes, deed: str) -> None:
    deaths = crashes.of(deed, DEEDS[deed].database)

    assert deaths.wrong == []
    assert deaths.points, "the deed passes a point"
    assert set(deaths.died_at) == set(deaths.points), "it has died at each"
