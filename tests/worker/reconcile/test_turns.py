"""A worker's turn on a target, and what people do between two of its steps."""

import pytest

from api.clouds import Target as CloudTarget
from api.clouds.rules import State
from api.database import database
from api.due import Priority
from api.sessions.models import Session
from api.targets.models import Grant, Rule, Target
from tests.proof.statements import heard
from tests.rows import fresh
from tests.worker.bench import APPLIED, HERE, REMOVED, THERE, Bench, grant_of, grants, resource_on, status, told
from tests.worker.made_up_cloud import MadeUpCloud
from tests.worker.reconcile.conftest import FORBIDDEN, during, serve_one
from worker import turn


def test_what_is_to_go_goes_before_anything_comes(bench: Bench, cloud: MadeUpCloud) -> None:
    first = bench.open(HERE)
    bench.serve()
    bench.end(first)
    second = bench.open(THERE)
    cloud.deeds.clear()

    bench.serve()

    assert [deed for deed, _ in cloud.deeds] == ["revoke", "apply"]
    assert status(second) == ("ACTIVE", "APPLIED")


def test_of_what_stands_as_it_should_a_turn_asks_the_database_nothing(bench: Bench) -> None:
    def served(*addresses: str) -> int:
        """How many statements the turn has that lets in the last address."""
        for address in addresses[:-1]:
            bench.open(address)
        bench.serve()
        bench.open(addresses[-1])
        with heard() as statements:
            assert serve_one(bench)
        return len(statements)

    few = served(HERE, THERE)
    many = served(*(f"81.2.69.{number}" for number in range(8)))

    assert (many, Grant.select().where(Grant.status == "APPLIED").count()) == (few, 10)


def test_that_a_rule_is_ours_is_committed_before_it_is_asked_for(bench: Bench, cloud: MadeUpCloud) -> None:
    seen = []

    def look() -> None:
        seen.append((Rule.get().is_added, database.in_transaction()))

    during(cloud, "apply", look)
    bench.open()
    assert Rule.get().is_added is False

    bench.serve()

    assert seen == [(True, False)]


def test_a_rule_that_nobody_asked_a_cloud_for_is_forgotten_at_once(bench: Bench, cloud: MadeUpCloud) -> None:
    session = bench.open()

    bench.end(session)

    assert status(session) == ("CANCELLED", "REMOVED")
    assert not Rule.select().exists()
    assert bench.serve() == 1
    assert cloud.deeds == []


def test_whoever_wants_a_rule_while_it_is_being_removed_gets_it_anew(bench: Bench, cloud: MadeUpCloud) -> None:
    first = bench.open()
    bench.serve()
    bench.end(first)
    later: list[Session] = []
    during(cloud, "revoke", lambda: later.append(bench.open()))

    serve_one(bench)

    [second] = later
    assert status(second) == ("PENDING", "PENDING"), "its rule has just been removed"
    assert status(first) == ("CANCELLED", "REMOVED")
    assert grant_of(first).kept_by == second.id
    bench.serve()
    assert status(second) == ("ACTIVE", "APPLIED")
    assert list(cloud.rules.values()) == [State.PRESENT]
    assert told() == [APPLIED, REMOVED, APPLIED]


def test_a_session_that_joins_a_rule_during_a_look_is_active(bench: Bench, cloud: MadeUpCloud) -> None:
    bench.open()
    bench.serve()
    later: list[Session] = []
    during(cloud, "list", lambda: later.append(bench.open()))

    bench.look()

    assert status(later[0]) == ("ACTIVE", "APPLIED")
    assert told() == [APPLIED]


def test_a_session_that_ends_while_its_rule_is_being_added_leaves_nothing(bench: Bench, cloud: MadeUpCloud) -> None:
    session = bench.open()
    during(cloud, "apply", lambda: bench.end(session))

    bench.serve()

    assert cloud.rules == {}
    assert status(session) == ("CANCELLED", "REMOVED")
    assert told() == [APPLIED, REMOVED]


def test_a_session_that_ends_before_its_rule_is_added_has_it_not_added(bench: Bench, cloud: MadeUpCloud) -> None:
    session = bench.open()
    during(cloud, "list", lambda: bench.end(session))

    bench.serve()

    assert cloud.deeds == []
    assert status(session) == ("CANCELLED", "REMOVED")


def test_much_to_apply_does_not_hold_a_removal_up(
    bench: Bench, cloud: MadeUpCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn, "_APPLY_SECONDS", 0.0)
    sessions = [bench.open(f"81.2.69.{last}") for last in range(3)]
    serve_one(bench)
    assert Target.get().due_priority == Priority.APPLY
    monkeypatch.setattr(turn, "_APPLY_SECONDS", 5.0)

    bench.serve()

    assert [status(session) for session in sessions] == [("ACTIVE", "APPLIED")] * 3


def test_several_rules_of_a_session_are_told_one_by_one(bench: Bench, cloud: MadeUpCloud) -> None:
    other = resource_on(bench.credential, CloudTarget("eu-central-1", "sg-other", "SECURITY_GROUP"))
    cloud.answers["sg-other"] = FORBIDDEN
    session = bench.open(HERE, bench.resource, other)

    bench.serve()

    assert fresh(session).status == "PARTIAL"
    assert [(grant.status, grant.error) for grant in grants(session)] == [
        ("APPLIED", None),
        ("FAILED", str(FORBIDDEN)),
    ]
