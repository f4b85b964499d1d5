"""Calls to a cloud that land late, or whose answer does not come: they do no lasting harm."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from api.claims import abandon, claim, new_slot
from api.clouds import Unreachable
from api.clouds.rules import State, Tag
from api.database import AWAY, database
from api.due import LEASE_SECONDS, Priority
from api.installation import identity
from api.sessions.models import Session
from api.targets.models import Rule, Target
from tests.databases import administer
from tests.worker.bench import APPLIED, REMOVED, RESTORED, Bench, due_in, pass_time, status, told
from tests.worker.made_up_cloud import MadeUpCloud
from tests.worker.reconcile.conftest import during, serve_one
from worker.drain import Drain


class _Killed(BaseException):
    """Nobody catches it: what the worker was at stays as it is."""


def _die() -> None:
    raise _Killed


def _come_and_gone(bench: Bench, cloud: MadeUpCloud, session: Session) -> Tag:
    """The tag of a session's rule, which is there and which its end removes."""
    assert status(session) == ("ACTIVE", "APPLIED")
    rule = Tag(identity(), Rule.get().id)
    bench.end(session)
    bench.serve()
    assert cloud.rules == {}
    return rule


def test_a_call_that_lands_after_its_lease_does_no_lasting_harm(bench: Bench, cloud: MadeUpCloud) -> None:
    """The worker stood still, before its call, until somebody else had taken over and found nothing."""
    session = bench.open()
    heir = bench.new_worker()

    def stand_still() -> None:
        bench.end(session)
        pass_time(LEASE_SECONDS + 1)
        Drain(heir).serve_one(tuple(Priority))

    during(cloud, "apply", stand_still)
    serve_one(bench)
    assert len(cloud.rules) == 1, "it has landed"

    bench.serve_for(45)

    assert cloud.rules == {}
    assert status(session) == ("CANCELLED", "REMOVED")
    assert not Rule.select().exists()


def test_a_call_that_lands_when_its_rule_is_long_forgotten_does_no_lasting_harm(
    bench: Bench, cloud: MadeUpCloud
) -> None:
    session = bench.open()
    bench_of_heir = Bench(bench.site, bench.vault, bench.credential, bench.target, bench.resource)

    def stand_still() -> None:
        bench.end(session)
        bench_of_heir.serve_for(120)
        assert not Rule.select().exists()
        assert due_in() is None

    during(cloud, "apply", stand_still)
    serve_one(bench)
    assert len(cloud.rules) == 1, "it has landed"

    bench.serve_for(45)

    assert cloud.rules == {}
    assert not Rule.select().exists()


def test_a_call_that_lands_late_does_no_lasting_harm_although_its_process_is_told_to_end(
    bench: Bench, cloud: MadeUpCloud
) -> None:
    session = bench.open()
    bench_of_heir = Bench(bench.site, bench.vault, bench.credential, bench.target, bench.resource)
    late = Drain(bench.worker)

    def stand_still() -> None:
        bench.end(session)
        bench_of_heir.serve_for(120)
        assert not Rule.select().exists()
        late.stop()

    during(cloud, "apply", stand_still)
    late.serve_one(tuple(Priority))
    assert len(cloud.rules) == 1, "it has landed"

    bench.serve_for(45)

    assert cloud.rules == {}
    assert not Rule.select().exists()


@pytest.mark.engines("postgresql")
def test_a_call_that_lands_late_does_no_lasting_harm_although_its_worker_has_lost_the_database(
    bench: Bench, cloud: MadeUpCloud, db: str
) -> None:
    session = bench.open()
    bench_of_heir = Bench(bench.site, bench.vault, bench.credential, bench.target, bench.resource)
    late = Drain(bench.worker)

    def stand_still() -> None:
        bench.end(session)
        bench_of_heir.serve_for(120)
        assert not Rule.select().exists()
        own = database.execute_sql("SELECT pg_backend_pid()").fetchone()[0]
        administer(db, f"SELECT pg_terminate_backend({own})")

    during(cloud, "apply", stand_still)
    with ThreadPoolExecutor(max_workers=1) as thread:  # the test's own connection is not cut
        with pytest.raises(AWAY):
            thread.submit(late.serve_one, tuple(Priority)).result()
        assert len(cloud.rules) == 1, "it has landed"
        thread.submit(late.serve_one, tuple(Priority)).result()

    bench.serve_for(45)

    assert cloud.rules == {}
    assert not Rule.select().exists()


def test_a_killed_workers_call_that_lands_after_its_heirs_rule_has_come_and_gone_does_no_lasting_harm(
    bench: Bench, cloud: MadeUpCloud
) -> None:
    session = bench.open()
    slot = new_slot()
    cloud.answers["apply"] = _die
    with pytest.raises(_Killed):
        Drain(bench.worker, slot=slot).serve_one(tuple(Priority))
    cloud.answers.clear()
    assert abandon([Target], slot) == 1
    serve_one(bench)
    rule = _come_and_gone(bench, cloud, session)

    cloud.rules[rule] = State.PRESENT
    bench.serve_for(45)

    assert cloud.rules == {}
    assert status(session) == ("CANCELLED", "REMOVED")
    assert told() == [APPLIED, REMOVED, APPLIED, REMOVED]
    assert not Rule.select().exists()


def test_an_unanswered_call_that_lands_after_the_next_ones_rule_has_come_and_gone_does_no_lasting_harm(
    bench: Bench, cloud: MadeUpCloud
) -> None:
    session = bench.open()
    cloud.answers["apply"] = Unreachable("the cloud did not answer")
    serve_one(bench)
    cloud.answers.clear()
    pass_time(2)
    bench.serve()
    rule = _come_and_gone(bench, cloud, session)

    cloud.rules[rule] = State.PRESENT
    bench.serve_for(45)

    assert cloud.rules == {}
    assert status(session) == ("CANCELLED", "REMOVED")
    assert not Rule.select().exists()


def test_a_late_removal_of_what_somebody_wants_again_is_mended_at_once(bench: Bench, cloud: MadeUpCloud) -> None:
    first = bench.open()
    bench.serve()
    bench.end(first)
    bench_of_heir = Bench(bench.site, bench.vault, bench.credential, bench.target, bench.resource)
    later: list[Session] = []

    def stand_still() -> None:
        later.append(bench.open())
        bench_of_heir.serve_for(120)
        assert status(later[0]) == ("ACTIVE", "APPLIED")

    during(cloud, "revoke", stand_still)
    serve_one(bench)
    assert cloud.rules == {}, "it has landed"

    bench.serve()

    assert list(cloud.rules.values()) == [State.PRESENT]
    assert status(later[0]) == ("ACTIVE", "APPLIED")


def test_whoever_lost_the_claim_records_nothing(bench: Bench, cloud: MadeUpCloud) -> None:
    session = bench.open()

    def lose() -> None:
        pass_time(LEASE_SECONDS + 1)
        assert claim([Target], tuple(Priority))

    during(cloud, "apply", lose)
    serve_one(bench)

    assert status(session) == ("PENDING", "PENDING")
    assert told() == []
    pass_time(LEASE_SECONDS + 1)
    bench.serve()
    assert status(session) == ("ACTIVE", "APPLIED")


def test_a_rule_that_came_back_is_told_of_also_where_the_claim_was_lost(bench: Bench, cloud: MadeUpCloud) -> None:
    bench.open()
    bench.serve()
    cloud.rules.clear()

    def lose() -> None:
        pass_time(LEASE_SECONDS + 1)
        assert claim([Target], tuple(Priority))

    during(cloud, "apply", lose)
    bench.look()
    pass_time(LEASE_SECONDS + 1)
    bench.serve()

    assert told() == [APPLIED, RESTORED]


def test_an_answer_that_does_not_come_leaves_a_rule_that_is_looked_for_until_it_cannot_come(
    bench: Bench, cloud: MadeUpCloud
) -> None:
    session = bench.open()
    cloud.answers["apply"] = Unreachable("the cloud did not answer")
    serve_one(bench)
    bench.end(session)
    pass_time(2)
    bench.serve()
    assert status(session) == ("EXPIRING", "REMOVING")

    cloud.rules[Tag(identity(), Rule.get().id)] = State.PRESENT  # it has arrived after all
    bench.serve_for(10)

    assert cloud.rules == {}
    bench.serve_for(45)
    assert status(session) == ("CANCELLED", "REMOVED")
    assert told() == [APPLIED, REMOVED]


def test_what_a_cloud_calls_a_rule_is_kept_where_it_cannot_be_looked_at_afterwards(
    bench: Bench, cloud: MadeUpCloud
) -> None:
    session = bench.open()

    def fall_silent() -> None:
        cloud.answers["list"] = Unreachable("the cloud did not answer")

    during(cloud, "apply", fall_silent)
    serve_one(bench)

    rule = Rule.get()
    assert rule.provider_ids == [Tag(identity(), rule.id).short]
    assert status(session) == ("PENDING", "PENDING")
