"""A rule that a person made another one of: opening and description are gone, and it is known by its id alone."""

import pytest

from api.clouds import Endpoints
from api.targets.models import Rule
from tests.clouds.aws_standin import AwsStandIn
from tests.clouds.test_aws_promises import AwsSite
from tests.worker.bench import NOT_REMOVED, REMOVED, Bench, bench_at, grant_of, status, told

# What depends on the engine is tested with a made-up cloud, on both.
pytestmark = pytest.mark.engines("sqlite")


@pytest.fixture
def bench(db: str, aws: AwsStandIn, at_aws: Endpoints) -> Bench:
    return bench_at(AwsSite(aws, at_aws))


def widen(aws: AwsStandIn, bench: Bench) -> None:
    [kept] = bench.kept()
    [rule_id] = kept.provider_ids
    wide = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIpv4": "0.0.0.0/0", "Description": "the office"}
    aws.ec2().modify_security_group_rules(
        GroupId=bench.target.identifier,
        SecurityGroupRules=[{"SecurityGroupRuleId": rule_id, "SecurityGroupRule": wide}],
    )
    assert "0.0.0.0/0" in bench.everything()


def test_a_rule_that_was_made_another_one_goes_with_its_session(bench: Bench, aws: AwsStandIn) -> None:
    before = bench.everything()
    session = bench.open()
    bench.serve()
    widen(aws, bench)

    bench.end(session)
    bench.serve()

    assert bench.everything() == before
    assert status(session) == ("CANCELLED", "REMOVED")


def test_a_rule_that_was_made_another_one_is_asked_for_until_it_may_be_removed(bench: Bench, aws: AwsStandIn) -> None:
    before = bench.everything()
    session = bench.open()
    bench.serve()
    widen(aws, bench)
    good = bench.site.credential_data()
    bench.replace_secret(bench.site.viewer_credential_data())

    bench.end(session)
    bench.serve_for(16)

    assert status(session) == ("EXPIRING", "REMOVING")
    assert grant_of(session).error == "UnauthorizedOperation: missing ec2:RevokeSecurityGroupIngress"
    bench.replace_secret(good)
    bench.serve_for(16)
    assert bench.everything() == before
    assert status(session) == ("CANCELLED", "REMOVED")
    assert not Rule.select().exists()
    assert told()[1:] == [NOT_REMOVED, REMOVED]
