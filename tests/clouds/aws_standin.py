"""Start the AWS stand-in and fill it: users, policies, access keys, networks, security groups. Knows nothing of pytest.

`python -m tests.clouds.aws_standin` starts one by hand and shows how to use it.
"""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Self

import boto3.session
from botocore.config import Config

REGION = "eu-central-1"
# Where each partition's IAM is, by how the names of its regions start. A user of one is unknown in the others.
_IAM = {"us-gov-": "us-gov-west-1", "cn-": "cn-north-1", "": "us-east-1"}
DESCRIBE = "ec2:DescribeSecurityGroups"
AUTHORIZE = "ec2:AuthorizeSecurityGroupIngress"
REVOKE = "ec2:RevokeSecurityGroupIngress"

_ROOT = Path(__file__).parents[2]
_END_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Key:
    """An access key of a user in the stand-in."""

    user: str
    access_key_id: str
    secret_access_key: str = field(repr=False)

    @property
    def credential_data(self) -> dict[str, str]:
        """The key as `credentialData` has it."""
        return {"accessKeyId": self.access_key_id, "secretAccessKey": self.secret_access_key}


@dataclass(frozen=True, slots=True)
class Fault:
    """What the stand-in does instead of answering. Made by the functions below."""

    settings: Mapping[str, Any]


def answering(status: int, code: str, message: str = "", *, services: Sequence[str] = ("sts", "ec2")) -> Fault:
    """An error of AWS, for every call of these services."""
    return Fault({"status": status, "code": code, "message": message, "services": list(services)})


def answering_as_is(status: int, body: str) -> Fault:
    """These very words, whatever is asked: a proxy's page, say."""
    return Fault({"status": status, "body": body})


def silent(*, services: Sequence[str] = ("sts", "ec2")) -> Fault:
    """Takes requests and does not answer."""
    return Fault({"silent": True, "services": list(services)})


def slow(seconds: float) -> Fault:
    return Fault({"delay": seconds})


def losing_answers() -> Fault:
    """Does every change of a security group that it is asked to do, and fails to say so."""
    return Fault({"lost": True})


def lagging() -> Fault:
    """Shows each security group as it was when it was first asked about, whatever is changed meanwhile."""
    return Fault({"lagging": True})


def ignoring_dry_run() -> Fault:
    """Does what it is asked to do as a DryRun."""
    return Fault({"dry_run_ignored": True})


def allowing(actions: Sequence[str], groups: Sequence[str] = ("*",)) -> dict[str, Any]:
    """A policy with these EC2 actions; those that change a group on these groups only."""
    arns = [f"arn:aws:ec2:*:*:security-group/{group}" for group in groups]
    statements = [
        {"Effect": "Allow", "Action": action, "Resource": "*" if action == DESCRIBE else arns} for action in actions
    ]
    return {"Version": "2012-10-17", "Statement": statements}


LEAST_PRIVILEGE = allowing((DESCRIBE, AUTHORIZE, REVOKE))


class AwsStandIn:
    """A running stand-in. Ends with `stop()`, with the `with` statement, or with the process that started it."""

    def __init__(self) -> None:
        # Long enough for a person to be made who may do everything; after that, each call is checked.
        environment = {**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": "1000000"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.clouds.aws_server"],
            cwd=_ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        if self._process.stdout is None:
            raise RuntimeError("the stand-in's output is not connected")
        port = self._process.stdout.readline().strip()
        if not port:
            raise RuntimeError("the AWS stand-in did not start: run `python -m tests.clouds.aws_server` to see why")
        self.endpoint = f"http://127.0.0.1:{port}"
        self._numbers = count(1)
        self._session: Any = boto3.session.Session()
        self._clients: dict[tuple[str, str, Key], Any] = {}
        self._owners = dict.fromkeys(_IAM.values(), Key("nobody", "AKIANOBODY", "nobody"))
        for region in self._owners:
            everything = {"Version": "2012-10-17", "Statement": [_EVERYTHING]}
            self._owners[region] = self.user(everything, name="owner", region=region)
        self._post("/moto-api/reset-auth", b"0")
        self.ec2(REGION).describe_vpcs()  # the first call loads EC2, which takes seconds

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        """End the process, by its id. May be called again."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.terminate()
        self._process.wait(_END_SECONDS)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def user(
        self, policy: Mapping[str, Any] | None = LEAST_PRIVILEGE, name: str | None = None, region: str = REGION
    ) -> Key:
        """A new IAM user with this policy, or with none, and an access key; in the partition of `region`."""
        name = name or f"entryguard-{next(self._numbers)}"
        self._iam(region).create_user(UserName=name)
        if policy is not None:
            self.give(name, policy, region)
        return self.another_key(name, region)

    def give(self, user: str, policy: Mapping[str, Any], region: str = REGION) -> None:
        """Replace the user's policy."""
        self._iam(region).put_user_policy(UserName=user, PolicyName="entryguard", PolicyDocument=json.dumps(policy))

    def another_key(self, user: str, region: str = REGION) -> Key:
        """A further access key for the user, as one rotates."""
        made = self._iam(region).create_access_key(UserName=user)["AccessKey"]
        return Key(user, made["AccessKeyId"], made["SecretAccessKey"])

    def deactivate(self, key: Key) -> None:
        self.iam.update_access_key(UserName=key.user, AccessKeyId=key.access_key_id, Status="Inactive")

    def delete(self, key: Key) -> None:
        self.iam.delete_access_key(UserName=key.user, AccessKeyId=key.access_key_id)

    def vpc(self, region: str = REGION) -> str:
        """The id of a new VPC."""
        made: str = self.ec2(region).create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        return made

    def security_group(self, name: str | None = None, region: str = REGION, vpc: str | None = None) -> str:
        """The id of a new security group, in a VPC of its own unless one is named."""
        made: str = self.ec2(region).create_security_group(
            GroupName=name or f"gateway-{next(self._numbers)}",
            Description="Opened by EntryGuard",
            VpcId=vpc or self.vpc(region),
        )["GroupId"]
        return made

    def delete_security_group(self, group: str, region: str = REGION) -> None:
        self.ec2(region).delete_security_group(GroupId=group)

    def groups(self, region: str = REGION) -> str:
        """All security groups of a region with all their rules, as one text to compare."""
        answer = self.ec2(region).describe_security_groups()["SecurityGroups"]
        return json.dumps(answer, sort_keys=True, default=str)

    @contextmanager
    def failing(self, fault: Fault) -> Iterator[None]:
        """The fault, for as long as the `with` statement lasts."""
        self.set_fault(fault)
        try:
            yield
        finally:
            self.set_fault(Fault({}))

    def set_fault(self, fault: Fault) -> None:
        """The fault, until another one is set; `Fault({})` is none."""
        self._post("/standin/fault", json.dumps(fault.settings).encode())

    def met(self) -> dict[str, Any]:
        """How many calls have met which fault by chance, and what was done late, as `Chances` tells it."""
        with urllib.request.urlopen(f"{self.endpoint}/standin/met", timeout=_END_SECONDS) as answer:  # noqa: S310
            told: dict[str, Any] = json.load(answer)
            return told

    @property
    def iam(self) -> Any:
        """A boto3 client that may do everything."""
        return self._iam(REGION)

    def ec2(self, region: str = REGION) -> Any:
        """A boto3 client that may do everything."""
        return self._client("ec2", region)

    def _iam(self, region: str) -> Any:
        return self._client("iam", _iam_region(region))

    def _client(self, service: str, region: str) -> Any:
        owner = self._owners[_iam_region(region)]
        of_whom = (service, region, owner)
        if of_whom not in self._clients:
            self._clients[of_whom] = self._session.client(
                service,
                region,
                endpoint_url=self.endpoint,
                aws_access_key_id=owner.access_key_id,
                aws_secret_access_key=owner.secret_access_key,
                config=Config(retries={"total_max_attempts": 1}),
            )
        return self._clients[of_whom]

    def _post(self, path: str, body: bytes) -> None:
        # moto answers 500 to the form type that urllib would send.
        request = urllib.request.Request(self.endpoint + path, body, {"Content-Type": "text/plain"})  # noqa: S310
        urllib.request.urlopen(request, timeout=_END_SECONDS).close()  # noqa: S310  the address is our own


def _iam_region(region: str) -> str:
    return next(home for start, home in _IAM.items() if region.startswith(start))


_EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def main() -> None:
    """A stand-in with one user and one security group, until Enter is pressed."""
    with AwsStandIn() as aws:
        key, group = aws.user(), aws.security_group("gateway")
        sys.stdout.write(
            f"ENTRYGUARD_AWS_ENDPOINT_URL={aws.endpoint}\n"
            f"accessKeyId     {key.access_key_id}\nsecretAccessKey {key.secret_access_key}\n"
            f"security group  {group} in {REGION}\nEnter ends it.\n"
        )
        sys.stdout.flush()
        sys.stdin.readline()


if __name__ == "__main__":
    main()
