"""APISIX keeps the promises of every cloud."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from api.clouds import CLOUDS, Endpoints, Target
from api.clouds.rules import Kept, Rule
from tests.clouds.apisix_standin import ApisixStandIn, answering, losing_answers, racing, silent
from tests.clouds.promises import PromisesOfACloud
from tests.clouds.sites import RACES, a_rule_of_theirs


class ApisixSite:
    """Routes of a gateway."""

    cloud = CLOUDS["APISIX"]
    shares = True

    def __init__(self, apisix: ApisixStandIn, endpoints: Endpoints) -> None:
        self._apisix = apisix
        self.endpoints = endpoints

    def credential_data(self) -> dict[str, str]:
        return self._apisix.credential_data()

    def wrong_credential_data(self) -> dict[str, str]:
        return {"apiUrl": self._apisix.url, "apiKey": "not-a-key-of-this-gateway"}

    def viewer_credential_data(self) -> dict[str, str]:
        return self._apisix.credential_data("viewer")

    def target(self) -> Target:
        return Target(None, self._apisix.route(), "GATEWAY_ROUTE")

    def no_target(self) -> Target:
        return Target(None, "no-such-route", "GATEWAY_ROUTE")

    def add_foreign(self, target: Target, rule: Rule) -> None:
        self._apisix.let_in(target.identifier, str(rule.address))

    def remove(self, target: Target, kept: Kept) -> None:
        entries = [entry for entry in self._apisix.whitelist(target.identifier) if entry not in kept.provider_ids]
        self._apisix.write_whitelist(target.identifier, entries)

    def everything(self, target: Target) -> str:
        value = self._apisix.value(target.identifier)
        return json.dumps({name: value[name] for name in value if name != "update_time"}, sort_keys=True)

    def silent(self) -> AbstractContextManager[None]:
        return self._apisix.failing(silent())

    def throttled(self) -> AbstractContextManager[None]:
        return self._apisix.failing(answering(429))

    def losing_answers(self) -> AbstractContextManager[None]:
        return self._apisix.failing(losing_answers())

    @contextmanager
    def racing(self, target: Target) -> Iterator[list[Rule]]:
        """Within the gateway: what comes between our own reading and writing is beyond anybody's notice."""
        theirs = [a_rule_of_theirs() for _ in range(RACES)]
        with self._apisix.failing(racing([str(rule.address) for rule in theirs])):
            yield theirs


class TestApisix(PromisesOfACloud):
    """The promises, at APISIX."""

    @pytest.fixture
    def site(self, apisix: ApisixStandIn, at_apisix: Endpoints) -> ApisixSite:
        return ApisixSite(apisix, at_apisix)
