"""The machine: all actions, with what must be so after each and when all is quiet."""

from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant

from tests.proof.stories import always, quiet, rows
from tests.proof.stories.houses import Houses
from tests.proof.stories.sessions import Sessions
from tests.proof.stories.skies import Skies
from tests.proof.stories.standings import Standings
from tests.proof.stories.story import ADDRESSES, NUMBERS, action, pick
from tests.proof.stories.works import Works
from tests.proof.stories.worlds import Worlds


class Machine(Sessions, Houses, Skies, Standings, Works):
    """A story that anything may happen in. Each in a world of its own."""

    worlds: ClassVar[Worlds]
    begun: ClassVar[int] = 0
    quiets: ClassVar[int] = 0
    deaths: ClassVar[int] = 0

    @classmethod
    def begin_anew(cls) -> None:
        """Count from here."""
        Machine.begun = Machine.quiets = Machine.deaths = 0
        Machine.tried.clear()
        Machine.succeeded.clear()

    def __init__(self) -> None:
        super().__init__()
        self.world = self.worlds.open()
        Machine.begun += 1

    @initialize(numbers=st.lists(NUMBERS, min_size=1, max_size=4), is_served=st.booleans())
    def some_have_opened(self, numbers: list[int], is_served: bool) -> None:
        """Most stories begin with somebody let in."""
        for number in numbers:
            self._start(pick(self.people, number), [pick(ADDRESSES, number // 3)], number, 60)
        if is_served:
            self.world.serve()

    @invariant()
    def nothing_has_gone_wrong(self) -> None:
        if self.has_gone_on:
            self._look()
            self.has_gone_on = False

    def _look(self) -> None:
        self.is_well = False
        self._check(list(always.wrongs(self.world, rows.read())))
        self.is_well = True

    @action()
    def all_is_quiet(self) -> bool:
        self._rest()
        return True

    def teardown(self) -> None:
        try:
            if self.is_well:
                self._rest()
                if self._resume_all():
                    self._rest()
                quiet.end_all(self.world)
                self._rest()
                assert not list(self.world.ground.ours()), "something of ours is left"
        finally:
            Machine.deaths += self.world.moments.deaths
            self.worlds.close()

    def _resume_all(self) -> bool:
        """At the end of a story whoever was suspended goes on; False where nobody was."""
        suspended = [house for house in self.world.model.houses.values() if house.is_suspended]
        self.succeeded["an_organisation_is_resumed"] += sum(map(self.resume, suspended))
        return bool(suspended)

    def _rest(self) -> None:
        quiet.come(self.world)
        self._look()
        self._check(list(quiet.wrongs(self.world, rows.read())))
        Machine.quiets += 1

    def _check(self, wrong: list[str]) -> None:
        assert not wrong, "\n".join(wrong)
