"""The clouds of a run: some targets in each, somebody else's rules on them, and the faults that our calls meet."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from api.clouds import Endpoints
from api.clouds.rules import Rule
from benchmarks.storm.plan import ADDRESSES, CLOUDS, TARGETS
from tests.clouds import apisix_standin, aws_standin, azure_faults, gcp_standin
from tests.clouds.chance import by_chance
from tests.clouds.crowds.apisix_scene import ApisixScene
from tests.clouds.crowds.aws_scene import AwsScene
from tests.clouds.crowds.azure_scene import AzureScene
from tests.clouds.crowds.gcp_scene import GcpScene
from tests.clouds.crowds.scene import Json, Scene
from tests.clouds.every_cloud import Clouds
from tests.clouds.sites import a_rule

THROTTLED, LOST, SLOW = 0.10, 0.03, 0.02
SLOW_SECONDS = 2.0
AWAY = "AWS"
"""The cloud that is away in a run where one is."""
_LABELS = 20

Place = tuple[int, str]
"""A target, by its number, and an address as it is written in a rule."""


def _chances(throttled: Mapping[str, Any], lost: Mapping[str, Any]) -> Json:
    return {
        "throttled": by_chance(THROTTLED, throttled),
        "answer lost": by_chance(LOST, lost, only_changes=True),
        "slow": by_chance(SLOW, {"delay": SLOW_SECONDS}),
    }


class StormyAws(AwsScene):
    chances = _chances(
        aws_standin.answering(503, "RequestLimitExceeded").settings, aws_standin.losing_answers().settings
    )


class StormyGcp(GcpScene):
    chances = _chances(gcp_standin.answering(403, "rateLimitExceeded").settings, gcp_standin.losing_answers().settings)


class StormyAzure(AzureScene):
    chances = _chances(
        azure_faults.answering(429, "TooManyRequests", Retry_After="1").settings,
        azure_faults.losing_answers().settings,
    )


class StormyApisix(ApisixScene):
    """The Admin API loses an entry that comes between a reading and the writing after it, whoever writes: so in a
    whitelist that EntryGuard works on nobody else writes meanwhile, but in all the rest of the route."""

    chances = _chances(apisix_standin.answering(429).settings, apisix_standin.losing_answers().settings)

    def move(self) -> None:
        self.edit("", self.moves % _LABELS)
        self.moves += 1


@dataclass(frozen=True)
class Spot:
    """A target of the run: where it is, and which of the scenes has the credential for it."""

    number: int
    scene: Scene
    credential: int

    def ours(self) -> set[Place]:
        """What of EntryGuard's the cloud has here."""
        kept = self.scene.kept()
        mine = [each for name, each in kept.items() if self.scene.tag_of(name, each) is not None]
        return {(self.number, address) for each in mine for address in _addresses(each)}


class Landscape:
    """All targets, numbered through: one of AWS, GCP, Azure and APISIX, and so again."""

    def __init__(self, clouds: Clouds, folder: Path, seed: int) -> None:
        self._clouds = clouds
        rules = [a_rule(ip_network(address)) for address in ADDRESSES]
        # What somebody else has of the same address, from the start and to the end.
        scenes = [scene for each in range(TARGETS // CLOUDS) for scene in self._made(folder, seed + each, rules)]
        self.spots = [
            # A project of GCP has credentials of its own; elsewhere one of the account is for both.
            Spot(number, scene, number if scene.cloud == "GCP" else number % CLOUDS)
            for number, scene in enumerate(scenes)
        ]

    def _made(self, folder: Path, seed: int, rules: Sequence[Rule]) -> list[Scene]:
        nowhere = Endpoints()
        return [
            StormyAws(self._clouds.aws, nowhere, seed, rules),
            StormyGcp(self._clouds.gcp, nowhere, seed, rules),
            StormyAzure(self._clouds.azure, nowhere, seed, rules),
            StormyApisix(self._clouds.apisix, nowhere, folder, seed, rules),
        ]

    @property
    def by_cloud(self) -> dict[str, list[Spot]]:
        """The targets of each cloud."""
        inorder = sorted(self.spots, key=lambda spot: spot.scene.cloud)
        return {cloud: list(spots) for cloud, spots in itertools.groupby(inorder, lambda spot: spot.scene.cloud)}

    @contextmanager
    def failing(self) -> Iterator[None]:
        """Every cloud's calls of ours meet the faults by chance."""
        with ExitStack() as faults:
            for spots in self.by_cloud.values():
                faults.enter_context(spots[0].scene.failing())
            yield

    def met(self) -> dict[str, dict[str, int]]:
        """How many calls have met which fault."""
        return {cloud: spots[0].scene.met()["met"] for cloud, spots in self.by_cloud.items()}

    def go_away(self, settings: Mapping[str, Any]) -> None:
        """From here on the cloud that goes away meets every call of ours so; with nothing, it is back."""
        key = self.by_cloud[AWAY][0].scene.secrets["accessKeyId"]
        fault = {"chances": {"away": by_chance(1.0, settings)}, "only": key} if settings else {}
        self._clouds.aws.set_fault(aws_standin.Fault(fault))

    def ours(self) -> set[Place]:
        """What of EntryGuard's is in any cloud."""
        return {place for spot in self.spots for place in spot.ours()}

    def touched(self) -> list[str]:
        """What of somebody else's is not as he left it, to the byte."""
        wrong = []
        for spot in self.spots:
            put, there = spot.scene.put(), spot.scene.foreign()
            names = sorted(name for name in put.keys() | there.keys() if put.get(name) != there.get(name))
            wrong += [f"{spot.scene.cloud} {name}" for name in names]
        return wrong

    def foreign(self) -> tuple[int, int]:
        """How many rules are somebody else's, and how often he has changed something."""
        scenes = [spot.scene for spot in self.spots]
        return sum(scene.foreign_rules() for scene in scenes), sum(scene.moves for scene in scenes)


def _addresses(kept: Json) -> set[str]:
    """The addresses that a rule lets in, however its cloud shows it."""
    shown = kept.get("properties", kept)
    single = [shown.get(name) for name in ("CidrIpv4", "CidrIpv6", "sourceAddressPrefix", "entry")]
    several = [*shown.get("sourceRanges", []), *shown.get("sourceAddressPrefixes", [])]
    return {str(ip_network(address).network_address) for address in (*single, *several) if address}
