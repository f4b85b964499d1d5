"""One network security group that many write to, which takes one change at a time."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import requests

from api.clouds import Endpoints
from api.clouds.rules import Rule, Tag
from tests.clouds.azure_faults import Fault, answering, losing_answers, slow
from tests.clouds.azure_standin import AzureStandIn
from tests.clouds.chance import by_chance
from tests.clouds.crowds.scene import Json, Scene
from tests.clouds.sites import a_rule

# Long enough for another change to come meanwhile, which Azure refuses then.
_CHANGE_SECONDS = 0.005


class AzureScene(Scene):
    """A group in the stand-in. Somebody else takes priorities of the band that ours are in."""

    cloud = "AZURE"
    chances = {
        "throttled": by_chance(0.04, answering(429, "TooManyRequests", Retry_After="1").settings),
        "unavailable": by_chance(0.03, answering(503, "ServiceUnavailable").settings),
        "slow": by_chance(0.05, slow(0.1).settings),
        "another change": by_chance(0.04, answering(409, "AnotherOperationInProgress").settings, only_changes=True),
        "answer lost": by_chance(0.06, losing_answers().settings, only_changes=True),
        "done late": by_chance(0.04, {"late": 1.5}, only_changes=True),
    }

    def __init__(self, azure: AzureStandIn, endpoints: Endpoints, seed: int, rules: Sequence[Rule]) -> None:
        self._azure = azure
        self.secrets, self.endpoints = azure.credential_data(), endpoints
        self.target = azure.target()
        super().__init__(seed, rules)

    def add(self, rule: Rule) -> str:
        name = f"office-{rule.address.network_address.packed[-1]}"
        self._again(lambda: self._azure.add_foreign(self.target, rule, name, priority=self._free_priority()))
        return name

    def add_another(self, number: int) -> str:
        name = f"branch-{number}"
        rule = a_rule(f"81.2.{number}.0/24")
        self._again(lambda: self._azure.add_foreign(self.target, rule, name, priority=self._free_priority()))
        return name

    def edit(self, name: str, number: int) -> None:
        self._again(lambda: self._azure.change(self.target, name, description=f"the office {number}"))

    def remove(self, name: str) -> None:
        self._again(lambda: self._azure.remove(self.target, name))

    def kept(self) -> dict[str, Json]:
        return {rule["name"]: rule for rule in self._azure.rules(self.target)}

    def tag_of(self, name: str, kept: Json) -> Tag | None:
        return Tag.read(name)

    def failing(self) -> AbstractContextManager[None]:
        return self._azure.faulty(Fault({"chances": self.chances, "slow_change": _CHANGE_SECONDS}))

    def met(self) -> Json:
        return self._azure.met()

    def _free_priority(self) -> int:
        return self._azure.free_priority(self.target, 1000)

    def _again(self, ask: Callable[[], Any]) -> None:
        """Until Azure takes it: another change is under way, or somebody was quicker with the priority."""
        while True:
            try:
                ask()
            except requests.HTTPError as error:
                if error.response.status_code not in (400, 429):
                    raise
                time.sleep(0.01)
            else:
                time.sleep(2 * _CHANGE_SECONDS)  # it is done then
                return
