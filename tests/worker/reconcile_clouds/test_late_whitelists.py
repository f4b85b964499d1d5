"""A gateway is given a route's whole whitelist: a call that lands late brings back whom another one has taken out."""

from typing import Any

import pytest

from api.claims import abandon, new_slot
from api.clouds import Endpoints, Unreachable
from api.clouds.apisix_connection import ApisixConnection
from api.due import Priority
from api.targets.models import Rule, Target
from tests.clouds.apisix_standin import ApisixStandIn
from tests.clouds.test_apisix_promises import ApisixSite
from tests.worker.bench import APPLIED, HERE, REMOVED, Bench, bench_at, grant_of, status, told
from worker.drain import Drain

# What depends on the engine is tested with a made-up cloud, on both.
pytestmark = pytest.mark.engines("sqlite")

ELSEWHERE = "81.2.69.160"


class _Killed(BaseException):
    """Nobody catches it: what the worker was at stays as it is."""


@pytest.fixture
def bench(db: str, apisix: ApisixStandIn, at_apisix: Endpoints) -> Bench:
    return bench_at(ApisixSite(apisix, at_apisix))


@pytest.mark.parametrize("looks", [0, 1], ids=["before the heir looks", "after the heir has looked"])
def test_who_has_left_is_let_in_again_by_a_killed_workers_call_and_taken_out_again(
    bench: Bench, apisix: ApisixStandIn, monkeypatch: pytest.MonkeyPatch, looks: int
) -> None:
    leaving = bench.open(HERE)
    bench.serve()
    staying = bench.open(ELSEWHERE)
    under_way = [*apisix.whitelist(bench.target.identifier), ELSEWHERE]
    assert HERE in under_way
    _kill_who_lets_in(bench, monkeypatch)
    for _ in range(looks):
        bench.serve()
    bench.end(leaving)
    bench.serve()
    assert HERE not in apisix.whitelist(bench.target.identifier)

    apisix.write_whitelist(bench.target.identifier, under_way)
    bench.serve_for(45)

    assert HERE not in apisix.whitelist(bench.target.identifier)
    assert ELSEWHERE in apisix.whitelist(bench.target.identifier)
    assert status(leaving) == ("CANCELLED", "REMOVED")
    assert status(staying) == ("ACTIVE", "APPLIED")
    assert Rule.select().count() == 1


def test_who_has_left_is_let_in_again_by_a_call_that_was_left_unanswered_and_taken_out_again(
    bench: Bench, apisix: ApisixStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaving = bench.open(HERE)
    bench.serve()
    staying = bench.open(ELSEWHERE)
    with monkeypatch.context() as patch:
        patch.setattr(ApisixConnection, "apply", _hear_nothing)
        Drain(bench.worker).serve_one(tuple(Priority))
    under_way = [*apisix.whitelist(bench.target.identifier), ELSEWHERE]
    assert HERE in under_way
    bench.end(leaving)
    bench.serve()
    assert HERE not in apisix.whitelist(bench.target.identifier)

    apisix.write_whitelist(bench.target.identifier, under_way)
    bench.serve_for(45)

    assert apisix.whitelist(bench.target.identifier).count(HERE) == 0
    assert status(leaving) == ("CANCELLED", "REMOVED")
    assert status(staying) == ("ACTIVE", "APPLIED")
    assert Rule.select().count() == 1


def test_who_comes_back_in_the_turn_that_takes_them_out_is_taken_out_again(
    bench: Bench, apisix: ApisixStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaving = bench.open(HERE)
    bench.serve()
    staying = bench.open(ELSEWHERE)
    under_way = [*apisix.whitelist(bench.target.identifier), ELSEWHERE]
    _kill_who_lets_in(bench, monkeypatch)
    bench.end(leaving)
    revoke = ApisixConnection.revoke

    def revoke_too_early(*what: Any) -> None:
        revoke(*what)
        apisix.write_whitelist(bench.target.identifier, under_way)

    with monkeypatch.context() as patch:
        patch.setattr(ApisixConnection, "revoke", revoke_too_early)
        Drain(bench.worker).serve_one(tuple(Priority))
    assert HERE in apisix.whitelist(bench.target.identifier), "it has landed"
    bench.serve_for(45)

    assert HERE not in apisix.whitelist(bench.target.identifier)
    assert status(leaving) == ("CANCELLED", "REMOVED")
    assert status(staying) == ("ACTIVE", "APPLIED")


@pytest.mark.parametrize("then", ["told to end", "stumbled later", "stumbled at once"])
def test_who_has_left_is_taken_out_again_although_the_turn_without_an_answer_was_not_recorded(
    bench: Bench, apisix: ApisixStandIn, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    leaving = bench.open(HERE)
    bench.serve()
    staying = bench.open(ELSEWHERE)
    drain = Drain(bench.worker)

    def hear_nothing(connection: ApisixConnection, *_: object) -> None:
        if then == "told to end":
            drain.stop()
        elif then == "stumbled later":
            monkeypatch.setattr(connection, "rules", _stumble)
        else:
            _stumble()
        raise Unreachable("the gateway did not answer")

    with monkeypatch.context() as patch:
        patch.setattr(ApisixConnection, "apply", hear_nothing)
        drain.serve_one(tuple(Priority))
    monkeypatch.undo()
    assert grant_of(staying).error is None, "nothing was recorded"
    under_way = [*apisix.whitelist(bench.target.identifier), ELSEWHERE]
    bench.end(leaving)
    bench.serve_for(3)
    assert HERE not in apisix.whitelist(bench.target.identifier)

    apisix.write_whitelist(bench.target.identifier, under_way)
    bench.serve_for(45)

    assert HERE not in apisix.whitelist(bench.target.identifier)
    assert status(leaving) == ("CANCELLED", "REMOVED")
    assert status(staying) == ("ACTIVE", "APPLIED")


def test_a_worker_that_was_told_to_end_before_it_asked_leaves_nothing_to_be_waited_for(
    bench: Bench, apisix: ApisixStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = bench.open(HERE)
    bench.serve()
    bench.end(session)
    drain, revoke = Drain(bench.worker), ApisixConnection.revoke

    def be_told_to_end(*what: Any) -> None:
        drain.stop()
        revoke(*what)

    with monkeypatch.context() as patch:
        patch.setattr(ApisixConnection, "revoke", be_told_to_end)
        drain.serve_one(tuple(Priority))
    assert HERE in apisix.whitelist(bench.target.identifier)

    bench.serve_for(2)

    assert HERE not in apisix.whitelist(bench.target.identifier)
    assert status(session) == ("CANCELLED", "REMOVED")


def test_what_somebody_else_has_beside_ours_stays_his_when_a_worker_was_killed(
    bench: Bench, apisix: ApisixStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaving = bench.open(HERE)
    bench.serve()
    his = f"{HERE}/32"
    apisix.let_in(bench.target.identifier, his)
    bench.open(ELSEWHERE)
    _kill_who_lets_in(bench, monkeypatch)
    bench.end(leaving)

    bench.serve_for(45)

    assert his in apisix.whitelist(bench.target.identifier)
    assert HERE not in apisix.whitelist(bench.target.identifier)
    assert status(leaving) == ("CANCELLED", "REMOVED")


def test_what_another_organisation_lets_in_meanwhile_is_not_taken_for_what_came_back(
    bench: Bench, apisix: ApisixStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaving = bench.open(HERE)
    bench.serve()
    other = bench_at(bench.site, bench.vault, bench.target)
    staying = other.open(HERE)
    bench.serve()
    bench.end(leaving)
    slot, revoke = new_slot(), ApisixConnection.revoke

    def revoke_and_die(*what: Any) -> None:
        revoke(*what)
        raise _Killed

    with monkeypatch.context() as patch, pytest.raises(_Killed):
        patch.setattr(ApisixConnection, "revoke", revoke_and_die)
        Drain(bench.worker, slot=slot).serve_one(tuple(Priority))
    assert abandon([Target], slot) == 1

    bench.serve_for(45)

    assert HERE in apisix.whitelist(bench.target.identifier)
    assert status(leaving) == ("CANCELLED", "REMOVED")
    assert status(staying) == ("ACTIVE", "APPLIED")
    assert sorted(told()) == sorted([APPLIED, REMOVED, APPLIED]), "nobody lost what was his in between"
    other.end(staying)
    bench.serve_for(45)
    assert HERE not in apisix.whitelist(bench.target.identifier)
    assert not Rule.select().exists()


def _kill_who_lets_in(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker dies at its call for the session that has come last, and others may take over."""
    slot = new_slot()
    with monkeypatch.context() as patch, pytest.raises(_Killed):
        patch.setattr(ApisixConnection, "apply", _die)
        Drain(bench.worker, slot=slot).serve_one(tuple(Priority))
    assert abandon([Target], slot) == 1


def _hear_nothing(*_: object) -> None:
    raise Unreachable("the gateway did not answer")


def _stumble(*_: object) -> None:
    raise ZeroDivisionError


def _die(*_: object) -> None:
    raise _Killed
