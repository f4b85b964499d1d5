"""The demo's AWS account: a stand-in on this machine, with one user for EntryGuard, a VPC and two security groups."""

from dataclasses import replace
from typing import Any

from tests.clouds.aws_standin import AUTHORIZE, DESCRIBE, REGION, REVOKE, AwsStandIn, Key, allowing

USER = "entryguard"
POLICY = "entryguard"  # what the stand-in calls a user's policy


class Cloud:
    """Starts with the object, and ends with `end`."""

    def __init__(self) -> None:
        self._aws = AwsStandIn()
        self.region = REGION
        self.vpc = self._aws.vpc()
        self.web = self._aws.security_group("web", vpc=self.vpc)
        self.database = self._aws.security_group("database", vpc=self.vpc)
        groups = (self.web, self.database)
        self.key = self._aws.user(allowing((DESCRIBE, AUTHORIZE, REVOKE), groups), name=USER)
        self.rules_at_first = self.rules()

    @property
    def endpoint(self) -> str:
        return self._aws.endpoint

    def rules(self) -> str:
        """Every security group with its rules, as one text to compare."""
        return self._aws.groups()

    def let_in(self, group: str) -> list[str]:
        """Who may pass a security group."""
        return [entry["CidrIp"] for rule in self._permissions(group) for entry in rule["IpRanges"]]

    def told_rules(self, group: str) -> list[str]:
        """The rules of a security group, as AWS tells them."""
        return [
            f"{rule['IpProtocol']} {rule['FromPort']} from {entry['CidrIp']} ({entry.get('Description', 'no tag')})"
            for rule in self._permissions(group)
            for entry in rule["IpRanges"]
        ]

    def second_key(self) -> Key:
        """A second access key for the same user, as AWS has it for rotating."""
        return self._aws.another_key(USER)

    def deactivate(self, key: Key) -> None:
        self._aws.deactivate(key)

    def empty(self) -> list[str]:
        """Delete all that was made; gives what is still there."""
        ec2, iam = self._aws.ec2(), self._aws.iam
        for group in (self.web, self.database):
            ec2.delete_security_group(GroupId=group)
        ec2.delete_vpc(VpcId=self.vpc)
        for key in iam.list_access_keys(UserName=USER)["AccessKeyMetadata"]:
            iam.delete_access_key(UserName=USER, AccessKeyId=key["AccessKeyId"])
        iam.delete_user_policy(UserName=USER, PolicyName=POLICY)
        iam.delete_user(UserName=USER)
        groups = [group["GroupId"] for group in ec2.describe_security_groups()["SecurityGroups"]]
        vpcs = [vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"]]
        users = [user["UserName"] for user in iam.list_users()["Users"]]
        return [name for name in (*groups, *vpcs, *users) if name in (self.web, self.database, self.vpc, USER)]

    def _permissions(self, group: str) -> list[dict[str, Any]]:
        found = self._aws.ec2().describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
        permissions: list[dict[str, Any]] = found["IpPermissions"]
        return permissions

    def end(self) -> None:
        """May be called again."""
        self._aws.stop()


def with_wrong_secret(key: Key) -> Key:
    """The same access key with one character of its secret mistaken."""
    last = key.secret_access_key[-1]
    return replace(key, secret_access_key=key.secret_access_key[:-1] + ("a" if last != "a" else "b"))
