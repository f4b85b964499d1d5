"""What makes an AWS access key valid: real boto3, over HTTP, against signatures and policies that are checked."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from api.clouds import CLOUDS, Connection, Endpoints, Refused, Target, Unreachable, Verified
from api.clouds.base import before_call
from tests.clouds.aws_standin import (
    AUTHORIZE,
    DESCRIBE,
    LEAST_PRIVILEGE,
    REGION,
    REVOKE,
    AwsStandIn,
    Fault,
    Key,
    allowing,
    answering,
)

ACCOUNT = "123456789012"  # moto's only one

Connect = Callable[[Key], Connection]


@pytest.fixture
def connect(at_aws: Endpoints) -> Connect:
    return lambda key: CLOUDS["AWS"].connect(key.credential_data, at_aws)


def on(group: str, region: str = REGION) -> Target:
    return Target(region, group, "SECURITY_GROUP")


def refusal_of(connection: Connection, *targets: Target) -> Refused:
    with pytest.raises(Refused) as caught:
        connection.verify(targets)
    return caught.value


def test_a_key_with_the_least_privilege_is_valid(aws: AwsStandIn, connect: Connect) -> None:
    group = aws.security_group()

    assert connect(aws.user()).verify([on(group)]) == Verified(ACCOUNT)


def test_a_key_without_any_target_needs_only_to_look(aws: AwsStandIn, connect: Connect) -> None:
    assert connect(aws.user(allowing([DESCRIBE]))).verify([]) == Verified(ACCOUNT)


def test_the_policy_that_we_hand_out_is_enough(aws: AwsStandIn, connect: Connect) -> None:
    target = on(aws.security_group())
    key = aws.user(CLOUDS["AWS"].policy([target], ACCOUNT))

    assert connect(key).verify([target]) == Verified(ACCOUNT)


def test_an_unknown_key_is_refused_by_its_code(connect: Connect) -> None:
    refused = refusal_of(connect(Key("nobody", "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")))

    assert str(refused) == "InvalidClientTokenId: Access Key ID is invalid or doesn't exist"


def test_a_wrong_secret_is_refused_by_its_code(aws: AwsStandIn, connect: Connect) -> None:
    key = aws.user()

    refused = refusal_of(connect(Key(key.user, key.access_key_id, "A" * 40)))

    assert str(refused) == "SignatureDoesNotMatch: Secret Access Key is incorrect"


@pytest.mark.parametrize(
    ("key_id", "secret", "code"),
    [
        ("AKIA\r\nX-Injected: 1", "a", "InvalidClientTokenId"),
        ("AKIAÄÖÜ", "a", "InvalidClientTokenId"),
        ("", "a", "InvalidClientTokenId"),
        ("AKIAIOSFODNN7EXAMPLE", "not a\nsecret", "SignatureDoesNotMatch"),
        ("AKIAIOSFODNN7EXAMPLE", "\udc80", "SignatureDoesNotMatch"),
    ],
)
def test_what_cannot_be_a_key_is_refused_like_a_wrong_one(
    connect: Connect, key_id: str, secret: str, code: str
) -> None:
    assert refusal_of(connect(Key("nobody", key_id, secret))).code == code


def test_a_deactivated_key_is_refused(aws: AwsStandIn, connect: Connect) -> None:
    key = aws.user()
    aws.deactivate(key)

    assert refusal_of(connect(key)).code == "InvalidClientTokenId"


def test_a_deleted_key_is_refused_and_the_one_after_it_is_valid(aws: AwsStandIn, connect: Connect) -> None:
    first = aws.user()
    second = aws.another_key(first.user)
    aws.delete(first)

    assert refusal_of(connect(first)).code == "InvalidClientTokenId"
    assert connect(second).verify([]) == Verified(ACCOUNT)


def test_a_key_without_a_policy_lacks_describe(aws: AwsStandIn, connect: Connect) -> None:
    refused = refusal_of(connect(aws.user(policy=None)))

    assert str(refused) == "UnauthorizedOperation: missing ec2:DescribeSecurityGroups"
    assert refused.missing == (DESCRIBE,)


def test_all_that_is_missing_is_named_at_once(aws: AwsStandIn, connect: Connect) -> None:
    refused = refusal_of(connect(aws.user(policy=None)), on(aws.security_group()))

    assert refused.missing == (DESCRIBE, AUTHORIZE, REVOKE)


@pytest.mark.parametrize(("held", "missing"), [(AUTHORIZE, REVOKE), (REVOKE, AUTHORIZE)])
def test_a_change_that_every_group_refuses_is_named(aws: AwsStandIn, connect: Connect, held: str, missing: str) -> None:
    groups = [on(aws.security_group()), on(aws.security_group())]

    refused = refusal_of(connect(aws.user(allowing([DESCRIBE, held]))), *groups)

    assert str(refused) == f"UnauthorizedOperation: missing {missing}"


def test_a_policy_for_one_group_is_not_condemned_by_another(aws: AwsStandIn, connect: Connect) -> None:
    foreign, own = aws.security_group(), aws.security_group()
    key = aws.user(allowing([DESCRIBE, AUTHORIZE, REVOKE], groups=[own]))

    assert connect(key).verify([on(foreign), on(own)]) == Verified(ACCOUNT)
    assert refusal_of(connect(key), on(foreign)).missing == (AUTHORIZE, REVOKE)


@pytest.mark.parametrize(
    "target",
    [on("sg-0123456789abcdef0"), on("no group"), on("sg-0abc123def456", "mars-north-1"), on("sg-0abc123def456", "")],
    ids=["missing", "malformed", "unknown region", "no region"],
)
def test_a_group_that_is_not_there_says_nothing_about_permission(
    aws: AwsStandIn, connect: Connect, target: Target
) -> None:
    assert connect(aws.user()).verify([target]) == Verified(ACCOUNT)


def test_a_group_in_another_partition_does_not_condemn_a_good_key(aws: AwsStandIn, connect: Connect) -> None:
    assert connect(aws.user()).verify([on("sg-0abc123def456", "us-gov-west-1")]) == Verified(ACCOUNT)


def test_a_permission_given_later_is_seen_by_the_same_connection(aws: AwsStandIn, connect: Connect) -> None:
    key = aws.user(policy=None)
    connection = connect(key)
    refusal_of(connection)

    aws.give(key.user, LEAST_PRIVILEGE)

    assert connection.verify([]) == Verified(ACCOUNT)


def test_nothing_in_the_cloud_is_changed_to_find_out(aws: AwsStandIn, connect: Connect) -> None:
    group = aws.security_group()
    aws.ec2().authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 9, "ToPort": 9, "IpRanges": [{"CidrIp": "192.0.2.1/32"}]},
            {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "198.51.100.7/32"}]},
        ],
    )
    before = aws.groups()

    connection = connect(aws.user())
    connection.verify([on(group)])
    connection.inspect(on(group))

    assert aws.groups() == before


@contextmanager
def throttled_after(aws: AwsStandIn, calls: int) -> Iterator[list[None]]:
    """AWS throttles the key from its call number `calls` on. What is yielded grows with each call."""
    made: list[None] = []

    def count() -> None:
        made.append(None)
        if len(made) == calls:
            aws.set_fault(answering(503, "RequestLimitExceeded"))

    looked_at = before_call.set(count)
    try:
        yield made
    finally:
        before_call.reset(looked_at)
        aws.set_fault(Fault({}))


def test_what_was_asked_before_aws_throttled_is_not_asked_again(aws: AwsStandIn, connect: Connect) -> None:
    """Else a key that is refused on a thousand groups would never get its verdict."""
    vpc = aws.vpc()
    targets = [on(aws.security_group(vpc=vpc)) for _ in range(6)]
    connection = connect(aws.user(allowing([DESCRIBE])))
    with throttled_after(aws, calls=9), pytest.raises(Unreachable):
        connection.verify(targets)  # who it is, what it sees, three groups, half of one

    with throttled_after(aws, calls=1000) as calls:
        refused = refusal_of(connection, *targets)

    assert set(refused.missing) == {AUTHORIZE, REVOKE}
    assert len(calls) == 2 + 2 * (1 + 3)  # the first group once more, and the three that were not asked

    with throttled_after(aws, calls=1000) as calls:
        refusal_of(connection, *targets)

    assert len(calls) == 2 + 2 * 6  # after a verdict everything is asked anew


def test_a_policy_that_is_mended_while_aws_throttles_is_seen(aws: AwsStandIn, connect: Connect) -> None:
    vpc = aws.vpc()
    targets = [on(aws.security_group(vpc=vpc)) for _ in range(3)]
    key = aws.user(allowing([DESCRIBE]))
    connection = connect(key)
    with throttled_after(aws, calls=7), pytest.raises(Unreachable):
        connection.verify(targets)

    aws.give(key.user, LEAST_PRIVILEGE)

    assert connection.verify(targets) == Verified(ACCOUNT)
