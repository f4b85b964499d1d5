"""Azure keeps the promises of every cloud."""

from contextlib import AbstractContextManager

import pytest

from api.clouds import CLOUDS, Endpoints, Target
from api.clouds.rules import Kept, Rule
from tests.clouds.azure_faults import answering, losing_answers, silent
from tests.clouds.azure_standin import ASK, LOOK, LOOK_AT_RULES, AzureStandIn, as_target
from tests.clouds.promises import PromisesOfACloud, PromisesOfAQuota, PromisesOfPorts, PromisesOfTags
from tests.clouds.sites import adding_before_our_calls


class AzureSite:
    """Network security groups in the stand-in."""

    cloud = CLOUDS["AZURE"]
    # Equal rules stand beside each other, on priorities of their own.
    shares = False

    def __init__(self, azure: AzureStandIn, endpoints: Endpoints) -> None:
        self._azure = azure
        self.endpoints = endpoints

    def credential_data(self) -> dict[str, str]:
        return self._azure.credential_data()

    def wrong_credential_data(self) -> dict[str, str]:
        return self.credential_data() | {"clientSecret": "not~the.right_secret"}

    def viewer_credential_data(self) -> dict[str, str]:
        return self._azure.credential_data((LOOK, LOOK_AT_RULES, ASK))

    def target(self) -> Target:
        return self._azure.target()

    def no_target(self) -> Target:
        return as_target(self._azure.no_group())

    def add_foreign(self, target: Target, rule: Rule) -> None:
        self._azure.add_foreign(target, rule)

    def edit(self, target: Target, kept: Kept) -> None:
        self._azure.change(target, kept.rule.tag.short, access="Deny")

    def remove(self, target: Target, kept: Kept) -> None:
        self._azure.remove(target, kept.rule.tag.short)

    def fill(self, target: Target) -> None:
        self._azure.fill(target)

    def everything(self, target: Target) -> str:
        return self._azure.everything(target)

    def silent(self) -> AbstractContextManager[None]:
        return self._azure.faulty(silent())

    def throttled(self) -> AbstractContextManager[None]:
        return self._azure.faulty(answering(429, "TooManyRequests", Retry_After="30"))

    def losing_answers(self) -> AbstractContextManager[None]:
        return self._azure.faulty(losing_answers())

    def racing(self, target: Target) -> AbstractContextManager[list[Rule]]:
        """On the priorities that ours would have."""

        def add(rule: Rule) -> None:
            self._azure.add_foreign(target, rule, priority=self._azure.free_priority(target, 1000))

        return adding_before_our_calls(add)


class TestAzure(PromisesOfACloud, PromisesOfTags, PromisesOfPorts, PromisesOfAQuota):
    """The promises, at Azure."""

    @pytest.fixture
    def site(self, azure: AzureStandIn, at_azure: Endpoints) -> AzureSite:
        return AzureSite(azure, at_azure)
