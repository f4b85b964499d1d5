"""A whitelist has no place for a tag: an entry is ours where we have written it, and not where somebody was quicker."""

import pytest

from api.clouds import Endpoints
from api.targets.models import Rule
from tests.clouds.apisix_standin import ApisixStandIn
from tests.clouds.test_apisix_promises import ApisixSite
from tests.worker.bench import APPLIED, HERE, REMOVED, Bench, bench_at, grant_of, status, told

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
