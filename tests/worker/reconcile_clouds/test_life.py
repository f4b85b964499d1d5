"""Sessions' rules in every cloud: opened, shared and ended, beside what is somebody else's."""

import uuid

import pytest

from api.clouds.rules import State
from api.installation import identity
from api.targets.models import Rule
from tests.clouds.sites import SiteWithTags, a_rule, applied
from tests.rows import fresh
from tests.worker.bench import (
    APPLIED,
    HERE,
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


def test_what_relies_on_a_rule_of_another_credential_stays_open_when_that_goes(bench: Bench) -> None:
    """The credential whose rules are the oldest is worked on first."""
    before = bench.everything()
    takes_ports = bench.site.cloud.name != "APISIX"
    config = {"ports": [22, 443]} if takes_ports else None
    oldest = bench.open(THERE)
    first = bench.open(HERE, resource_on(bench.another_credential(), bench.target, config=config))
    bench.serve()
    relying = bench.open()
    bench.serve()
    assert status(relying) == ("ACTIVE", "APPLIED")

    bench.end(first)
    bench.serve()

    assert status(relying) == ("ACTIVE", "APPLIED")
    here = bench.everything()
    bench.look()
    assert bench.everything() == here
    assert HERE in here
    for session in (oldest, relying):
        bench.end(session)
    bench.serve()
    assert bench.everything() == before


def test_a_secret_that_was_replaced_meanwhile_removes_what_the_old_one_added(bench: Bench) -> None:
    before = bench.everything()
    session = bench.open()
    bench.serve()

    bench.replace_secret(bench.site.credential_data())
    bench.end(session)
    bench.serve()

    assert bench.everything() == before
    assert status(session) == ("CANCELLED", "REMOVED")


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
