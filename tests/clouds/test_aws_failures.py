"""AWS not answering, or not as itself, is no verdict."""

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from api.clouds import CLOUDS, Connection, Endpoints, Refused, Target, Unreachable, Verified
from api.clouds.base import before_call
from tests.clouds.aws_standin import (
    REGION,
    AwsStandIn,
    Fault,
    answering,
    answering_as_is,
    ignoring_dry_run,
    silent,
    slow,
)

SECRET_TEXT = "Encoded authorization failure message: 0Ab_0Ab_"


@pytest.fixture
def connection(aws: AwsStandIn, at_aws: Endpoints) -> Connection:
    return CLOUDS["AWS"].connect(aws.user().credential_data, at_aws)


@pytest.fixture
def group(aws: AwsStandIn) -> Target:
    return Target(REGION, aws.security_group(), "SECURITY_GROUP")


@pytest.mark.parametrize(
    "fault",
    [
        answering(503, "ServiceUnavailable"),
        answering(500, "InternalError"),
        answering(503, "RequestLimitExceeded", services=["ec2"]),
        answering(400, "RequestLimitExceeded", services=["ec2"]),
        answering(400, "Throttling", "Rate exceeded", services=["sts"]),
        answering(429, "TooManyRequestsException"),
        answering(400, "RequestExpired", "Request has expired.", services=["ec2"]),
        answering(403, "SignatureDoesNotMatch", "Signature expired: 20260101T000000Z is now earlier than"),
        answering(403, "SignatureDoesNotMatch", "Signature not yet current: 20260101T000000Z is still later than"),
        answering_as_is(200, "<html>Sign in to the network</html>"),
        answering_as_is(200, "no XML at all"),
        answering_as_is(403, "<html>Blocked by your company</html>"),
        answering_as_is(404, "x"),
    ],
    ids=lambda fault: " ".join(str(value) for value in fault.settings.values()),
)
def test_an_answer_that_passes_is_no_verdict(aws: AwsStandIn, connection: Connection, fault: Fault) -> None:
    with aws.failing(fault), pytest.raises(Unreachable):
        connection.verify([])


def test_a_silent_cloud_is_unreachable_within_the_time_limits(
    aws: AwsStandIn, at_aws: Endpoints, connection: Connection
) -> None:
    began = time.monotonic()

    with aws.failing(silent()), pytest.raises(Unreachable):
        connection.verify([])

    assert time.monotonic() - began < 2 * at_aws.read_seconds + 2


def test_a_host_that_takes_no_connection_is_unreachable(aws: AwsStandIn, at_aws: Endpoints, closed_port: int) -> None:
    elsewhere = replace(at_aws, aws=f"http://127.0.0.1:{closed_port}")

    with pytest.raises(Unreachable):
        CLOUDS["AWS"].connect(aws.user().credential_data, elsewhere).verify([])


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as bound:  # bound, and so nobody else's, but not listening
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def test_a_slow_cloud_is_waited_for(aws: AwsStandIn, connection: Connection, group: Target) -> None:
    with aws.failing(slow(0.3)):
        assert connection.verify([group]) == Verified("123456789012")


def test_a_connection_works_again_after_a_silence(aws: AwsStandIn, connection: Connection) -> None:
    with aws.failing(silent()), pytest.raises(Unreachable):
        connection.verify([])

    assert connection.verify([]) == Verified("123456789012")


@pytest.mark.parametrize("code", ["OptInRequired", "Blocked"])
def test_an_account_that_may_not_use_ec2_is_refused_by_the_code(
    aws: AwsStandIn, connection: Connection, code: str
) -> None:
    with aws.failing(answering(403, code, "x", services=["ec2"])), pytest.raises(Refused) as caught:
        connection.verify([])

    assert caught.value.code == code


def test_no_text_of_the_clouds_is_handed_on(aws: AwsStandIn, connection: Connection) -> None:
    with aws.failing(answering(400, "SomethingNew", SECRET_TEXT)), pytest.raises(Refused) as caught:
        connection.verify([])

    assert str(caught.value) == "SomethingNew: AWS refuses this"
    assert caught.value.__context__ is None


@pytest.mark.parametrize("reason", ["AuthFailure", "AccessDenied"])
def test_what_one_service_means_by_a_code_is_not_what_another_means(
    aws: AwsStandIn, connection: Connection, reason: str
) -> None:
    with aws.failing(answering(403, reason, "x", services=["sts"])), pytest.raises(Refused) as caught:
        connection.verify([])

    assert (caught.value.code, caught.value.missing) == (reason, ())


def test_the_older_code_for_a_missing_permission_means_the_same(aws: AwsStandIn, connection: Connection) -> None:
    with aws.failing(answering(403, "AccessDenied", "x", services=["ec2"])), pytest.raises(Refused) as caught:
        connection.verify([])

    assert str(caught.value) == "UnauthorizedOperation: missing ec2:DescribeSecurityGroups"


def test_a_rule_that_a_dry_run_made_is_taken_out_at_once(
    aws: AwsStandIn, connection: Connection, group: Target
) -> None:
    before = aws.groups()

    with aws.failing(ignoring_dry_run()), pytest.raises(Unreachable):
        connection.inspect(group)

    assert json.loads(aws.groups()) == json.loads(before)


def test_no_call_starts_once_the_caller_may_not_call_any_more(connection: Connection, group: Target) -> None:
    calls = []

    def allow_one() -> None:
        calls.append(1)
        if len(calls) > 1:
            raise TimeoutError("the lease has run out")

    token = before_call.set(allow_one)
    try:
        with pytest.raises(TimeoutError):
            connection.verify([group])
    finally:
        before_call.reset(token)
