"""One security group that many write to."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from api.clouds import Endpoints, Target
from api.clouds.rules import Rule, Tag
from tests.clouds.aws_standin import REGION, AwsStandIn, Fault, answering, losing_answers, slow
from tests.clouds.chance import by_chance
from tests.clouds.crowds.scene import Json, Scene


class AwsScene(Scene):
    """A security group in moto. A rule's name is the id that AWS gives it."""

    cloud = "AWS"
    are_shared = True
    chances = {
        "throttled": by_chance(0.04, answering(503, "RequestLimitExceeded").settings),
        "unavailable": by_chance(0.03, answering(503, "Unavailable").settings),
        "slow": by_chance(0.05, slow(0.1).settings),
        "answer lost": by_chance(0.06, losing_answers().settings, only_changes=True),
        "done late": by_chance(0.04, {"late": 1.5}, only_changes=True),
    }

    def __init__(self, aws: AwsStandIn, endpoints: Endpoints, seed: int, rules: Sequence[Rule]) -> None:
        self._aws = aws
        self._key = aws.user()
        self.secrets, self.endpoints = self._key.credential_data, endpoints
        self.target = Target(REGION, aws.security_group(), "SECURITY_GROUP")
        super().__init__(seed, rules)

    def add(self, rule: Rule) -> str:
        return self._authorize(443, str(rule.address), "the office")

    def add_another(self, number: int) -> str:
        # Beside one of ours: the same address on another port, or a network around it.
        port, address = (8000 + number, f"81.2.69.{number % 40}/32") if number % 2 else (443, f"81.2.{number}.0/24")
        return self._authorize(port, address, f"the office {number}")

    def edit(self, name: str, number: int) -> None:
        rule = self.kept()[name]
        self._aws.ec2().update_security_group_rule_descriptions_ingress(
            GroupId=self.target.identifier,
            IpPermissions=_permissions(rule["FromPort"], rule["CidrIpv4"], f"the office {number}"),
        )

    def remove(self, name: str) -> None:
        self._aws.ec2().revoke_security_group_ingress(GroupId=self.target.identifier, SecurityGroupRuleIds=[name])

    def kept(self) -> dict[str, Json]:
        own = [{"Name": "group-id", "Values": [self.target.identifier]}]
        rules = self._aws.ec2().describe_security_group_rules(Filters=own)["SecurityGroupRules"]
        return {rule["SecurityGroupRuleId"]: rule for rule in rules if not rule["IsEgress"]}

    def tag_of(self, name: str, kept: Json) -> Tag | None:
        return Tag.read(kept.get("Description", ""))

    def failing(self) -> AbstractContextManager[None]:
        return self._aws.failing(Fault({"chances": self.chances, "only": self._key.access_key_id}))

    def met(self) -> Json:
        return self._aws.met()

    def _authorize(self, port: int, address: str, description: str) -> str:
        answer = self._aws.ec2().authorize_security_group_ingress(
            GroupId=self.target.identifier, IpPermissions=_permissions(port, address, description)
        )
        return str(answer["SecurityGroupRules"][0]["SecurityGroupRuleId"])


def _permissions(port: int, address: str, description: str) -> list[dict[str, Any]]:
    source = {"CidrIp": address, "Description": description}
    return [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [source]}]
