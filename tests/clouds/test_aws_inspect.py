"""What a look at a security group tells."""

import itertools

import pytest

from api.clouds import CLOUDS, Connection, Endpoints, Refused, Seen, Target
from api.clouds.base import before_call
from tests.clouds.aws_standin import AUTHORIZE, DESCRIBE, REGION, REVOKE, AwsStandIn, allowing, answering_as_is

GROUP = "SECURITY_GROUP"


@pytest.fixture
def connection(aws: AwsStandIn, at_aws: Endpoints) -> Connection:
    return CLOUDS["AWS"].connect(aws.user().credential_data, at_aws)


def refusal_of(connection: Connection, target: Target) -> str:
    with pytest.raises(Refused) as caught:
        connection.inspect(target)
    return str(caught.value)


def test_a_group_is_seen_as_the_cloud_shows_it(aws: AwsStandIn, connection: Connection) -> None:
    group = aws.security_group("orders", region="us-west-2")

    seen = connection.inspect(Target("us-west-2", group, GROUP))

    assert seen == Seen(group, "orders", "Opened by EntryGuard", "us-west-2")


def test_a_missing_group_is_refused_by_its_code(connection: Connection) -> None:
    assert refusal_of(connection, Target(REGION, "sg-0123456789abcdef0", GROUP)).startswith("InvalidGroup.NotFound: ")


def test_a_group_is_not_found_in_another_region(aws: AwsStandIn, connection: Connection) -> None:
    group = aws.security_group()

    assert refusal_of(connection, Target("us-west-2", group, GROUP)).startswith("InvalidGroup.NotFound: ")


@pytest.mark.parametrize("region", ["mars-north-1", "", None, "evil.example/#", "127.0.0.1", "EU-CENTRAL-1"])
def test_a_region_that_is_none_of_awss_is_refused_without_asking(connection: Connection, region: str | None) -> None:
    assert refusal_of(connection, Target(region, "sg-0abc123def456", GROUP)).startswith("InvalidRegion: ")


def test_a_region_that_does_not_accept_the_key_is_named_as_the_cause(connection: Connection) -> None:
    assert refusal_of(connection, Target("cn-north-1", "sg-0abc123def456", GROUP)).startswith("AuthFailure: ")


@pytest.mark.parametrize("missing", [DESCRIBE, AUTHORIZE, REVOKE])
def test_the_permission_that_is_missing_on_the_group_is_named(aws: AwsStandIn, at_aws: Endpoints, missing: str) -> None:
    key = aws.user(allowing([right for right in (DESCRIBE, AUTHORIZE, REVOKE) if right != missing]))

    refused = refusal_of(
        CLOUDS["AWS"].connect(key.credential_data, at_aws), Target(REGION, aws.security_group(), GROUP)
    )

    assert refused == f"UnauthorizedOperation: missing {missing}"


def test_a_group_outside_the_policy_is_refused_though_another_is_permitted(aws: AwsStandIn, at_aws: Endpoints) -> None:
    own, foreign = aws.security_group(), aws.security_group()
    key = aws.user(allowing([DESCRIBE, AUTHORIZE, REVOKE], groups=[own]))
    connection = CLOUDS["AWS"].connect(key.credential_data, at_aws)

    assert connection.inspect(Target(REGION, own, GROUP)).identifier == own
    assert (
        refusal_of(connection, Target(REGION, foreign, GROUP))
        == f"UnauthorizedOperation: missing {AUTHORIZE}, {REVOKE}"
    )


def test_what_a_credential_can_see_is_listed(aws: AwsStandIn, connection: Connection) -> None:
    group = aws.security_group("payments", region="eu-west-1")

    assert Seen(group, "payments", "Opened by EntryGuard", "eu-west-1") in connection.visible("eu-west-1")


def test_without_a_region_the_operators_is_listed(aws: AwsStandIn, connection: Connection) -> None:
    group = aws.security_group()

    assert group in {seen.identifier for seen in connection.visible(None)}


def test_pages_are_read_until_there_are_a_thousand_groups(aws: AwsStandIn, connection: Connection) -> None:
    groups = "<item><groupId>sg-0abc123def456</groupId></item>" * 300
    page = f"<R><securityGroupInfo>{groups}</securityGroupInfo><nextToken>more</nextToken></R>"

    with aws.failing(answering_as_is(200, page)):
        assert len(connection.visible("sa-east-1")) == 1000


def test_the_stand_in_shows_as_many_groups_as_are_asked_for_and_where_the_next_are(aws: AwsStandIn) -> None:
    made = {aws.security_group(region="ap-south-1") for _ in range(4)}  # each beside its network's own

    pages = aws.ec2("ap-south-1").get_paginator("describe_security_groups").paginate(PaginationConfig={"PageSize": 5})
    shown = [[group["GroupId"] for group in page["SecurityGroups"]] for page in pages]

    assert len(shown) > 1 and {len(page) for page in shown[:-1]} == {5}
    assert made <= set(itertools.chain.from_iterable(shown))


def test_an_empty_token_ends_the_pages(aws: AwsStandIn, connection: Connection) -> None:
    page = "<R><securityGroupInfo/><nextToken/></R>"
    counted = itertools.count(1)

    def look() -> None:
        assert next(counted) < 5, "the first page is asked for again and again"

    looked_at = before_call.set(look)
    try:
        with aws.failing(answering_as_is(200, page)):
            assert connection.visible("sa-east-1") == []
    finally:
        before_call.reset(looked_at)


def test_an_unknown_region_is_not_listed(connection: Connection) -> None:
    with pytest.raises(Refused, match=r"^InvalidRegion: "):
        connection.visible("mars-north-1")
