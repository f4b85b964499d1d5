"""What a security group shows lags behind what was added to it and removed: EC2 promises no more."""

import pytest

from api.clouds import Endpoints
from api.due import LEASE_SECONDS
from api.targets.models import Rule
from tests.clouds.aws_standin import AwsStandIn, lagging
from tests.clouds.test_aws_promises import AwsSite, permissions
from tests.worker.bench import APPLIED, REMOVED, Bench, bench_at, grant_of, status, told

# What depends on the engine is tested with a made-up cloud, on both.
pytestmark = pytest.mark.engines("sqlite")


@pytest.fixture
def bench(db: str, aws: AwsStandIn, at_aws: Endpoints) -> Bench:
    return bench_at(AwsSite(aws, at_aws))


def test_a_rule_that_the_group_does_not_show_yet_goes_with_its_session(bench: Bench, aws: AwsStandIn) -> None:
    before = bench.everything()
    session = bench.open()
    with aws.failing(lagging()):
        bench.serve()
        assert status(session) == ("PENDING", "PENDING")
        assert grant_of(session).error == "the cloud does not show the change yet"
        bench.end(session)
        bench.serve()

    assert bench.everything() == before
    bench.serve_for(45)
    assert status(session) == ("CANCELLED", "REMOVED")
    assert not Rule.select().exists()


def test_a_rule_is_active_once_the_group_shows_it_however_often_it_was_added(bench: Bench, aws: AwsStandIn) -> None:
    before = bench.everything()
    session = bench.open()
    with aws.failing(lagging()):
        bench.serve_for(5)
        assert status(session) == ("PENDING", "PENDING")

    bench.serve_for(10)

    assert status(session) == ("ACTIVE", "APPLIED")
    assert told() == [APPLIED]
    bench.end(session)
    bench.serve()
    assert bench.everything() == before
    # Which of the calls was shown is not known: that none will land is told a lease after the last one.
    bench.serve_for(LEASE_SECONDS)
    assert status(session) == ("CANCELLED", "REMOVED")
    assert told() == [APPLIED, REMOVED]


def test_what_is_gone_and_shown_again_is_nobody_elses(bench: Bench, aws: AwsStandIn) -> None:
    before = bench.everything()
    first = bench.open()
    bench.serve()
    [gone] = bench.kept()
    bench.end(first)
    bench.serve()
    assert bench.everything() == before
    # Not there in truth, as soon as it is revoked; but shown for a while.
    shown = permissions(gone.rule, str(gone.rule.tag))
    aws.ec2().authorize_security_group_ingress(GroupId=bench.target.identifier, IpPermissions=shown)

    session = bench.open()
    with aws.failing(lagging()):
        bench.serve()
        assert bench.everything() != before, "it is still shown"
        assert status(session) == ("PENDING", "PENDING")
        assert grant_of(session).error == "the cloud does not show the change yet"
    assert bench.everything() == before

    bench.serve_for(5)

    assert status(session) == ("ACTIVE", "APPLIED")
    assert grant_of(session).error is None
