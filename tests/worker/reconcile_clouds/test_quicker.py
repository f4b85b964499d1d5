"""A whitelist has no place for a tag: an entry is ours where we have written it, and not where somebody was quicker."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from api.clouds import Endpoints
from api.clouds.apisix_connection import ApisixConnection
from api.due import LEASE_SECONDS, Priority
from api.targets.models import Rule
from tests.clouds.apisix_standin import ApisixStandIn, answering
from tests.clouds.test_apisix_promises import ApisixSite
from tests.worker.bench import APPLIED, HERE, REMOVED, Bench, bench_at, grant_of, pass_time, status, told
from worker.drain import Drain

# What depends on the engine is tested with a made-up cloud, on both.
pytestmark = pytest.mark.engines("sqlite")


@pytest.fixture
def bench(db: str, apisix: ApisixStandIn, at_apisix: Endpoints) -> Bench:
    return bench_at(ApisixSite(apisix, at_apisix))


def test_an_entry_that_somebody_else_was_quicker_to_write_stays(bench: Bench, apisix: ApisixStandIn) -> None:
    session = bench.open()
    apisix.let_in_meanwhile(bench.target.identifier, HERE)

    bench.serve()

    assert status(session) == ("ACTIVE", "APPLIED")
    assert "somebody else's equal rule" in str(grant_of(session).error)
    assert told() == []
    with_theirs = bench.everything()
    bench.end(session)
    bench.serve()
    assert bench.everything() == with_theirs
    assert status(session) == ("CANCELLED", "REMOVED")


def test_who_relied_on_a_quicker_entry_has_one_of_his_own_when_that_goes(bench: Bench, apisix: ApisixStandIn) -> None:
    before = bench.everything()
    session = bench.open()
    apisix.let_in_meanwhile(bench.target.identifier, HERE)
    bench.serve()
    whitelist = apisix.whitelist(bench.target.identifier)
    apisix.write_whitelist(bench.target.identifier, [entry for entry in whitelist if entry != HERE])

    bench.look()

    assert status(session) == ("ACTIVE", "APPLIED")
    assert bench.everything() != before
    bench.end(session)
    bench.serve()
    assert bench.everything() == before
    assert told() == [APPLIED, REMOVED]


@pytest.mark.parametrize("then", ["the gateway fails", "the worker is to end"])
def test_a_quicker_entry_stays_whatever_comes_behind_our_own_call(
    bench: Bench, apisix: ApisixStandIn, then: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = bench.open()
    apisix.let_in_meanwhile(bench.target.identifier, HERE)
    drain, apply = Drain(bench.worker), ApisixConnection.apply
    with ExitStack() as faults:
        happens: dict[str, Callable[[], object]] = {
            "the gateway fails": lambda: faults.enter_context(apisix.failing(answering(502))),
            "the worker is to end": drain.stop,
        }

        def applied(*given: Any) -> tuple[str, ...]:
            ids = apply(*given)
            happens[then]()
            return ids

        monkeypatch.setattr(ApisixConnection, "apply", applied)
        drain.serve_one(tuple(Priority))
    monkeypatch.undo()
    with_theirs = bench.everything()
    assert HERE in with_theirs

    pass_time(LEASE_SECONDS + 1)
    bench.end(session)
    bench.serve_for(45)

    assert bench.everything() == with_theirs
    assert status(session) == ("CANCELLED", "REMOVED")
    assert not Rule.select().exists()


def test_an_entry_whose_writing_was_not_answered_is_ours(bench: Bench) -> None:
    before = bench.everything()
    session = bench.open()
    with bench.site.losing_answers():
        bench.serve()
    bench.serve_for(3)
    assert Rule.get().is_added

    bench.end(session)
    bench.serve_for(45)

    assert bench.everything() == before
    assert status(session) == ("CANCELLED", "REMOVED")
