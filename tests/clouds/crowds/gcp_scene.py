"""One network whose firewall rules many write."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

from api.clouds import Endpoints
from api.clouds.rules import Rule, Tag
from tests.clouds.chance import by_chance
from tests.clouds.crowds.scene import Json, Scene
from tests.clouds.gcp_standin import Fault, GcpStandIn, answering, losing_answers, slow


class GcpScene(Scene):
    """A network in a project of its own."""

    cloud = "GCP"
    chances = {
        "throttled": by_chance(0.04, answering(403, "rateLimitExceeded").settings),
        "unavailable": by_chance(0.03, answering(503, "backendError").settings),
        "slow": by_chance(0.05, slow(0.1).settings),
        "not ready": by_chance(0.04, answering(400, "resourceNotReady").settings, only_changes=True),
        "answer lost": by_chance(0.06, losing_answers().settings, only_changes=True),
        "done late": by_chance(0.04, {"late": 1.5}, only_changes=True),
    }

    def __init__(self, gcp: GcpStandIn, endpoints: Endpoints, seed: int, rules: Sequence[Rule]) -> None:
        self._project = gcp.project()
        self.secrets, self.endpoints = self._project.credential_data(), endpoints
        self.target = self._project.target()
        super().__init__(seed, rules)

    def add(self, rule: Rule) -> str:
        return self._project.add_foreign(self.target, str(rule.address))

    def add_another(self, number: int) -> str:
        return self._project.add_foreign(self.target, f"81.2.{number}.0/24")

    def edit(self, name: str, number: int) -> None:
        self._project.does("patch", name, {"description": f"the office {number}", "priority": number % 60_000})

    def remove(self, name: str) -> None:
        self._project.does("delete", name)

    def kept(self) -> dict[str, Json]:
        return self._project.firewalls()

    def tag_of(self, name: str, kept: Json) -> Tag | None:
        return Tag.read(name)

    def failing(self) -> AbstractContextManager[None]:
        return self._project.google.faulty(Fault({"chances": self.chances}))

    def met(self) -> Json:
        told: Json = self._project.google.settle("", None)
        return told
