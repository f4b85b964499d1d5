"""Clouds that throttle, fall silent, are full or refuse: what is urgent stays urgent, and nothing is given up."""

from datetime import timedelta

import pytest

from api.clouds import Unreachable
from api.clouds.base import Full
from api.clouds.rules import State, Tag
from api.database import current_time, write
from api.due import LEASE_SECONDS, Priority
from api.installation import identity
from api.sessions.models import Session
from api.sessions.service import try_again
from api.targets import overdue
from api.targets import service as targets
from api.targets.models import Rule, Target
from tests.worker.bench import (
    APPLIED,
    HERE,
    NOT_APPLIED,
    REMOVED,
    THERE,
    Bench,
    due_in,
    grant_of,
    pass_time,
    resource_on,
    rule_of,
    status,
    told,
)
from tests.worker.made_up_cloud import NOT_THERE, MadeUpCloud
from tests.worker.reconcile.conftest import FORBIDDEN, LATE, put, serve_one
from worker.sweep import Sweeper


def test_a_cloud_that_throttles_is_not_asked_for_the_rest(
    bench: Bench, cloud: MadeUpCloud, standing_clock: None
) -> None:
    sessions = [bench.open(f"81.2.69.{last}") for last in range(5)]
    cloud.answers["apply"] = LATE

    bench.serve()

    assert cloud.calls["apply"] == 1
    assert [status(session) for session in sessions] == [("PENDING", "PENDING")] * 5
    assert {grant_of(session).error for session in sessions} == {str(LATE)}
    del cloud.answers["apply"]
    pass_time(2)
    bench.serve()
    assert [status(session) for session in sessions] == [("ACTIVE", "APPLIED")] * 5


def test_a_cloud_that_falls_silent_is_asked_twice_and_not_for_each_of_many(bench: Bench, cloud: MadeUpCloud) -> None:
    for last in range(5):
        bench.open(f"81.2.69.{last}")
    cloud.answers["apply"] = Unreachable("the cloud did not answer")

    serve_one(bench)

    assert cloud.calls["apply"] == 2


def test_a_removal_stays_urgent_whatever_else_is_asked_of_its_target(
    bench: Bench, cloud: MadeUpCloud, standing_clock: None
) -> None:
    session = bench.open()
    bench.serve()
    bench.end(session)
    cloud.answers["list"] = Unreachable("the cloud did not answer")
    bench.serve()
    bench.open(THERE)

    for _ in range(8):
        assert Target.get().due_priority == Priority.REVOKE
        bench.serve()
        assert Target.get().due_priority == Priority.REVOKE
        assert 0 < (due_in() or 0) <= 15
        pass_time(due_in() or 0)


def test_what_was_revoked_before_a_cloud_throttled_is_told(bench: Bench, cloud: MadeUpCloud) -> None:
    first = bench.open(HERE)
    bench.serve()
    bench.end(first)
    second = bench.open(THERE)
    cloud.answers["apply"] = LATE

    serve_one(bench)

    assert status(first) == ("CANCELLED", "REMOVED")
    assert status(second) == ("PENDING", "PENDING")


def test_one_rule_that_never_works_keeps_no_other_from_its_turn(bench: Bench, cloud: MadeUpCloud) -> None:
    bad = [bench.open(f"81.2.69.{last}") for last in range(2)]
    stuck = {rule_tag(session) for session in bad}

    def choose() -> None:
        if cloud.deeds[-1][1] in stuck:
            raise Unreachable("the cloud did not answer")

    cloud.answers["apply"] = choose
    good = bench.open(HERE)
    bench.serve_for(3)

    assert status(good) == ("ACTIVE", "APPLIED")
    assert [status(session) for session in bad] == [("PENDING", "PENDING")] * 2


def test_a_full_group_is_not_asked_for_each_of_many(bench: Bench, cloud: MadeUpCloud) -> None:
    first = bench.open()
    bench.serve()
    cloud.answers["apply"] = Full("Full", "make room")
    cloud.free = 0
    sessions = [bench.open(f"81.2.69.{last}") for last in range(5)]

    bench.serve()

    assert cloud.calls["apply"] == 2
    assert [status(session) for session in sessions] == [("FAILED", "FAILED")] * 5
    assert {grant_of(session).error for session in sessions} == {"Full: make room"}
    assert Target.get().free_rules == 0
    del cloud.answers["apply"]
    bench.end(first)
    bench.serve()
    assert status(sessions[1]) == ("ACTIVE", "APPLIED"), "whoever leaves makes room"


@pytest.mark.parametrize(
    "config", [{"port": 443}, {"ports": [1, 2], "priorityFrom": 2000}], ids=["fewer ports", "another place"]
)
def test_no_room_for_one_rule_is_not_said_of_another_that_has_some(
    bench: Bench, cloud: MadeUpCloud, config: dict[str, object]
) -> None:
    with_room = bench.open(HERE, resource_on(bench.credential, bench.target, config=config))
    cloud.answers["apply"] = Unreachable("the cloud did not answer")
    serve_one(bench)  # what was asked for before comes later
    wide = resource_on(bench.credential, bench.target, config={"ports": [1, 2]})
    without = [bench.open(THERE, wide), bench.open("81.2.69.144", wide)]
    full = {rule_tag(session) for session in without}

    def choose() -> None:
        if cloud.deeds[-1][1] in full:
            raise Full("Full", "make room")

    cloud.answers["apply"] = choose
    cloud.calls.clear()
    bench.look()

    assert status(with_room) == ("ACTIVE", "APPLIED")
    assert [status(session) for session in without] == [("FAILED", "FAILED")] * 2
    assert cloud.calls["apply"] == 2, "once for those that are alike"


def test_a_rule_that_was_edited_is_made_right_where_there_is_no_room_for_more(bench: Bench, cloud: MadeUpCloud) -> None:
    edited = bench.open()
    bench.serve()
    with write():
        # What was asked for before comes later.
        Rule.update(asked_at=current_time()).execute()
    cloud.rules[rule_tag(edited)] = State.EDITED
    without = bench.open(THERE)

    def choose() -> None:
        if cloud.deeds[-1][1] == rule_tag(without):
            raise Full("Full", "make room")

    cloud.answers["apply"] = choose
    bench.look()

    assert status(without) == ("FAILED", "FAILED")
    assert status(edited) == ("ACTIVE", "APPLIED")
    assert cloud.rules == {rule_tag(edited): State.PRESENT}


def test_a_rule_that_somebody_took_away_and_the_cloud_has_no_room_for_is_told_to_be_gone(
    bench: Bench, cloud: MadeUpCloud
) -> None:
    session = bench.open()
    bench.serve()
    cloud.rules.clear()
    cloud.answers["apply"] = Full("Full", "make room")

    bench.look()

    assert (status(session), told()) == (("FAILED", "FAILED"), [APPLIED, REMOVED, NOT_APPLIED])
    cloud.answers.clear()
    bench.look()
    assert (status(session), told()) == (("ACTIVE", "APPLIED"), [APPLIED, REMOVED, NOT_APPLIED, APPLIED])


def test_it_is_told_so_once(bench: Bench, cloud: MadeUpCloud) -> None:
    session = bench.open()
    bench.serve()
    cloud.rules.clear()
    cloud.answers["apply"] = Full("Full", "make room")
    for _ in range(2):
        bench.look()

    bench.end(session)
    bench.serve()

    assert (status(session), told()) == (("CANCELLED", "REMOVED"), [APPLIED, REMOVED, NOT_APPLIED])


def test_what_a_cloud_refuses_for_good_does_not_keep_its_resource(bench: Bench, cloud: MadeUpCloud) -> None:
    cloud.answers["apply"] = FORBIDDEN
    session = bench.open()
    assert targets.has_rules_of_resource(bench.resource.id)

    bench.serve()

    assert status(session) == ("FAILED", "FAILED")
    assert told() == [NOT_APPLIED]
    assert not targets.has_rules_of_resource(bench.resource.id)
    assert not targets.has_rules_of_credential(bench.credential.id)


def test_what_is_refused_for_good_after_no_answer_keeps_its_resource_no_longer_than_that_may_come(
    bench: Bench, cloud: MadeUpCloud
) -> None:
    cloud.answers["apply"] = Unreachable("the cloud did not answer")
    session = bench.open()
    serve_one(bench)
    cloud.answers["apply"] = FORBIDDEN
    bench.serve_for(3)
    assert status(session) == ("FAILED", "FAILED")
    assert targets.has_rules_of_resource(bench.resource.id)

    bench.serve_for(LEASE_SECONDS + 1)

    assert not targets.has_rules_of_resource(bench.resource.id)
    assert not targets.has_rules_of_credential(bench.credential.id)


@pytest.mark.parametrize("is_full", [True, False], ids=["a full group", "an invalid credential"])
def test_what_can_not_be_asked_for_again_after_no_answer_is_not_looked_at_all_the_time(
    bench: Bench, cloud: MadeUpCloud, is_full: bool
) -> None:
    cloud.answers["apply"] = Unreachable("the cloud did not answer")
    silent = bench.open()
    serve_one(bench)
    if is_full:
        cloud.answers["apply"] = Full("Full", "make room")
        bench.open("81.2.69.2")
    else:
        put(bench.credential, is_valid=False, verification_error="InvalidClientTokenId: wrong")

    bench.serve_for(2 * LEASE_SECONDS + 2)

    assert status(silent) == ("FAILED", "FAILED")
    assert (due_in() or 0) > LEASE_SECONDS
    assert not is_full or not targets.has_rules_of_resource(bench.resource.id)


def test_what_was_refused_is_tried_again_when_its_resource_is_mended(bench: Bench, cloud: MadeUpCloud) -> None:
    cloud.answers["apply"] = FORBIDDEN
    session = bench.open()
    bench.serve()
    del cloud.answers["apply"]

    with write():
        try_again(bench.resource)
    bench.serve()

    assert status(session) == ("ACTIVE", "APPLIED")


def test_what_was_due_while_a_cloud_was_away_is_gone_within_a_minute_of_its_return(
    bench: Bench, cloud: MadeUpCloud, caplog: pytest.LogCaptureFixture
) -> None:
    sessions_there = [bench.open(f"81.2.69.{last}") for last in range(3)]
    bench.serve()
    cloud.answers[bench.target.identifier] = Unreachable("the cloud did not answer")
    put(bench.credential, paused_until=current_time() + timedelta(minutes=30))
    for session in sessions_there:
        bench.end(session)
    away_since = current_time()
    while current_time() - away_since < timedelta(minutes=20):
        bench.serve()
        assert 0 < (due_in() or 0) <= 15
        pass_time(due_in() or 0)

    assert overdue.figures().rules == 3
    Sweeper(lambda: None).tell_of_overdue()
    assert caplog.text.count("is overdue: the cloud did not answer") == 3
    assert {grant_of(session).error for session in sessions_there} == {"the cloud did not answer"}
    assert Target.get().unserved_since is not None
    del cloud.answers[bench.target.identifier]
    bench.serve_for(16)

    assert cloud.rules == {}
    assert [status(session) for session in sessions_there] == [("CANCELLED", "REMOVED")] * 3
    assert overdue.figures().rules == 0


def test_an_object_that_is_gone_takes_its_rules_along(bench: Bench, cloud: MadeUpCloud) -> None:
    session = bench.open()
    bench.serve()
    cloud.answers[bench.target.identifier] = NOT_THERE

    bench.look()
    assert status(session) == ("FAILED", "FAILED")
    assert grant_of(session).error == str(NOT_THERE)
    bench.end(session)
    bench.serve()

    assert status(session) == ("CANCELLED", "REMOVED")


def rule_tag(session: Session) -> Tag:
    return Tag(identity(), rule_of(session).id)
