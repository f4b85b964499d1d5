"""AWS, declared: access keys and security groups. `aws_connection` asks AWS, and is loaded when somebody connects."""

import re
from collections.abc import Mapping, Sequence

from api.clouds.base import Connection, Endpoints, Field, ResourceType, Target

DESCRIBE = "ec2:DescribeSecurityGroups"
AUTHORIZE = "ec2:AuthorizeSecurityGroupIngress"
REVOKE = "ec2:RevokeSecurityGroupIngress"

_GROUP_ID = re.compile(r"sg-[0-9a-f]{6,17}")  # 8 digits once, 17 now; the published examples have 6 and 12
# Which partition a region is in, told without the SDK's list of regions.
_PARTITIONS = (
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("us-isob-", "aws-iso-b"),
    ("us-isof-", "aws-iso-f"),
    ("us-iso-", "aws-iso"),
    ("eu-isoe-", "aws-iso-e"),
    ("eusc-", "aws-eusc"),
)
# Told without the SDK, too; those of partitions that few accounts are in are typed.
_REGIONS = (
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "ca-west-1", "mx-central-1", "sa-east-1"),
    *("eu-central-1", "eu-central-2", "eu-west-1", "eu-west-2", "eu-west-3", "eu-north-1", "eu-south-1", "eu-south-2"),
    *("af-south-1", "il-central-1", "me-central-1", "me-south-1", "ap-east-1", "ap-east-2", "ap-south-1", "ap-south-2"),
    *("ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3"),
    *("ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7"),
    *("us-gov-east-1", "us-gov-west-1", "cn-north-1", "cn-northwest-1"),
)


class Aws:
    """Amazon Web Services, through an IAM user's access key."""

    name = "AWS"
    label = "Amazon Web Services"
    credential_type = "ACCESS_KEY"
    fields: tuple[Field, ...] = (
        Field("accessKeyId", "Access Key ID", "The key of an IAM user made for EntryGuard", "AKIAIOSFODNN7EXAMPLE"),
        Field(
            "secretAccessKey",
            "Secret Access Key",
            "AWS shows it once, when the key is made",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            secret=True,
        ),
    )
    resource_types: Mapping[str, ResourceType] = {
        "SECURITY_GROUP": ResourceType(
            "SECURITY_GROUP",
            "Security group",
            "The group's id",
            "sg-0abc123def456",
            ("port", "ports", "portRange", "protocol"),
        )
    }
    needs_region = True
    regions: tuple[str, ...] = _REGIONS
    permissions: tuple[str, ...] = (DESCRIBE, AUTHORIZE, REVOKE)
    # IAM is eventually consistent: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html
    # Of a key that it does not know EC2 says AuthFailure, and its regions may hear of one later than STS.
    settling = frozenset({"AuthFailure", "InvalidClientTokenId", "UnauthorizedOperation"})
    gone = frozenset({"InvalidGroup.NotFound"})
    writes_whole = False
    policy_use = (
        "An IAM policy: attach it to the IAM user whose access key EntryGuard gets. "
        "In GovCloud an ARN starts with arn:aws-us-gov, in China with arn:aws-cn."
    )
    hints: Mapping[str, str] = {
        "InvalidClientTokenId": "Access Key ID is invalid or doesn't exist",
        "SignatureDoesNotMatch": "Secret Access Key is incorrect",
        "UnauthorizedOperation": "IAM policy doesn't allow required EC2 operations",
        "ExpiredToken": "Access key is a temporary one and has expired",
        "AuthFailure": "EC2 doesn't accept the key: it is wrong, or the region is not enabled for the account",
        "AccessDenied": "AWS doesn't let the IAM user call sts:GetCallerIdentity",
        "OptInRequired": "The account is not signed up for EC2",
        "Blocked": "AWS has blocked the account",
        "InvalidGroup.NotFound": "Security group doesn't exist in this region of the account",
        "InvalidGroupId.Malformed": "Security group ID must look like sg-0abc123def456",
        "RulesPerSecurityGroupLimitExceeded": "Security group is full: remove rules, or have its quota raised",
        "InvalidRegion": "Region is missing or is none of AWS's",
    }

    remedies: Mapping[str, str] = {
        "InvalidClientTokenId": "See in IAM that the access key is there and active, and its user not disabled; "
        "then replace the secret with the key as IAM shows it.",
        "SignatureDoesNotMatch": "Make a new access key in IAM, since AWS shows a secret once, and replace the secret.",
        "UnauthorizedOperation": "Attach the policy below to the IAM user, then verify again. A permissions boundary, "
        "or a policy of the organisation, may forbid it too.",
        "ExpiredToken": "Make an access key of an IAM user, which does not expire, and replace the secret.",
        "AuthFailure": "Enable the region for the account, or look the key up in IAM and replace the secret.",
        "AccessDenied": "See that the IAM user has the sts:GetCallerIdentity permission, and that no policy of the "
        "organisation denies it; then verify again.",
        "Blocked": "Confirm in AWS that the account is in good standing; then verify again.",
        "OptInRequired": "Sign the account up for EC2, and see that it is in good standing; then verify again.",
        "InvalidGroup.NotFound": "See in AWS which region and account the group is in, and change the resource.",
        "InvalidGroupId.Malformed": "Change the resource: it takes the group's id, not its name.",
        "InvalidRegion": "Change the resource's region to a code such as eu-central-1.",
        "RulesPerSecurityGroupLimitExceeded": "Remove rules that nobody needs, or have the quota raised.",
    }

    def check_identifier(self, resource_type: str, identifier: str) -> str | None:
        if _GROUP_ID.fullmatch(identifier):
            return None
        return "resourceIdentifier must be the id of a security group, such as sg-0abc123def456"

    def policy(self, targets: Sequence[Target], account: str | None = None) -> dict[str, object]:
        """An IAM policy. Describing knows no narrower resource than all (Service Authorization Reference, EC2)."""
        groups = sorted({_arn(target.region, account, target.identifier) for target in targets})
        return {
            "Version": "2012-10-17",
            "Statement": [
                {"Sid": "EntryGuardLooks", "Effect": "Allow", "Action": DESCRIBE, "Resource": "*"},
                {
                    "Sid": "EntryGuardOpensAndCloses",
                    "Effect": "Allow",
                    "Action": [AUTHORIZE, REVOKE],
                    "Resource": groups or [_arn(None, account, "*")],
                },
            ],
        }

    def preload(self) -> None:
        """Load boto3 and the models of STS and EC2 (half a second, 50 MB) before forking."""
        import api.clouds.aws_connection  # noqa: F401
        from api.clouds import aws_clients

        aws_clients.warm()

    def connect(self, secrets: Mapping[str, str], endpoints: Endpoints) -> Connection:
        from api.clouds.aws_connection import AwsConnection

        return AwsConnection(secrets, endpoints)


def _arn(region: str | None, account: str | None, group: str) -> str:
    partition = next((name for start, name in _PARTITIONS if (region or "").startswith(start)), "aws")
    return f"arn:{partition}:ec2:{region or '*'}:{account or '*'}:security-group/{group}"
