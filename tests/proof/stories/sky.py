"""A sky in which the weather changes, and the moments at which a process can die."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import peewee
import pytest

from api.clouds import Unreachable
from api.clouds.base import Throttled
from api.clouds.rules import Tag
from api.database import clock
from tests.clouds.nimbus import LOOK, OPEN, PASSES_OF_A_GATE, Pass, Sky

GATES = ("north", "south")


class Died(BaseException):
    """The process is no more. is_done: the commit was made that it died at."""

    def __init__(self, *, is_done: bool) -> None:
        super().__init__()
        self.is_done = is_done


class Moments:
    """Before and after each commit, and each call to the cloud."""

    def __init__(self) -> None:
        self._left: int | None = None
        self.deaths = 0

    def die_after(self, moments: int) -> None:
        self._left = moments

    def live(self) -> None:
        self._left = None

    def one(self, *, is_done: bool) -> None:
        """Raises Died where the process is to die here."""
        if self._left is None:
            return
        self._left -= 1
        if self._left < 0:
            self._left = None
            self.deaths += 1
            raise Died(is_done=is_done)

    def watch_commits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let every commit have two of them."""
        commit = peewee.Database.commit

        def watched(database: peewee.Database) -> None:
            try:
                self.one(is_done=False)
            except Died:
                database.rollback()  # as its server does for a process that is gone
                raise
            commit(database)
            self.one(is_done=True)

        monkeypatch.setattr(peewee.Database, "commit", watched)


@dataclass
class Weather:
    """How many of the next calls are throttled, find no answer, or are answered by nobody after they were served.

    lag_seconds: for how long nobody is shown what is added.
    """

    throttled: int = 0
    silent: int = 0
    loses_answers: int = 0
    lag_seconds: int = 0


class StormySky(Sky):
    """Nimbus, with weather. `at_call` happens, once, while a call is under way that may change something."""

    def __init__(self, moments: Moments) -> None:
        super().__init__(gates={gate: {} for gate in GATES})
        self._moments = moments
        self.weather = Weather()
        self.at_call: Callable[[], None] | None = None
        self._there: set[str] = set()
        self._hidden_until: dict[str, float] = {}

    def asked(self, key: str, right: str, gate: str | None = None) -> dict[str, Pass]:
        passes = super().asked(key, right, gate)
        if self.weather.throttled:
            self.weather.throttled -= 1
            raise Throttled("Nimbus asks to be asked less often")
        if self.weather.silent:
            self.weather.silent -= 1
            raise Unreachable("Nimbus did not answer")
        self._moments.one(is_done=False)
        if right == OPEN and self.at_call is not None:
            happens, self.at_call = self.at_call, None
            happens()
        return passes if right == OPEN else self._shown(passes)

    def answer(self) -> None:
        self._hide_what_was_added()
        self._moments.one(is_done=False)
        if self.weather.loses_answers:
            self.weather.loses_answers -= 1
            raise Unreachable("Nimbus did not answer")

    def _shown(self, passes: dict[str, Pass]) -> dict[str, Pass]:
        return {name: each for name, each in passes.items() if self._hidden_until.get(name, 0.0) <= _moment()}

    def _hide_what_was_added(self) -> None:
        there = {name for passes in self.gates.values() for name in passes}
        if self.weather.lag_seconds:
            until = _moment() + self.weather.lag_seconds
            self._hidden_until |= dict.fromkeys(there - self._there, until)
        self._there = there


def _moment() -> float:
    return time.monotonic() + clock.offset / 1_000_000


@dataclass
class Ground:
    """What stands under the sky, as those who own it see and change it. theirs: what is not ours, to the letter.

    touched: what is ours and was removed or changed by hand, until it is right again. hands: how often, for each.
    """

    sky: StormySky
    installation: uuid.UUID
    theirs: dict[str, dict[str, Pass]] = field(default_factory=lambda: {gate: {} for gate in GATES})
    touched: set[uuid.UUID] = field(default_factory=set)
    hands: dict[uuid.UUID, int] = field(default_factory=dict)

    def new_key(self) -> dict[str, str]:
        key = f"sky-{uuid.uuid4()}"
        self.sky.rights[key] = (LOOK, OPEN)
        return {"keyName": "rain-7", "skyKey": key}

    def reject(self) -> None:
        """No key is good any more."""
        for key in self.sky.rights:
            self.sky.rights[key] = ()

    def mend(self) -> None:
        for key in self.sky.rights:
            self.sky.rights[key] = (LOOK, OPEN)

    def calm(self) -> None:
        self.sky.weather = Weather()
        self.sky.at_call = None

    def ours(self) -> Iterator[tuple[str, uuid.UUID, Pass]]:
        """All that carries our tag: the gate, the rule's row and what it lets through."""
        for gate, passes in self.sky.gates.items():
            for name, each in passes.items():
                tag = Tag.read(name)
                if tag is not None and tag.installation == self.installation:
                    yield gate, tag.rule, each

    def foreign(self, gate: str) -> dict[str, Pass]:
        mine = {self._name(rule) for where, rule, _ in self.ours() if where == gate}
        return {name: each for name, each in self.sky.gates[gate].items() if name not in mine}

    def add_foreign(self, gate: str, name: str, lets_in: Pass) -> None:
        self.sky.gates[gate][name] = self.theirs[gate][name] = lets_in

    def remove_foreign(self, gate: str, name: str) -> None:
        del self.sky.gates[gate][name], self.theirs[gate][name]

    def fill(self, gate: str) -> None:
        for number in range(PASSES_OF_A_GATE - len(self.sky.gates[gate])):
            self.add_foreign(gate, f"filler-{number}", ("", "", ()))

    def is_filled(self) -> bool:
        return any(name.startswith("filler-") for passes in self.theirs.values() for name in passes)

    def make_room(self) -> None:
        for gate, passes in self.theirs.items():
            for name in [name for name in passes if name.startswith("filler-")]:
                self.remove_foreign(gate, name)

    def remove(self, gate: str, rule: uuid.UUID) -> None:
        """Somebody takes away what is ours."""
        del self.sky.gates[gate][self._name(rule)]
        self.touch(rule)

    def edit(self, gate: str, rule: uuid.UUID) -> None:
        """Somebody changes what is ours."""
        self.sky.gates[gate][self._name(rule)] = ("0.0.0.0/0", "all", ())
        self.touch(rule)

    def touch(self, rule: uuid.UUID) -> None:
        """It may not be as its row says, through no fault of ours."""
        self.touched.add(rule)
        self.hands[rule] = self.hands.get(rule, 0) + 1

    @contextmanager
    def standing(self, happens: Callable[[], None]) -> Iterator[None]:
        """The next call that may change something is under way while this happens."""
        self.sky.at_call = happens
        try:
            yield
        finally:
            self.sky.at_call = None

    def _name(self, rule: uuid.UUID) -> str:
        return Tag(self.installation, rule).short
