"""One cloud's stand-in with one target that a crowd works on, and somebody else who works there too."""

import json
import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar

from api.clouds import Endpoints, Target
from api.clouds.rules import Rule, Tag
from tests.clouds.crowds.plan import SHARED

_FOREIGN_AT_MOST = 8
Json = dict[str, Any]


class Scene(ABC):
    """Each cloud's scene says how somebody else writes there, and what the stand-in has kept."""

    cloud: ClassVar[str]
    chances: ClassVar[Json]
    have_ports = True
    are_shared = False
    """What two rules open is one rule in the cloud, so it goes with the first of them that is revoked."""
    one_at_a_time = False
    secrets: Mapping[str, str]
    endpoints: Endpoints
    target: Target

    def __init__(self, seed: int, rules: Sequence[Rule]) -> None:
        self.rules = rules
        self.moves = 0
        self._chance = random.Random(seed)  # noqa: S311 - chance, not secrecy
        self._put: dict[str, str] = {}
        self._numbers = iter(range(1, 250))
        self._fixed = {self.add(rule) for rule in rules[:SHARED]}
        for name in self._fixed:
            self._remember(name)

    def move(self) -> None:
        """Somebody else adds, edits or removes a rule of theirs."""
        own = sorted(set(self._put) - self._fixed)
        deed = self._chance.choice(("add", "edit", "remove"))
        if deed == "add" or not own:
            if len(own) < _FOREIGN_AT_MOST and (number := next(self._numbers, None)):
                self._remember(self.add_another(number))
        elif deed == "edit":
            name = self._chance.choice(own)
            self.edit(name, self._chance.randrange(1_000_000))
            self._remember(name)
        else:
            name = self._chance.choice(own)
            self.remove(name)
            del self._put[name]
        self.moves += 1

    def put(self) -> dict[str, str]:
        """What somebody else has there by their own account, as it was right after they had put it in."""
        return self._put

    def foreign(self) -> dict[str, str]:
        """What is there beside ours, to the byte."""
        return {name: json.dumps(kept) for name, kept in self.kept().items() if self.tag_of(name, kept) is None}

    def foreign_rules(self) -> int:
        return sum(self.tag_of(name, kept) is None for name, kept in self.kept().items())

    def ours(self) -> set[Tag]:
        """Whose rules are there, of those that carry a tag."""
        return {tag for name, kept in self.kept().items() if (tag := self.tag_of(name, kept))}

    def _remember(self, name: str) -> None:
        self._put[name] = json.dumps(self.kept()[name])

    @abstractmethod
    def add(self, rule: Rule) -> str:
        """Add an equal rule, and tell its name."""

    @abstractmethod
    def add_another(self, number: int) -> str:
        """Add a rule that is like none of ours, and tell its name."""

    @abstractmethod
    def edit(self, name: str, number: int) -> None: ...

    @abstractmethod
    def remove(self, name: str) -> None: ...

    @abstractmethod
    def kept(self) -> dict[str, Json]:
        """Every rule on the target as the stand-in has kept it, by its name."""

    @abstractmethod
    def tag_of(self, name: str, kept: Json) -> Tag | None: ...

    @abstractmethod
    def failing(self) -> AbstractContextManager[None]:
        """Calls of the crowd meet faults by chance."""

    @abstractmethod
    def met(self) -> Json:
        """How many calls have met which fault, and what was done late, as `Chances` tells it."""
