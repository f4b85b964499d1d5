"""Clouds whose listings lag behind what they have just been asked to add."""

from collections.abc import Iterator
from contextlib import contextmanager

from api.clouds.rules import State
from api.targets.models import Rule
from tests.worker.bench import APPLIED, Bench, grant_of, pass_time, status, told
from tests.worker.made_up_cloud import MadeUpCloud
from tests.worker.reconcile.conftest import during, serve_one


@contextmanager
def lagging(cloud: MadeUpCloud) -> Iterator[None]:
    """Listings show nothing that was not there before."""
    before = set(cloud.rules)
    cloud.hides = lambda tag: tag not in before
    yield
    cloud.hides = None


def test_a_rule_is_active_when_the_listing_has_caught_up(bench: Bench, cloud: MadeUpCloud) -> None:
    session = bench.open()
    with lagging(cloud):
        serve_one(bench)
        assert status(session) == ("PENDING", "PENDING")
        assert grant_of(session).error == "the cloud does not show the change yet"

    pass_time(1)
    bench.serve()

    assert status(session) == ("ACTIVE", "APPLIED")
    assert told() == [APPLIED]


def test_a_rule_that_no_listing_has_shown_goes_with_its_session(bench: Bench, cloud: MadeUpCloud) -> None:
    session = bench.open()
    with lagging(cloud):
        serve_one(bench)
        assert len(cloud.rules) == 1

        bench.end(session)
        bench.serve()

    assert cloud.rules == {}
    bench.serve_for(45)
    assert status(session) == ("CANCELLED", "REMOVED")
    assert not Rule.select().exists()


def test_a_rule_that_no_listing_has_shown_goes_with_a_session_that_ended_while_it_was_added(
    bench: Bench, cloud: MadeUpCloud
) -> None:
    session = bench.open()
    with lagging(cloud):
        during(cloud, "apply", lambda: bench.end(session))
        serve_one(bench)
        assert len(cloud.rules) == 1, "it was added"

        bench.serve()

    assert cloud.rules == {}
    bench.serve_for(45)
    assert status(session) == ("CANCELLED", "REMOVED")
    assert not Rule.select().exists()


def test_a_rule_that_its_cloud_does_not_know_by_name_yet_is_looked_for_until_it_does(
    bench: Bench, cloud: MadeUpCloud
) -> None:
    """Who asks for its removal at once is told that there is nothing to be removed."""
    session = bench.open()
    with lagging(cloud):
        serve_one(bench)
    there, cloud.rules = cloud.rules, {}
    bench.end(session)
    bench.serve_for(5)
    assert status(session) == ("EXPIRING", "REMOVING")
    assert "not there" in str(grant_of(session).error)

    cloud.rules = dict(there)
    cloud.hides = there.__contains__
    bench.serve_for(9)

    assert cloud.rules == {}
    cloud.hides = None
    bench.serve_for(45)
    assert status(session) == ("CANCELLED", "REMOVED")
    assert not Rule.select().exists()


def test_a_rule_that_was_shown_and_is_gone_is_forgotten_at_once(bench: Bench, cloud: MadeUpCloud) -> None:
    session = bench.open()
    bench.serve()
    assert list(cloud.rules.values()) == [State.PRESENT]
    cloud.rules.clear()

    bench.end(session)
    bench.serve()

    assert status(session) == ("CANCELLED", "REMOVED")
    assert not Rule.select().exists()
