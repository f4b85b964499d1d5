"""What is AWS's own about rules: a security group has no two equal ones, so somebody else may be quicker with ours."""

from itertools import count

import pytest

from api.clouds import CLOUDS, Connection, Endpoints, Target
from api.clouds.base import before_call
from api.clouds.rules import Kept, Rule, State
from tests.clouds.aws_standin import REGION, AwsStandIn
from tests.clouds.sites import a_rule, applied, listed
from tests.clouds.test_aws_promises import AwsSite

ADDRESS = "81.2.69.142/32"


@pytest.fixture
def site(aws: AwsStandIn, at_aws: Endpoints) -> AwsSite:
    return AwsSite(aws, at_aws)


@pytest.fixture
def connection(aws: AwsStandIn, at_aws: Endpoints) -> Connection:
    return CLOUDS["AWS"].connect(aws.user().credential_data, at_aws)


@pytest.fixture
def target(aws: AwsStandIn) -> Target:
    return Target(REGION, aws.security_group(), "SECURITY_GROUP")


def applied_too_late(site: AwsSite, connection: Connection, target: Target, rule: Rule, theirs: Rule) -> Kept:
    """Ours, of which somebody else makes a part between our look and our change."""
    calls = count(1)

    def be_quicker() -> None:
        if next(calls) == 2:
            site.add_foreign(target, theirs)

    token = before_call.set(be_quicker)
    try:
        return Kept(rule, connection.apply(target, Kept(rule, added=True)), added=True)
    finally:
        before_call.reset(token)


def test_what_somebody_else_is_quicker_to_open_is_theirs(site: AwsSite, connection: Connection, target: Target) -> None:
    rule = a_rule(ADDRESS)

    kept = applied_too_late(site, connection, target, rule, a_rule(ADDRESS))

    assert kept.provider_ids == ()
    found = listed(connection, target, kept)
    assert (found.foreign, found.ours) == (True, False)
    with_theirs = site.everything(target)
    connection.revoke(target, kept)
    assert site.everything(target) == with_theirs


def test_a_port_of_ours_that_no_row_knows_is_ours_beside_somebody_elses(
    site: AwsSite, connection: Connection, target: Target
) -> None:
    # The answer to our change was lost, so nothing is known of it but its tag.
    rule = a_rule(ADDRESS, opening="several ports")
    applied_too_late(site, connection, target, rule, a_rule(ADDRESS))

    found = listed(connection, target, Kept(rule))

    assert (found.state, found.foreign, found.ours) == (State.PRESENT, True, True)


def test_of_several_ports_only_those_are_ours_that_nobody_was_quicker_to_open(
    site: AwsSite, connection: Connection, target: Target
) -> None:
    rule, theirs = a_rule(ADDRESS, opening="several ports"), a_rule(ADDRESS)
    another = site.target()
    site.add_foreign(another, theirs)
    only_theirs = site.everything(another)

    kept = applied_too_late(site, connection, target, rule, theirs)

    assert len(kept.provider_ids) == 1
    found = listed(connection, target, kept)
    assert (found.state, found.foreign) == (State.PRESENT, True)
    connection.revoke(target, kept)
    assert site.everything(target) == only_theirs


def test_what_another_organisation_has_opened_since_is_not_ours_without_its_tag(
    connection: Connection, target: Target
) -> None:
    gone = applied(connection, target, a_rule(ADDRESS))
    connection.revoke(target, gone)
    another = applied(connection, target, a_rule(ADDRESS))
    assert gone.provider_ids and another.rule.tag != gone.rule.tag

    found = listed(connection, target, gone)

    assert (found.state, found.foreign, found.ours) == (State.PRESENT, True, False)
