"""One route whose whitelist many write to, one after the other.

The Admin API writes whatever it is given: an entry that came between a reading and the writing after it is lost, and
nobody is told. So a target has one writer at a time, and in this scene somebody else respects that too. They write
other parts of the route whenever they like.
"""

import json
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import requests

from api.clouds import Endpoints, Target
from api.clouds.rules import Rule, Tag
from tests.clouds.apisix_standin import ApisixStandIn, Fault, answering, losing_answers, slow_writes
from tests.clouds.chance import by_chance
from tests.clouds.crowds.rows import claimed
from tests.clouds.crowds.scene import Json, Scene

# Long enough for somebody else to write another part of the route meanwhile.
_WRITE_SECONDS = 0.005
_REST = "the rest of the route"


class ApisixScene(Scene):
    """A route of the stand-in. An entry of a whitelist has no name but itself."""

    cloud = "APISIX"
    chances = {
        "throttled": by_chance(0.04, answering(429).settings),
        "unavailable": by_chance(0.03, answering(503, "<html>try again</html>").settings),
        "slow": by_chance(0.05, {"delay": 0.1}),
        "overwritten": by_chance(
            0.06, answering(503, '{"error_msg": "value changed before overwritten"}').settings, only_changes=True
        ),
        "answer lost": by_chance(0.08, losing_answers().settings, only_changes=True),
    }
    have_ports = False
    one_at_a_time = True

    def __init__(
        self, apisix: ApisixStandIn, endpoints: Endpoints, folder: Path, seed: int, rules: Sequence[Rule]
    ) -> None:
        self._apisix = apisix
        self._route = apisix.route()
        self._claim = folder / "target"
        self._entries = apisix.whitelist(self._route)
        self._rest = _rest(apisix.value(self._route))
        self._ours = {str(rule.address.network_address): rule.tag for rule in rules}
        self._key = apisix.key()
        self.secrets, self.endpoints = {"apiUrl": apisix.url, "apiKey": self._key}, endpoints
        self.target = Target(None, self._route, "GATEWAY_ROUTE")
        super().__init__(seed, rules)

    def add(self, rule: Rule) -> str:
        # Spelt otherwise than we do, so that a glance at the route tells whose it is.
        return self._add(str(rule.address))

    def add_another(self, number: int) -> str:
        return self._add(f"81.2.{number}.0/24")

    def edit(self, name: str, number: int) -> None:
        """An entry has nothing to edit: the route is labelled, and each label must last."""
        for label in ("first", "second", "third"):
            labels = {f"{label}-{number}": "seen"}
            self._rest["labels"] = self._rest.get("labels", {}) | labels
            self._again("PATCH", self._route, {"labels": labels})

    def move(self) -> None:
        self.edit("", self.moves)
        super().move()

    def remove(self, name: str) -> None:
        with claimed(self._claim):
            self._entries.remove(name)
            self._write([entry for entry in self._apisix.whitelist(self._route) if entry != name])

    def put(self) -> dict[str, str]:
        return {"whitelist": json.dumps(self._entries), _REST: json.dumps(self._rest, sort_keys=True)}

    def foreign(self) -> dict[str, str]:
        """The others' entries in their order, and everything but the whitelist."""
        value = self._apisix.value(self._route)
        entries = [entry for entry in value["plugins"]["ip-restriction"]["whitelist"] if entry not in self._ours]
        return {"whitelist": json.dumps(entries), _REST: json.dumps(_rest(value), sort_keys=True)}

    def kept(self) -> dict[str, Json]:
        return {entry: {"entry": entry} for entry in self._apisix.whitelist(self._route)}

    def tag_of(self, name: str, kept: Json) -> Tag | None:
        return self._ours.get(name)

    def failing(self) -> AbstractContextManager[None]:
        return self._apisix.failing(
            Fault({"chances": self.chances, "only": self._key, **slow_writes(_WRITE_SECONDS).settings})
        )

    def met(self) -> Json:
        return self._apisix.met()

    def _add(self, entry: str) -> str:
        with claimed(self._claim):
            self._entries.append(entry)
            self._write([*self._apisix.whitelist(self._route), entry])
        return entry

    def _write(self, entries: list[str]) -> None:
        self._again("PATCH", f"{self._route}/plugins/ip-restriction/whitelist", entries)

    def _again(self, method: str, path: str, body: Any) -> None:
        while True:
            try:
                self._apisix.ask(method, path, body)
            except requests.HTTPError as error:
                if error.response.status_code != 503:
                    raise
                time.sleep(0.01)
            else:
                return


def _rest(value: Json) -> Json:
    plugin = {name: setting for name, setting in value["plugins"]["ip-restriction"].items() if name != "whitelist"}
    plugins = value["plugins"] | {"ip-restriction": plugin}
    return {name: part for name, part in value.items() if name != "update_time"} | {"plugins": plugins}
