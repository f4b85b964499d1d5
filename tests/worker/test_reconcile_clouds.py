"""Sessions' rules in every cloud: opened, shared, ended, and whatever a cloud or a person does meanwhile."""

import uuid

import pytest

from api.claims import claim
from api.clouds import CLOUDS, Endpoints
from api.clouds.rules import State
from api.database import write
from api.due import LEASE_SECONDS, Priority
from api.installation import identity
from api.targets.models import Rule, Target
from api.targets.work import intend
from tests.clouds.sites import Site, SiteWithAQuota, SiteWithTags, a_rule, applied
from tests.clouds.test_apisix_promises import ApisixSite
from tests.clouds.test_aws_promises import AwsSite
from tests.clouds.test_azure_promises import AzureSite
from tests.clouds.test_gcp_promises import GcpSite
from tests.rows import fresh
from tests.worker.bench import (
    APPLIED,
    HERE,
    NOT_APPLIED,
    NOT_REMOVED,
    REMOVED,
    RESTORED,
    THERE,
    Bench,
    bench_at,
    due_in,
    grant_of,
    pass_time,
    resource_on,
    status,
    told,
)

# What depends on the engine is tested with a made-up cloud, on both.
pytestmark = pytest.mark.engines("sqlite")


def site_at(cloud: str, request: pytest.FixtureRequest) -> Site:
    standin = request.getfixturevalue(cloud.lower())
    endpoints: Endpoints = request.getfixturevalue(f"at_{cloud.lower()}")
    if cloud == "GCP":
        return GcpSite(standin.project(), endpoints)
    sites = {"AWS": AwsSite, "AZURE": AzureSite, "APISIX": ApisixSite}
    made: Site = sites[cloud](standin, endpoints)
    return made


@pytest.fixture(params=CLOUDS)
def bench(request: pytest.FixtureRequest, db: str) -> Bench:
    return bench_at(site_at(request.param, request))


@pytest.fixture(params=[cloud for cloud in CLOUDS if cloud != "APISIX"])
def tagged(request: pytest.FixtureRequest, db: str) -> Bench:
    """At a cloud whose rules say whose they are."""
    return bench_at(site_at(request.param, request))


def test_a_session_is_active_when_its_rule_was_seen(bench: Bench) -> None:
    before = bench.everything()
    session = bench.open()
    assert status(session) == ("PENDING", "PENDING")

    bench.serve()

    assert status(session) == ("ACTIVE", "APPLIED")
    assert bench.everything() != before
    grant = grant_of(session)
    assert grant.provider_rule_id and grant.applied_at and grant.error is None
    assert fresh(session).started_at is not None
    assert told() == [APPLIED]


def test_a_session_that_has_ended_leaves_nothing(bench: Bench) -> None:
    before = bench.everything()
    session = bench.open()
    bench.serve()

    bench.end(session)
    assert status(session) == ("EXPIRING", "REMOVING")
    bench.serve()

    assert bench.everything() == before
    assert status(session) == ("CANCELLED", "REMOVED")
    assert grant_of(session).removed_at is not None
    assert not Rule.select().exists()
    assert told() == [APPLIED, REMOVED]
    assert due_in() is None


def test_two_sessions_share_one_rule_and_it_goes_with_the_last(bench: Bench) -> None:
    before = bench.everything()
    first = bench.open()
    bench.serve()
    once = bench.everything()
    second = bench.open()
    bench.serve()
    assert status(second) == ("ACTIVE", "APPLIED")
    assert bench.everything() == once

    bench.end(first)
    bench.serve()

    assert status(first) == ("CANCELLED", "REMOVED")
    assert grant_of(first).kept_by == second.id
    assert bench.everything() == once
    bench.end(second)
    bench.serve()
    assert bench.everything() == before
    assert told() == [APPLIED, REMOVED]


def test_an_equal_rule_of_somebody_else_is_relied_on_and_stays(bench: Bench) -> None:
    bench.site.add_foreign(bench.target, a_rule(f"{HERE}/32"))
    before = bench.everything()
    session = bench.open()

    bench.serve()

    assert status(session) == ("ACTIVE", "APPLIED")
    assert "somebody else's equal rule" in str(grant_of(session).error)
    if bench.site.shares:
        assert bench.everything() == before
        assert told() == []
    bench.end(session)
    bench.serve()
    assert status(session) == ("CANCELLED", "REMOVED")
    assert bench.everything() == before


def test_who_relied_on_a_rule_of_another_organisation_has_one_of_his_own_when_that_goes(bench: Bench) -> None:
    before = bench.everything()
    other = bench_at(bench.site, bench.vault, bench.target)
    first = bench.open()
    bench.serve()
    second = other.open()
    bench.serve()
    assert status(second) == ("ACTIVE", "APPLIED")

    bench.end(first)
    bench.serve()

    assert status(first) == ("CANCELLED", "REMOVED")
    assert status(second) == ("ACTIVE", "APPLIED")
    assert bench.everything() != before
    other.end(second)
    bench.serve()
    assert bench.everything() == before


def test_rules_that_overlap_are_each_there_for_as_long_as_they_are_wanted(tagged: Bench) -> None:
    before = tagged.everything()
    both = resource_on(tagged.credential, tagged.target, config={"ports": [22, 443]})
    first = tagged.open(HERE, both)
    tagged.serve()
    second = tagged.open()
    tagged.serve()

    tagged.end(first)
    tagged.serve()

    assert (status(first), status(second)) == (("CANCELLED", "REMOVED"), ("ACTIVE", "APPLIED"))
    [kept] = tagged.kept()
    connection = tagged.site.cloud.connect(tagged.site.credential_data(), tagged.site.endpoints)
    found = connection.rules(tagged.target, identity(), [kept]).found[kept.rule.tag]
    assert (found.state, found.foreign) == (State.PRESENT, False)
    tagged.end(second)
    tagged.serve()
    assert tagged.everything() == before


def test_rules_beside_ours_stay_to_the_byte(bench: Bench) -> None:
    for address in ("81.2.69.0/24", f"{THERE}/32", "2a00:1450:4001:82a::/64"):
        bench.site.add_foreign(bench.target, a_rule(address))
    before = bench.everything()
    sessions = [bench.open(HERE), bench.open("2a00:1450:4001:82a::200e")]
    bench.serve()
    assert [status(session) for session in sessions] == [("ACTIVE", "APPLIED")] * 2

    for session in sessions:
        bench.end(session)
    bench.serve()

    assert bench.everything() == before


def test_a_rule_that_a_person_removed_comes_back_within_ten_minutes_and_is_reported(bench: Bench) -> None:
    session = bench.open()
    bench.serve()
    there = bench.everything()
    bench.site.remove(bench.target, bench.kept()[0])
    assert 0 < (due_in() or 0) <= 600

    pass_time(due_in() or 0)
    bench.serve()

    assert bench.everything() == there
    assert status(session) == ("ACTIVE", "APPLIED")
    assert told() == [APPLIED, RESTORED]


def test_a_rule_that_a_person_edited_is_made_right_and_reported(tagged: Bench) -> None:
    site: SiteWithTags = tagged.site  # type: ignore[assignment]
    before = tagged.everything()
    session = tagged.open()
    tagged.serve()
    there = tagged.everything()
    site.edit(tagged.target, tagged.kept()[0])
    assert tagged.everything() != there

    tagged.look()

    assert tagged.everything() == there
    assert told() == [APPLIED, RESTORED]
    tagged.end(session)
    tagged.serve()
    assert tagged.everything() == before


def test_a_rule_that_a_person_edited_goes_all_the_same(tagged: Bench) -> None:
    site: SiteWithTags = tagged.site  # type: ignore[assignment]
    before = tagged.everything()
    session = tagged.open()
    tagged.serve()
    site.edit(tagged.target, tagged.kept()[0])

    tagged.end(session)
    tagged.serve()

    assert tagged.everything() == before
    assert status(session) == ("CANCELLED", "REMOVED")


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


def test_a_secret_that_was_replaced_meanwhile_removes_what_the_old_one_added(bench: Bench) -> None:
    before = bench.everything()
    session = bench.open()
    bench.serve()

    bench.replace_secret(bench.site.credential_data())
    bench.end(session)
    bench.serve()

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


def test_a_rule_of_ours_that_no_row_knows_is_removed(tagged: Bench) -> None:
    before = tagged.everything()
    connection = tagged.site.cloud.connect(tagged.site.credential_data(), tagged.site.endpoints)
    applied(connection, tagged.target, a_rule(f"{THERE}/32", installation=identity()))
    session = tagged.open()

    tagged.serve()

    assert status(session) == ("ACTIVE", "APPLIED")
    tagged.end(session)
    tagged.serve()
    assert tagged.everything() == before


def test_the_rules_of_another_installation_are_nobodys_business(tagged: Bench) -> None:
    connection = tagged.site.cloud.connect(tagged.site.credential_data(), tagged.site.endpoints)
    applied(connection, tagged.target, a_rule(f"{THERE}/32", installation=uuid.uuid4()))
    before = tagged.everything()
    session = tagged.open()
    tagged.serve()

    tagged.end(session)
    tagged.serve()

    assert tagged.everything() == before
