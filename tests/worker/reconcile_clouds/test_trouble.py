"""Sessions' rules in clouds that throttle, fall silent, lose answers, are full, refuse, or have lost the object."""

import pytest

from api.claims import claim
from api.clouds import Endpoints
from api.database import write
from api.due import LEASE_SECONDS, Priority
from api.sessions.models import Session
from api.targets.models import Rule, Target
from api.targets.work import intend
from tests.clouds.apisix_standin import ApisixStandIn, answering
from tests.clouds.aws_standin import AwsStandIn
from tests.clouds.azure_standin import AzureStandIn
from tests.clouds.sites import SiteWithAQuota, a_rule, applied
from tests.clouds.test_apisix_promises import ApisixSite
from tests.clouds.test_aws_promises import AwsSite
from tests.clouds.test_azure_promises import AzureSite
from tests.worker.bench import (
    APPLIED,
    HERE,
    NOT_APPLIED,
    NOT_REMOVED,
    REMOVED,
    Bench,
    bench_at,
    due_in,
    grant_of,
    grants,
    pass_time,
    resource_on,
    status,
    told,
)

# What depends on the engine is tested with a made-up cloud, on both.
pytestmark = pytest.mark.engines("sqlite")


def test_an_object_that_is_not_there_fails_for_good_and_can_be_left(bench: Bench) -> None:
    session = bench.open()
    with write():
        Target.update(identifier=bench.site.no_target().identifier).execute()

    bench.serve()

    code = str(grant_of(session).error).partition(":")[0]
    if bench.site.cloud.name != "GCP":  # where all rules of a project are listed, whatever networks there are
        assert code in bench.site.cloud.gone
    assert status(session) == ("FAILED", "FAILED")
    assert told() == [NOT_APPLIED]
    bench.end(session)
    bench.serve()
    assert status(session) == ("CANCELLED", "REMOVED")
    assert not Rule.select().exists()


def test_a_rule_whose_object_is_gone_is_gone(bench: Bench) -> None:
    session = bench.open()
    bench.serve()
    if bench.site.cloud.name == "GCP":  # its network cannot go before it
        bench.site.remove(bench.target, bench.kept()[0])
    with write():
        Target.update(identifier=bench.site.no_target().identifier).execute()

    bench.end(session)
    bench.serve()

    assert status(session) == ("CANCELLED", "REMOVED")
    assert told() == [APPLIED, REMOVED]


def test_a_rule_is_not_forgotten_on_what_a_proxy_says(db: str, apisix: ApisixStandIn, at_apisix: Endpoints) -> None:
    """It is being set up anew, and the gateway behind it goes on letting in whom the whitelist names."""
    bench = bench_at(ApisixSite(apisix, at_apisix))
    before = bench.everything()
    session = bench.open()
    bench.serve()
    bench.end(session)

    with apisix.failing(answering(404, '{"message": "no Route matched with those values"}')):
        bench.serve()

    assert status(session) == ("EXPIRING", "REMOVING")
    pass_time(60)
    bench.serve()
    assert status(session) == ("CANCELLED", "REMOVED")
    assert bench.everything() == before


def test_no_room_is_said_with_what_to_do(tagged: Bench) -> None:
    site: SiteWithAQuota = tagged.site  # type: ignore[assignment]
    site.fill(tagged.target)
    before = tagged.everything()
    session = tagged.open()

    tagged.serve()

    assert status(session) == ("FAILED", "FAILED")
    code, _, hint = str(grant_of(session).error).partition(": ")
    assert site.cloud.hints[code] == hint
    assert Target.get().free_rules in (0, None)
    assert told() == [NOT_APPLIED]
    tagged.end(session)
    tagged.serve()
    assert tagged.everything() == before


def test_a_group_with_room_for_one_port_takes_it_though_thirty_are_refused(
    db: str, aws: AwsStandIn, at_aws: Endpoints
) -> None:
    bench = bench_at(AwsSite(aws, at_aws))
    ranges = [{"CidrIp": f"203.0.113.{number}/32"} for number in range(31)]
    theirs = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": ranges}
    aws.ec2().authorize_security_group_ingress(GroupId=bench.target.identifier, IpPermissions=[theirs])
    wide = resource_on(bench.credential, bench.target, config={"ports": list(range(101, 131))})

    sessions = [bench.open(f"81.2.69.{last}", bench.resource, wide) for last in range(4)]
    bench.serve()

    assert [statuses(session) for session in sessions] == [["APPLIED", "FAILED"]] * 4


def test_a_band_of_priorities_with_room_is_used_though_another_has_none(
    db: str, azure: AzureStandIn, at_azure: Endpoints
) -> None:
    bench = bench_at(AzureSite(azure, at_azure))
    azure.fill(bench.target, 2, first=1000)
    with_room, without = (
        resource_on(bench.credential, bench.target, config={"port": 443, "priorityFrom": first, "priorityTo": last})
        for first, last in ((2000, 3999), (1000, 1001))
    )

    sessions = [bench.open(f"81.2.69.{last}", with_room, without) for last in range(4)]
    bench.serve()

    assert [statuses(session) for session in sessions] == [["APPLIED", "FAILED"]] * 4


def statuses(session: Session) -> list[str]:
    """Of what has room, and of what has none."""
    return sorted(grant.status for grant in grants(session))


def test_a_cloud_that_throttles_is_asked_again_soon(bench: Bench) -> None:
    before = bench.everything()
    session = bench.open()
    with bench.site.throttled():
        bench.serve()
        assert status(session) == ("PENDING", "PENDING")
        assert grant_of(session).error
    bench.serve_for(2)
    assert status(session) == ("ACTIVE", "APPLIED")
    assert grant_of(session).error is None

    bench.end(session)
    with bench.site.throttled():
        for _ in range(8):
            bench.serve()
            assert status(session) == ("EXPIRING", "REMOVING")
            assert grant_of(session).error
            assert 0 < (due_in() or 0) <= 15
            pass_time(due_in() or 0)
    bench.serve_for(16)

    assert status(session) == ("CANCELLED", "REMOVED")
    assert bench.everything() == before
    assert told() == [APPLIED, REMOVED]


def test_a_cloud_that_is_silent_is_asked_again_soon(bench: Bench) -> None:
    session = bench.open()
    bench.serve()
    bench.end(session)

    with bench.site.silent():
        bench.serve()

    assert status(session) == ("EXPIRING", "REMOVING")
    assert "did not answer" in str(grant_of(session).error)
    bench.serve_for(2)
    assert status(session) == ("CANCELLED", "REMOVED")


def test_an_answer_that_got_lost_leaves_one_rule_and_then_none(bench: Bench) -> None:
    before = bench.everything()
    session = bench.open()
    with bench.site.losing_answers():
        bench.serve()
    once = bench.everything()
    assert status(session)[1] in ("PENDING", "APPLIED")
    bench.serve_for(3)
    assert status(session) == ("ACTIVE", "APPLIED")
    assert bench.everything() == once

    bench.end(session)
    with bench.site.losing_answers():
        bench.serve()
    bench.serve_for(45)

    assert status(session) == ("CANCELLED", "REMOVED")
    assert bench.everything() == before
    assert told() == [APPLIED, REMOVED]


def test_a_port_whose_answer_got_lost_goes_although_somebody_else_has_the_other_one(tagged: Bench) -> None:
    tagged.site.add_foreign(tagged.target, a_rule(f"{HERE}/32"))
    before = tagged.everything()
    session = tagged.open(HERE, resource_on(tagged.credential, tagged.target, config={"ports": [22, 443]}))
    with tagged.site.losing_answers():
        tagged.serve()
    tagged.serve_for(3)
    assert status(session) == ("ACTIVE", "APPLIED")
    assert tagged.everything() != before

    tagged.end(session)
    tagged.serve_for(45)

    assert status(session) == ("CANCELLED", "REMOVED")
    assert tagged.everything() == before
    assert told() == [APPLIED, REMOVED]


def test_whoever_inherits_a_half_made_rule_finishes_it_and_looks_once_more(bench: Bench) -> None:
    before = bench.everything()
    session = bench.open()
    taken = claim([Target], tuple(Priority))
    assert taken
    rule = bench.kept()[0].rule
    intend(taken, rule.tag.rule)
    connection = bench.site.cloud.connect(bench.site.credential_data(), bench.site.endpoints)
    applied(connection, bench.target, rule)  # and there it died
    once = bench.everything()

    pass_time(LEASE_SECONDS)
    bench.serve()

    assert status(session) == ("ACTIVE", "APPLIED")
    assert bench.everything() == once
    assert due_in() == pytest.approx(LEASE_SECONDS, abs=2)
    bench.end(session)
    bench.serve_for(45)
    assert bench.everything() == before
    assert status(session) == ("CANCELLED", "REMOVED")


def test_a_rule_that_may_not_be_removed_is_asked_for_until_it_may(bench: Bench) -> None:
    before = bench.everything()
    session = bench.open()
    bench.serve()
    good = bench.site.credential_data()
    bench.replace_secret(bench.site.viewer_credential_data())

    bench.end(session)
    for _ in range(3):
        bench.serve()
        assert status(session) == ("EXPIRING", "REMOVING")
        assert 0 < (due_in() or 0) <= 15
        pass_time(due_in() or 0)

    assert grant_of(session).error
    assert told() == [APPLIED, NOT_REMOVED]
    bench.replace_secret(good)
    bench.serve_for(16)
    assert bench.everything() == before
    assert told() == [APPLIED, NOT_REMOVED, REMOVED]
