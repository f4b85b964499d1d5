"""A gateway's whitelist holds ours and somebody else's equal entry, and nothing tells them apart but what we know."""

from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

import pytest

from api.claims import abandon, new_slot
from api.clouds import Endpoints, Refused, Unreachable
from api.clouds.apisix_connection import ApisixConnection
from api.clouds.base import Throttled
from api.due import LEASE_SECONDS, Priority
from api.sessions.models import Session
from api.targets.models import Rule, Target
from tests.clouds.apisix_standin import ApisixStandIn
from tests.clouds.test_apisix_promises import ApisixSite
from tests.worker.bench import APPLIED, HERE, REMOVED, THERE, Bench, bench_at, due_in, status, told
from worker.drain import Drain

# What depends on the engine is tested with a made-up cloud, on both.
pytestmark = pytest.mark.engines("sqlite")

spelt = pytest.mark.parametrize("his", [f"{HERE}/32", HERE], ids=["spelt otherwise", "spelt as ours"])


# What was answered cannot land late: nobody waits for a lease.
_SOON_SECONDS = LEASE_SECONDS - 3


class _Killed(BaseException):
    """Nobody catches it: what the worker was at stays as it is."""


@pytest.fixture
def bench(db: str, apisix: ApisixStandIn, at_apisix: Endpoints) -> Bench:
    return bench_at(ApisixSite(apisix, at_apisix))


@pytest.fixture
def entries(bench: Bench, apisix: ApisixStandIn) -> Callable[[], list[str]]:
    """Those of the whitelist for our address."""
    whitelist = partial(apisix.whitelist, bench.target.identifier)
    return lambda: [entry for entry in whitelist() if entry.startswith(HERE)]


@spelt
@pytest.mark.parametrize("is_known", [True, False], ids=["known before", "new to the turn"])
@pytest.mark.parametrize("has_landed", [True, False], ids=["after the call", "before it"])
def test_a_worker_is_killed_as_it_takes_ours_out_and_his_stays(
    bench: Bench,
    apisix: ApisixStandIn,
    monkeypatch: pytest.MonkeyPatch,
    entries: Callable[[], list[str]],
    his: str,
    *,
    is_known: bool,
    has_landed: bool,
) -> None:
    leaving = _open_beside(bench, apisix, his, is_known=is_known)
    bench.end(leaving)
    _kill_who_revokes(bench, monkeypatch, has_landed=has_landed)

    bench.serve_for(45)

    assert entries() == [his]
    assert status(leaving) == ("CANCELLED", "REMOVED")
    assert sorted(told()) == sorted([APPLIED, REMOVED])
    assert not Rule.select().exists()


@spelt
@pytest.mark.parametrize("has_landed", [True, False], ids=["after the call", "before it"])
def test_a_worker_is_killed_as_it_takes_ours_out_and_somebody_wants_it_again(
    bench: Bench,
    apisix: ApisixStandIn,
    monkeypatch: pytest.MonkeyPatch,
    entries: Callable[[], list[str]],
    his: str,
    has_landed: bool,
) -> None:
    bench.end(_open_beside(bench, apisix, his))
    _kill_who_revokes(bench, monkeypatch, has_landed=has_landed)

    again = bench.open(HERE)
    bench.serve_for(45)
    assert status(again) == ("ACTIVE", "APPLIED")
    bench.end(again)
    bench.serve_for(45)

    assert entries() == [his]
    assert status(again) == ("CANCELLED", "REMOVED")


@spelt
def test_somebody_wants_it_again_in_the_very_turn_that_takes_ours_out(
    bench: Bench,
    apisix: ApisixStandIn,
    monkeypatch: pytest.MonkeyPatch,
    entries: Callable[[], list[str]],
    his: str,
) -> None:
    bench.end(_open_beside(bench, apisix, his))
    revoke, again = ApisixConnection.revoke, []

    def revoke_and_be_wanted(*what: Any) -> None:
        revoke(*what)
        again.append(bench.open(HERE))

    with monkeypatch.context() as patch:
        patch.setattr(ApisixConnection, "revoke", revoke_and_be_wanted)
        Drain(bench.worker).serve_one(tuple(Priority))
    bench.serve_for(45)
    assert status(again[0]) == ("ACTIVE", "APPLIED")
    assert entries() == [his]
    bench.end(again[0])
    bench.serve_for(45)

    assert entries() == [his]
    assert status(again[0]) == ("CANCELLED", "REMOVED")


@spelt
@pytest.mark.parametrize("looks", [True, False], ids=["looked at after it", "nothing is heard any more"])
def test_the_answer_to_the_call_that_takes_ours_out_is_lost(
    bench: Bench,
    apisix: ApisixStandIn,
    monkeypatch: pytest.MonkeyPatch,
    entries: Callable[[], list[str]],
    his: str,
    looks: bool,
) -> None:
    leaving = _open_beside(bench, apisix, his)
    bench.end(leaving)
    revoke = ApisixConnection.revoke

    def revoke_and_hear_nothing(connection: ApisixConnection, *what: Any) -> None:
        revoke(connection, *what)
        if not looks:
            monkeypatch.setattr(ApisixConnection, "rules", _hear_nothing)
        _hear_nothing()

    with monkeypatch.context() as patch:
        patch.setattr(ApisixConnection, "revoke", revoke_and_hear_nothing)
        Drain(bench.worker).serve_one(tuple(Priority))
    monkeypatch.undo()
    bench.serve_for(45)

    assert entries() == [his]
    assert status(leaving) == ("CANCELLED", "REMOVED")


def test_what_a_person_leaves_of_two_entries_is_his_where_it_is_not_spelt_as_ours(
    bench: Bench, apisix: ApisixStandIn, entries: Callable[[], list[str]]
) -> None:
    his = f"{HERE}/32"
    session = _open_beside(bench, apisix, his)
    apisix.write_whitelist(bench.target.identifier, [his])
    bench.look()
    bench.end(session)

    bench.serve_for(45)

    assert entries() == [his]
    assert status(session) == ("CANCELLED", "REMOVED")


@spelt
def test_he_takes_his_own_out_and_ours_goes_with_the_session(
    bench: Bench, apisix: ApisixStandIn, entries: Callable[[], list[str]], his: str
) -> None:
    session = _open_beside(bench, apisix, his)
    apisix.write_whitelist(bench.target.identifier, [HERE])
    bench.look()
    assert status(session) == ("ACTIVE", "APPLIED")
    bench.end(session)

    bench.serve_for(45)

    assert entries() == []
    assert status(session) == ("CANCELLED", "REMOVED")


@spelt
def test_ours_comes_back_late_beside_his_and_is_taken_out_again(
    bench: Bench,
    apisix: ApisixStandIn,
    monkeypatch: pytest.MonkeyPatch,
    entries: Callable[[], list[str]],
    his: str,
) -> None:
    leaving = _open_beside(bench, apisix, his)
    both = apisix.whitelist(bench.target.identifier)
    bench.end(leaving)
    _kill_who_revokes(bench, monkeypatch, has_landed=True)
    bench.serve_for(3)
    assert entries() == [his]

    apisix.write_whitelist(bench.target.identifier, both)
    bench.serve_for(45)

    assert entries() == [his]
    assert status(leaving) == ("CANCELLED", "REMOVED")
    assert not Rule.select().exists()


@pytest.mark.parametrize(
    "refusal", [Throttled("slow down"), Refused("Unauthorized", "wrong key")], ids=["throttled", "refused"]
)
def test_ours_is_taken_out_and_the_gateway_does_not_show_it(
    bench: Bench,
    apisix: ApisixStandIn,
    monkeypatch: pytest.MonkeyPatch,
    entries: Callable[[], list[str]],
    refusal: Exception,
) -> None:
    leaving = _open_beside(bench, apisix, HERE)
    bench.end(leaving)
    ask = ApisixConnection._ask
    written: list[str] = []

    def ask_until_written(connection: ApisixConnection, method: str, *what: Any) -> Any:
        if written:
            raise refusal
        if method == "PATCH":
            written.append(method)
        return ask(connection, method, *what)

    with monkeypatch.context() as patch:
        patch.setattr(ApisixConnection, "_ask", ask_until_written)
        Drain(bench.worker).serve_one(tuple(Priority))
    assert entries() == [HERE]
    bench.serve_for(_SOON_SECONDS)

    assert entries() == [HERE]
    assert status(leaving) == ("CANCELLED", "REMOVED")


def test_ours_goes_late_when_it_is_wanted_again_and_his_stays(
    bench: Bench, apisix: ApisixStandIn, monkeypatch: pytest.MonkeyPatch, entries: Callable[[], list[str]]
) -> None:
    bench.end(_open_beside(bench, apisix, HERE))
    with monkeypatch.context() as patch:
        patch.setattr(ApisixConnection, "revoke", _hear_nothing)
        Drain(bench.worker).serve_one(tuple(Priority))
    again = bench.open(HERE)
    bench.serve_for(3)
    assert status(again) == ("ACTIVE", "APPLIED")

    _remove_one(bench, apisix, HERE)
    bench.serve_for(45)
    bench.end(again)
    bench.serve_for(45)

    assert entries() == [HERE]
    assert status(again) == ("CANCELLED", "REMOVED")


@pytest.mark.parametrize("is_wanted_again", [True, False], ids=["wanted again", "over"])
def test_he_takes_his_own_out_when_ours_was_about_to_go_and_ours_goes(
    bench: Bench,
    apisix: ApisixStandIn,
    monkeypatch: pytest.MonkeyPatch,
    entries: Callable[[], list[str]],
    is_wanted_again: bool,
) -> None:
    his = f"{HERE}/32"
    session = _open_beside(bench, apisix, his)
    bench.end(session)
    _kill_who_revokes(bench, monkeypatch, has_landed=False)
    _remove_one(bench, apisix, his)
    if is_wanted_again:
        session = bench.open(HERE)
        bench.serve_for(45)
        bench.end(session)

    bench.serve_for(45)

    assert entries() == []
    assert status(session) == ("CANCELLED", "REMOVED")


def test_he_takes_his_own_out_when_nobody_had_asked_for_ours_to_go(
    bench: Bench, apisix: ApisixStandIn, monkeypatch: pytest.MonkeyPatch, entries: Callable[[], list[str]]
) -> None:
    """The worker was told to end before it came to it."""
    first = bench.open(THERE)
    bench.serve()
    ended = [first, _open_beside(bench, apisix, HERE)]
    for session in ended:
        bench.end(session)
    drain, revoke = Drain(bench.worker), ApisixConnection.revoke

    def be_told_to_end(*what: Any) -> None:
        drain.stop()
        revoke(*what)

    with monkeypatch.context() as patch:
        patch.setattr(ApisixConnection, "revoke", be_told_to_end)
        patch.setattr("worker.turn._turn_of", lambda task: str(task.kept.rule.address) == f"{HERE}/32")
        drain.serve_one(tuple(Priority))
    assert entries() == [HERE, HERE]

    _remove_one(bench, apisix, HERE)
    bench.serve_for(45)

    assert entries() == []
    assert [status(each) for each in ended] == [("CANCELLED", "REMOVED")] * 2


@pytest.mark.parametrize("his", [[f"{HERE}/32"] * 2, [f"{HERE}/32", HERE], [HERE] * 2], ids=["two", "one", "none"])
def test_two_of_his_stay_when_ours_may_come_back(
    bench: Bench,
    apisix: ApisixStandIn,
    monkeypatch: pytest.MonkeyPatch,
    entries: Callable[[], list[str]],
    his: list[str],
) -> None:
    """Of his two so many are spelt otherwise."""
    leaving = bench.open(HERE)
    bench.serve()
    for entry in his:
        apisix.let_in(bench.target.identifier, entry)
    bench.look()
    bench.end(leaving)
    _kill_who_revokes(bench, monkeypatch, has_landed=True)

    bench.serve_for(45)

    assert sorted(entries()) == sorted(his)
    assert status(leaving) == ("CANCELLED", "REMOVED")


def test_he_takes_his_own_out_when_the_gateway_had_not_been_asked_for_ours_to_go(
    bench: Bench, apisix: ApisixStandIn, monkeypatch: pytest.MonkeyPatch, entries: Callable[[], list[str]]
) -> None:
    """It had not even shown the route that was to be written."""
    session = _open_beside(bench, apisix, HERE)
    bench.end(session)
    ask, asked = ApisixConnection._ask, list[str]()

    def ask_once(connection: ApisixConnection, method: str, *what: Any) -> Any:
        asked.append(method)
        return ask(connection, method, *what) if len(asked) == 1 else _hear_nothing()

    with monkeypatch.context() as patch:
        patch.setattr(ApisixConnection, "_ask", ask_once)
        Drain(bench.worker).serve_one(tuple(Priority))
    assert set(asked) == {"GET"}
    _remove_one(bench, apisix, HERE)
    bench.serve_for(45)

    assert entries() == []
    assert status(session) == ("CANCELLED", "REMOVED")


def test_he_takes_his_own_out_when_it_was_seen_that_ours_had_not_gone(
    bench: Bench, apisix: ApisixStandIn, monkeypatch: pytest.MonkeyPatch, entries: Callable[[], list[str]]
) -> None:
    """A call had no answer, and did nothing; then the gateway refuses, however often it is asked."""
    session = _open_beside(bench, apisix, HERE)
    bench.end(session)
    with monkeypatch.context() as patch:
        patch.setattr(ApisixConnection, "revoke", _hear_nothing)
        Drain(bench.worker).serve_one(tuple(Priority))
    with monkeypatch.context() as patch:
        patch.setattr(ApisixConnection, "revoke", _refuse)
        bench.serve_for(45)
        assert entries() == [HERE, HERE]
        _remove_one(bench, apisix, HERE)
    bench.serve_for(45)

    assert entries() == []
    assert status(session) == ("CANCELLED", "REMOVED")


def test_what_relies_on_his_comes_to_rest(
    bench: Bench, apisix: ApisixStandIn, monkeypatch: pytest.MonkeyPatch, entries: Callable[[], list[str]]
) -> None:
    """Though the call that had added ours was never answered."""
    apply = ApisixConnection.apply

    def apply_and_hear_nothing(*what: Any) -> None:
        apply(*what)
        _hear_nothing()

    session = bench.open(HERE)
    with monkeypatch.context() as patch:
        patch.setattr(ApisixConnection, "apply", apply_and_hear_nothing)
        Drain(bench.worker).serve_one(tuple(Priority))
    bench.serve_for(2)
    apisix.let_in(bench.target.identifier, HERE)
    bench.look()
    bench.end(session)
    bench.serve()
    assert entries() == [HERE]

    again = bench.open(HERE)
    bench.serve_for(60)

    assert status(again) == ("ACTIVE", "APPLIED")
    assert (due_in() or 0) > LEASE_SECONDS, "nothing is expected any more"
    bench.end(again)
    bench.serve_for(45)
    assert entries() == [HERE]


def _remove_one(bench: Bench, apisix: ApisixStandIn, entry: str) -> None:
    """One of those that are spelt so goes."""
    there = apisix.whitelist(bench.target.identifier)
    there.remove(entry)
    apisix.write_whitelist(bench.target.identifier, there)


def _open_beside(bench: Bench, apisix: ApisixStandIn, his: str, *, is_known: bool = True) -> Session:
    """A session whose address somebody else lets in too, since."""
    session = bench.open(HERE)
    bench.serve()
    apisix.let_in(bench.target.identifier, his)
    if is_known:
        bench.look()
    assert status(session) == ("ACTIVE", "APPLIED")
    return session


def _kill_who_revokes(bench: Bench, monkeypatch: pytest.MonkeyPatch, *, has_landed: bool) -> None:
    slot, revoke = new_slot(), ApisixConnection.revoke

    def revoke_and_die(*what: Any) -> None:
        if has_landed:
            revoke(*what)
        raise _Killed

    with monkeypatch.context() as patch, pytest.raises(_Killed):
        patch.setattr(ApisixConnection, "revoke", revoke_and_die)
        Drain(bench.worker, slot=slot).serve_one(tuple(Priority))
    assert abandon([Target], slot) == 1


def _hear_nothing(*_: object) -> NoReturn:
    raise Unreachable("the gateway did not answer")


def _refuse(*_: object) -> NoReturn:
    raise Refused("Unauthorized", "missing admin")
