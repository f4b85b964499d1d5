"""Google Cloud keeps the promises of every cloud."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from api.clouds import CLOUDS, Endpoints, Target
from api.clouds.rules import Kept, Rule
from tests.clouds.gcp_standin import VIEWER, GcpProject, GcpStandIn, answering, losing_answers, silent
from tests.clouds.promises import PromisesOfACloud, PromisesOfAQuota, PromisesOfPorts, PromisesOfTags
from tests.clouds.sites import adding_before_our_calls


class GcpSite:
    """A project in the stand-in."""

    cloud = CLOUDS["GCP"]
    shares = False

    def __init__(self, project: GcpProject, endpoints: Endpoints) -> None:
        self._project = project
        self.endpoints = endpoints

    def credential_data(self) -> dict[str, str]:
        return self._project.credential_data()

    def wrong_credential_data(self) -> dict[str, str]:
        return self._project.google.with_another_key(self.credential_data())

    def viewer_credential_data(self) -> dict[str, str]:
        return self._project.credential_data(VIEWER)

    def target(self) -> Target:
        return self._project.target()

    def no_target(self) -> Target:
        return Target(None, "nowhere", "FIREWALL")

    def add_foreign(self, target: Target, rule: Rule) -> None:
        self._project.add_foreign(target, str(rule.address))

    def edit(self, target: Target, kept: Kept) -> None:
        self._project.does("patch", kept.provider_ids[0], {"sourceRanges": ["0.0.0.0/0"], "sourceTags": ["web"]})

    def remove(self, target: Target, kept: Kept) -> None:
        self._project.does("delete", kept.provider_ids[0])

    def fill(self, target: Target) -> None:
        self._project.add_foreign(target, "203.0.113.1/32")
        self._project.set(quota=1)

    def everything(self, target: Target) -> str:
        return self._project.everything(target)

    @contextmanager
    def silent(self) -> Iterator[None]:
        with self._project.google.faulty(silent()):
            yield

    @contextmanager
    def throttled(self) -> Iterator[None]:
        with self._project.google.faulty(answering(403, "rateLimitExceeded")):
            yield

    @contextmanager
    def losing_answers(self) -> Iterator[None]:
        with self._project.google.faulty(losing_answers()):
            yield

    def racing(self, target: Target) -> AbstractContextManager[list[Rule]]:
        return adding_before_our_calls(lambda rule: self.add_foreign(target, rule))


class TestGcp(PromisesOfACloud, PromisesOfTags, PromisesOfPorts, PromisesOfAQuota):
    """The promises, at Google."""

    @pytest.fixture
    def site(self, gcp: GcpStandIn, at_gcp: Endpoints) -> GcpSite:
        return GcpSite(gcp.project(), at_gcp)
