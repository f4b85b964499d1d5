"""Removals that land late, when their rule is wanted again: what is told to be there is looked at again soon."""

import pytest

from api.clouds import Refused, Unreachable
from api.clouds.rules import State
from api.due import LEASE_SECONDS
from api.sessions.models import Session
from tests.worker.bench import APPLIED, REMOVED, Bench, due_in, grant_of, pass_time, status, told
from tests.worker.made_up_cloud import MadeUpCloud
from tests.worker.reconcile.conftest import FORBIDDEN, LATE, during, serve_one


def wanted_again_during_an_unanswered_removal(bench: Bench, cloud: MadeUpCloud) -> tuple[Session, list[Session]]:
    """A session that has ended, and a list of whoever wants its rule while the cloud is asked to remove it."""
    first = bench.open()
    bench.serve()
    bench.end(first)
    later: list[Session] = []

    def no_answer() -> None:
        later.append(bench.open())
        raise Unreachable("the cloud did not answer")

    during(cloud, "revoke", no_answer)
    return first, later


@pytest.mark.parametrize("answer", [Unreachable("the cloud did not answer"), LATE, FORBIDDEN])
def test_a_removal_that_lands_when_its_rule_is_wanted_again_is_mended_soon(
    bench: Bench, cloud: MadeUpCloud, answer: Exception
) -> None:
    """The cloud left it unanswered or, when it was asked what had become of it, refused; and went on showing it."""
    first = bench.open()
    bench.serve()
    bench.end(first)
    cloud.answers["revoke"] = answer
    bench.serve()
    assert status(first) == ("EXPIRING", "REMOVING")
    del cloud.answers["revoke"]
    second = bench.open()
    bench.serve()
    assert (status(first), status(second)) == (("CANCELLED", "REMOVED"), ("ACTIVE", "APPLIED"))

    pass_time(10)
    cloud.rules.clear()  # it has landed
    bench.serve_for(10)

    assert list(cloud.rules.values()) == [State.PRESENT]
    assert status(second) == ("ACTIVE", "APPLIED")
    assert (due_in() or 0) > LEASE_SECONDS, "nothing is expected any more"


def test_a_removal_that_lands_when_its_rule_was_wanted_again_during_the_call_is_mended_soon(
    bench: Bench, cloud: MadeUpCloud
) -> None:
    first, later = wanted_again_during_an_unanswered_removal(bench, cloud)
    bench.serve_for(2)
    assert (status(first), status(later[0])) == (("CANCELLED", "REMOVED"), ("ACTIVE", "APPLIED"))

    cloud.rules.clear()  # it has landed
    bench.serve_for(20)

    assert list(cloud.rules.values()) == [State.PRESENT]
    assert status(later[0]) == ("ACTIVE", "APPLIED")


def test_a_rule_whose_removal_nobody_asked_for_is_looked_at_as_seldom_as_others(bench: Bench) -> None:
    first, _ = bench.open(), bench.open()
    bench.serve()

    bench.end(first)
    bench.serve()

    assert status(first) == ("CANCELLED", "REMOVED")
    assert (due_in() or 0) > LEASE_SECONDS


def test_a_removal_that_may_land_is_remembered_until_the_cloud_can_be_looked_at(
    bench: Bench, cloud: MadeUpCloud
) -> None:
    first = bench.open()
    bench.serve()
    bench.end(first)
    cloud.answers["revoke"] = Unreachable("the cloud did not answer")
    bench.serve()
    cloud.answers["list"] = Unreachable("the cloud did not answer")
    second = bench.open()
    bench.serve()
    cloud.answers.clear()
    bench.serve_for(2)
    assert (status(first), status(second)) == (("CANCELLED", "REMOVED"), ("ACTIVE", "APPLIED"))

    cloud.rules.clear()  # it has landed
    bench.serve_for(20)

    assert list(cloud.rules.values()) == [State.PRESENT]


def test_a_rule_that_went_before_its_worker_could_say_so_is_told_to_have_gone(bench: Bench, cloud: MadeUpCloud) -> None:
    first = bench.open()
    bench.serve()
    bench.end(first)
    cloud.rules.clear()  # and there it died

    second = bench.open()
    bench.serve()

    assert (status(first), status(second)) == (("CANCELLED", "REMOVED"), ("ACTIVE", "APPLIED"))
    assert told() == [APPLIED, REMOVED, APPLIED]


def test_a_rule_that_went_without_an_answer_is_told_to_have_gone_though_the_key_was_refused_meanwhile(
    bench: Bench, cloud: MadeUpCloud
) -> None:
    first = bench.open()
    bench.serve()
    bench.end(first)
    cloud.answers["revoke"] = Unreachable("the cloud did not answer")
    bench.serve()
    cloud.rules.clear()  # it has landed
    cloud.answers["list"] = Refused("AuthFailure", "AWS does not accept the secret key")
    second = bench.open()
    bench.serve()
    assert status(first) == ("CANCELLED", "REMOVED")

    cloud.answers.clear()
    bench.look()

    assert status(second) == ("ACTIVE", "APPLIED")
    assert [event for event in told() if event[1] == "SUCCESS"] == [APPLIED, REMOVED, APPLIED]


def test_a_rule_that_was_removed_by_half_and_is_refused_now_is_looked_at_as_seldom_as_others(
    bench: Bench, cloud: MadeUpCloud
) -> None:
    first = bench.open()
    bench.serve()
    bench.end(first)
    cloud.answers["revoke"] = Unreachable("the cloud did not answer")
    bench.serve()
    cloud.rules = dict.fromkeys(cloud.rules, State.EDITED)
    cloud.answers["apply"] = FORBIDDEN
    second = bench.open()
    bench.serve_for(60)

    assert status(second)[0] != "ACTIVE"
    assert (due_in() or 0) > LEASE_SECONDS, "nothing is expected any more"


def test_whoever_wants_a_rule_that_may_have_been_removed_is_not_told_that_it_is_there(
    bench: Bench, cloud: MadeUpCloud
) -> None:
    _, later = wanted_again_during_an_unanswered_removal(bench, cloud)
    serve_one(bench)

    assert status(later[0]) == ("PENDING", "PENDING")
    bench.serve_for(2)
    assert status(later[0]) == ("ACTIVE", "APPLIED")
    assert told() == [APPLIED]


def test_a_removal_that_a_cloud_left_unanswered_is_asked_for_again_though_the_rule_is_not_shown(
    bench: Bench, cloud: MadeUpCloud
) -> None:
    """By a name that the cloud has kept: a person has made another one of it."""
    session = bench.open()
    bench.serve()
    there = set(cloud.rules)
    cloud.hides = there.__contains__
    cloud.answers["revoke"] = Unreachable("the cloud did not answer")

    bench.end(session)
    bench.serve()

    assert status(session) == ("EXPIRING", "REMOVING")
    assert grant_of(session).error == "the cloud did not answer"
    del cloud.answers["revoke"]
    bench.serve_for(16)
    assert cloud.rules == {}
    assert status(session) == ("CANCELLED", "REMOVED")
    assert told() == [APPLIED, REMOVED]
