"""Asking AWS: access keys are proved by STS, security groups by EC2.

Nothing is changed to find out what is permitted.
"""

import math
import re
import threading
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from botocore.client import BaseClient
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from api.clouds.aws import AUTHORIZE, DESCRIBE, REVOKE
from api.clouds.aws_clients import PARTITIONS, client_for
from api.clouds.aws_errors import failure_of, lacking, refusal_by
from api.clouds.aws_rules import SecurityGroupRules
from api.clouds.base import Endpoints, Refused, Seen, Target, Unreachable, Verified, before_call
from api.clouds.rules import Kept, Listing

_VISIBLE_AT_MOST = 1000  # also the most that DescribeSecurityGroups gives in one page
# An address of TEST-NET-1 (RFC 5737), which is nobody's.
_PROBE = {"IpProtocol": "tcp", "FromPort": 9, "ToPort": 9, "IpRanges": [{"CidrIp": "192.0.2.1/32"}]}
# What a DryRun that is permitted ends in: the permission is looked at before the rule itself is.
_PERMITTED = {
    "DryRunOperation",
    "InvalidPermission.Duplicate",
    "InvalidPermission.NotFound",
    "RulesPerSecurityGroupLimitExceeded",
}
# What a group answered is good for so long, within attempts that came to no end.
_REMEMBERED_SECONDS = 600
# How long an attempt asks for permissions; the next one goes on from there.
_ATTEMPT_SECONDS = 10
# What boto3 can put into a request's headers and its signature; AWS makes no others.
_KEY_ID = re.compile(r"[A-Za-z0-9_]{1,128}")
_SECRET_KEY = re.compile(r"[!-~]{1,256}")


class AwsConnection:
    """One access key. Its clients, one for each service and region, are made when they are first needed."""

    def __init__(self, secrets: Mapping[str, str], endpoints: Endpoints) -> None:
        self._key_id = secrets["accessKeyId"]
        self._secret_key = secrets["secretAccessKey"]
        self._endpoints = endpoints
        self._clients: dict[tuple[str, str], BaseClient] = {}
        self._making_clients = threading.Lock()
        self._answered: dict[Target, tuple[float, set[str] | None]] = {}
        self._rules = SecurityGroupRules(self._ec2)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a connection holds a secret: it is neither copied nor pickled")

    def verify(self, targets: Sequence[Target]) -> Verified:
        account, partition = self._identify(targets)
        reachable = [target for target in targets if self._partition(target) == partition]
        missing = self._unseen(reachable) | self._unchangeable(reachable)
        if missing:
            raise lacking(missing)
        return Verified(account)

    def inspect(self, target: Target) -> Seen:
        if self._partition(target) is None:
            raise refusal_by("InvalidRegion")
        try:
            answer = self._ec2(target, "describe_security_groups", GroupIds=[target.identifier])
            missing: set[str] = set()
        except Refused as refusal:
            if not refusal.missing:
                raise
            missing = {DESCRIBE}
        missing |= self._forbidden(target)
        if missing:
            raise lacking(missing)
        groups = answer.get("SecurityGroups")
        if not groups:
            raise refusal_by("InvalidGroup.NotFound")
        return _seen(groups[0], target.region)

    def visible(self, region: str | None) -> list[Seen]:
        region = region or self._endpoints.aws_region
        if region not in PARTITIONS:
            raise refusal_by("InvalidRegion")
        groups: list[Mapping[str, Any]] = []
        onwards: dict[str, str] | None = {}
        while onwards is not None and len(groups) < _VISIBLE_AT_MOST:
            page = self._ask("ec2", region, "describe_security_groups", MaxResults=_VISIBLE_AT_MOST, **onwards)
            groups += page.get("SecurityGroups", ())
            # The last page has no token, or an empty one.
            onwards = {"NextToken": page["NextToken"]} if page.get("NextToken") else None
        return [_seen(group, region) for group in groups[:_VISIBLE_AT_MOST]]

    def rules(self, target: Target, installation: uuid.UUID, kept: Sequence[Kept]) -> Listing:
        return self._rules.listing(target, installation, kept)

    def apply(self, target: Target, kept: Kept) -> tuple[str, ...]:
        return self._rules.apply(target, kept)

    def revoke(self, target: Target, kept: Kept) -> None:
        self._rules.revoke(target, kept)

    def _identify(self, targets: Iterable[Target]) -> tuple[str, str]:
        """The key's account and partition. Only STS tells an unknown key from a wrong secret.

        STS is asked in the operator's region, not in the targets': a region that is not enabled for an account knows
        none of its keys. A key that is unknown there may be of another partition that the targets name.
        """
        if not _KEY_ID.fullmatch(self._key_id):
            raise refusal_by("InvalidClientTokenId")
        if not _SECRET_KEY.fullmatch(self._secret_key):
            raise refusal_by("SignatureDoesNotMatch")
        home = self._endpoints.aws_region
        elsewhere = {self._partition(target): target.region for target in targets}
        others = [region for part, region in elsewhere.items() if part not in (None, PARTITIONS.get(home))]
        first: Refused | None = None
        for region in (home, *others):
            try:
                caller = self._ask("sts", region or home, "get_caller_identity")
            except Refused as refusal:
                first = first or refusal
                if refusal.code != "InvalidClientTokenId":
                    break
            else:
                return _whose(caller)
        raise first or refusal_by("InvalidClientTokenId")

    def _partition(self, target: Target) -> str | None:
        return PARTITIONS.get(target.region or "")

    def _unseen(self, targets: Iterable[Target]) -> set[str]:
        """The permission to look, where every region that answers refuses it."""
        missing: set[str] = set()
        for region in dict.fromkeys(target.region or "" for target in targets) or (self._endpoints.aws_region,):
            try:
                self._ask("ec2", region, "describe_security_groups", MaxResults=5)
                return set()
            except Refused as refusal:
                # A region that is not enabled says nothing about what is permitted in others.
                if not refusal.missing and refusal.code != "AuthFailure":
                    raise
                missing.update(refusal.missing)
        return missing

    def _unchangeable(self, targets: Iterable[Target]) -> set[str]:
        """The permissions that are missing, where every group that answers refuses one.

        An attempt that AWS throttles, or that takes too long, is gone on with by the next one: asking all of a thousand
        groups anew would end the same. The first group is asked each time, so that a policy which was mended meanwhile
        is seen.
        """
        missing: set[str] = set()
        until = time.monotonic() + _ATTEMPT_SECONDS
        for number, target in enumerate(targets):
            asked_at, forbidden = self._answered.get(target, (-math.inf, None))
            if number == 0 or time.monotonic() - asked_at > _REMEMBERED_SECONDS:
                if time.monotonic() > until:
                    raise Unreachable(f"AWS was asked about {number} groups of many")
                forbidden = self._forbidden_if_there(target)
                self._answered[target] = (time.monotonic(), forbidden)
            if forbidden == set():
                missing = set()
                break
            missing |= forbidden or set()
        self._answered.clear()
        return missing

    def _forbidden_if_there(self, target: Target) -> set[str] | None:
        """As `_forbidden`; None for a group that is not there: it says nothing about what is permitted on others."""
        try:
            return self._forbidden(target)
        except Refused:
            return None

    def _forbidden(self, target: Target) -> set[str]:
        """Which changes of a group are not permitted; Refused where the group itself is at fault."""
        operations = {
            AUTHORIZE: "authorize_security_group_ingress",
            REVOKE: "revoke_security_group_ingress",
        }
        return {right for right, operation in operations.items() if not self._permitted(target, operation)}

    def _permitted(self, target: Target, operation: str) -> bool:
        try:
            answer = self._ec2(target, operation, GroupId=target.identifier, IpPermissions=[_PROBE], DryRun=True)
        except Refused as refusal:
            if refusal.code in _PERMITTED or refusal.missing:
                return not refusal.missing
            raise
        made = [rule["SecurityGroupRuleId"] for rule in answer.get("SecurityGroupRules", ())]
        if made:
            self._ec2(target, "revoke_security_group_ingress", GroupId=target.identifier, SecurityGroupRuleIds=made)
        raise Unreachable("the endpoint set for AWS does what it is asked to do as a DryRun")

    def _ec2(self, target: Target, operation: str, **parameters: Any) -> Mapping[str, Any]:
        return self._ask("ec2", target.region or "", operation, **parameters)

    def _ask(self, service: str, region: str, operation: str, **parameters: Any) -> Mapping[str, Any]:
        """One call. What fails is raised after the SDK's error is gone, which holds the cloud's whole text."""
        call = getattr(self._client(service, region), operation)
        before_call.get()()
        try:
            answer: Mapping[str, Any] = call(**parameters)
            return answer
        except ClientError as error:
            failure = failure_of(service, operation, error.response)
        # The last two come from botocore's parsers, for an answer that is well-formed and not of AWS: a portal's page.
        except (BotoCoreError, ResponseParserError, LookupError, ValueError) as error:
            failure = Unreachable(f"AWS did not answer {service} in {region} ({type(error).__name__})")
        raise failure

    def _client(self, service: str, region: str) -> BaseClient:
        with self._making_clients:
            if (service, region) not in self._clients:
                self._clients[service, region] = client_for(
                    service, region, self._key_id, self._secret_key, self._endpoints
                )
            return self._clients[service, region]


def _whose(caller: Mapping[str, Any]) -> tuple[str, str]:
    """The account and the partition of a caller's identity."""
    if not caller.get("Account") or str(caller.get("Arn")).count(":") < 5:
        raise Unreachable("something answered that is not AWS")
    return caller["Account"], caller["Arn"].split(":")[1]


def _seen(group: Mapping[str, Any], region: str | None) -> Seen:
    return Seen(group["GroupId"], group.get("GroupName", ""), group.get("Description", ""), region)
