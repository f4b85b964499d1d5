"""What all actions of a story have in common."""

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from ipaddress import ip_network
from typing import Any, ClassVar, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.proof.stories.model import House, Person, Stay
from tests.proof.stories.world import World

NUMBERS = st.integers(0, 11)
ADDRESSES = ("81.2.69.142", "81.2.69.143", "2a00:1450:4001:82a::200e")
MARGIN = timedelta(seconds=5)
"""Where the clock does not stand, nothing is asked of sessions that are so near to their end, or behind it."""
Thing = TypeVar("Thing")
Action = Callable[..., bool]

ACTIONS: set[str] = set()
"""The names of all actions."""


def action(only_if: Callable[[Any], bool] = lambda _: True, **drawn: st.SearchStrategy[Any]) -> Callable[[Action], Any]:
    """Something that may happen next. It tells whether it has changed anything: only then it is counted.

    Where it cannot happen, nothing does. As a precondition Hypothesis would draw the next one by what has happened, and
    that differs from run to run: ids are made by chance, and a server's clock goes on.
    """

    def decorated(deed: Action) -> Any:
        name = deed.__name__.strip("_")
        ACTIONS.add(name)

        @functools.wraps(deed)
        def counted(story: "Story", **drawn: Any) -> None:
            if not only_if(story):
                return
            story.is_well = False
            story.tried[name] += 1
            story.succeeded[name] += bool(deed(story, **drawn))
            story.is_well = story.has_gone_on = True

        named: Any = drawn
        possible: Any = rule(**named)
        return possible(counted)

    return decorated


class Story(RuleBasedStateMachine):
    """Actions are told whom they are about by numbers, so that every draw is somebody.

    is_well: nothing has failed. has_gone_on: something has happened since it was looked at. succeeded: how often each
    action has changed something, over all stories.
    """

    tried: ClassVar[Counter[str]] = Counter()
    succeeded: ClassVar[Counter[str]] = Counter()
    world: World
    is_well = True
    has_gone_on = True

    @property
    def houses(self) -> list[House]:
        """Those whose people can act."""
        return [house for house in self.world.model.houses.values() if not house.is_suspended]

    @property
    def people(self) -> list[Person]:
        """Those who can act."""
        awake = {house.id for house in self.houses}
        return [each for each in self.world.model.people.values() if each.is_active and each.house in awake]

    @property
    def stays(self) -> list[Stay]:
        """Sessions that somebody can act on, with the time that is left."""
        awake, moment = {house.id for house in self.houses}, self.world.moment
        return [
            stay for stay in self.world.model.going_on() if stay.house in awake and stay.expires_at > moment + MARGIN
        ]


def pick(things: Sequence[Thing], number: int) -> Thing:
    return things[number % len(things)]


def network(address: str) -> str:
    """As a grant has it."""
    return str(ip_network(address))


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)
