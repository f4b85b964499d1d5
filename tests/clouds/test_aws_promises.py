"""AWS keeps the promises of every cloud."""

import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from api.clouds import CLOUDS, Endpoints, Target
from api.clouds.rules import Kept, Rule
from tests.clouds.aws_standin import DESCRIBE, REGION, AwsStandIn, allowing, answering, losing_answers, silent
from tests.clouds.promises import PromisesOfACloud, PromisesOfAQuota, PromisesOfPorts, PromisesOfTags
from tests.clouds.sites import adding_before_our_calls


class AwsSite:
    """Security groups in moto."""

    cloud = CLOUDS["AWS"]
    shares = True

    def __init__(self, aws: AwsStandIn, endpoints: Endpoints) -> None:
        self._aws = aws
        self.endpoints = endpoints

    def credential_data(self) -> dict[str, str]:
        return self._aws.user().credential_data

    def wrong_credential_data(self) -> dict[str, str]:
        return self.credential_data() | {"secretAccessKey": "not+the/right=secret"}

    def viewer_credential_data(self) -> dict[str, str]:
        return self._aws.user(allowing([DESCRIBE])).credential_data

    def target(self) -> Target:
        return Target(REGION, self._aws.security_group(), "SECURITY_GROUP")

    def no_target(self) -> Target:
        return Target(REGION, "sg-0123456789abcdef0", "SECURITY_GROUP")

    def add_foreign(self, target: Target, rule: Rule) -> None:
        self._authorize(target, permissions(rule, "the office"))

    def edit(self, target: Target, kept: Kept) -> None:
        """The description goes, as in AWS's console; the rule keeps its id."""
        self._aws.ec2().update_security_group_rule_descriptions_ingress(
            GroupId=target.identifier, IpPermissions=permissions(kept.rule, "temporary")
        )

    def remove(self, target: Target, kept: Kept) -> None:
        self._aws.ec2().revoke_security_group_ingress(
            GroupId=target.identifier, SecurityGroupRuleIds=list(kept.provider_ids)
        )

    def fill(self, target: Target) -> None:
        ranges = [{"CidrIp": f"203.0.113.{number}/32"} for number in range(60)]
        self._authorize(target, [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": ranges}])

    def everything(self, target: Target) -> str:
        group = self._aws.ec2().describe_security_groups(GroupIds=[target.identifier])["SecurityGroups"][0]
        return json.dumps(sorted(json.dumps(each, sort_keys=True) for each in group["IpPermissions"]))

    @contextmanager
    def silent(self) -> Iterator[None]:
        with self._aws.failing(silent()):
            yield

    @contextmanager
    def throttled(self) -> Iterator[None]:
        with self._aws.failing(answering(503, "RequestLimitExceeded")):
            yield

    @contextmanager
    def losing_answers(self) -> Iterator[None]:
        with self._aws.failing(losing_answers()):
            yield

    def racing(self, target: Target) -> AbstractContextManager[list[Rule]]:
        return adding_before_our_calls(lambda rule: self.add_foreign(target, rule))

    def _authorize(self, target: Target, openings: list[dict[str, Any]]) -> None:
        self._aws.ec2().authorize_security_group_ingress(GroupId=target.identifier, IpPermissions=openings)


def permissions(rule: Rule, description: str) -> list[dict[str, Any]]:
    """A rule's permissions as a person makes them."""
    v6 = rule.address.version == 6
    source: Mapping[str, str] = {"CidrIpv6" if v6 else "CidrIp": str(rule.address), "Description": description}
    ranges = {"Ipv6Ranges" if v6 else "IpRanges": [source]}
    return [
        {"IpProtocol": rule.protocol.value, "FromPort": ports.first, "ToPort": ports.last, **ranges}
        for ports in rule.ports
    ]


class TestAws(PromisesOfACloud, PromisesOfTags, PromisesOfPorts, PromisesOfAQuota):
    """The promises, at AWS."""

    @pytest.fixture
    def site(self, aws: AwsStandIn, at_aws: Endpoints) -> AwsSite:
        return AwsSite(aws, at_aws)
