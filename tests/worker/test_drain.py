"""Draining: threads that wake each other, leases, and what happens to rows when something goes wrong."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from api import due
from api.claims import claim
from api.credentials.models import Credential
from api.database import database, write
from api.due import LEASE_SECONDS, LostClaim, Priority
from tests.databases import administer
from tests.eventually import eventually
from tests.rows import fresh, make_due, make_organisation
from tests.worker.conftest import Worker
from tests.worker.made_up_cloud import MadeUpCloud, slow
from worker.drain import Drain
from worker.lease import Lease, Stopping

# So long that a thread which looks was woken.
NEVER = 60.0


@pytest.fixture
def drain(worker: Worker) -> Iterator[Drain]:
    made = Drain(worker.verifier, look_seconds=NEVER)
    yield made
    made.stop()
    assert eventually(lambda: not made.is_running)


def all_valid() -> bool:
    return not Credential.select().where(Credential.is_valid.is_null()).exists()


def test_what_is_due_at_the_start_is_served(worker: Worker, drain: Drain) -> None:
    for _ in range(5):
        worker.add_credential()

    drain.start()

    assert eventually(all_valid)


def test_a_look_wakes_the_threads(worker: Worker, drain: Drain) -> None:
    drain.start()
    time.sleep(0.2)
    worker.add_credential()

    drain.look()

    assert eventually(all_valid, seconds=2)


def test_threads_look_by_themselves_when_nobody_rings(worker: Worker, drain: Drain) -> None:
    drain.look_seconds = 0.2
    drain.start()
    time.sleep(0.3)
    worker.add_credential()

    assert eventually(all_valid, seconds=2)


def test_a_thread_that_found_work_wakes_the_next(worker: Worker, cloud: MadeUpCloud, drain: Drain) -> None:
    drain.start()
    time.sleep(0.2)
    both = threading.Barrier(2, timeout=5)
    for key in ("first key", "second key"):
        cloud.answers[key] = both.wait
        worker.add_credential(key)

    drain.look()

    assert eventually(all_valid), "the two calls wait for each other, so one thread alone cannot end them"


def test_slots_are_kept_for_revoking(worker: Worker, cloud: MadeUpCloud, drain: Drain) -> None:
    cloud.answers["slow key"] = slow(2)
    for _ in range(4):
        worker.add_credential("slow key", organisation=make_organisation())
    drain.start()
    assert eventually(lambda: cloud.calls["slow key"] == 2)
    urgent = worker.add_credential("urgent key")
    make_due(urgent, priority=Priority.REVOKE)

    drain.look()

    assert eventually(lambda: fresh(urgent).is_valid is True, seconds=1)


def test_a_row_that_cannot_be_served_is_tried_again_later_and_never_in_a_hot_loop(
    worker: Worker, cloud: MadeUpCloud, drain: Drain
) -> None:
    drain.look_seconds = 0.05
    cloud.answers["good key"] = RuntimeError("a bug")
    worker.add_credential()

    drain.start()
    time.sleep(2.5)

    assert 2 <= cloud.calls["good key"] <= 4


def test_threads_survive_a_database_that_is_away(
    worker: Worker, drain: Drain, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    drain.look_seconds = 0.1
    pool = database.obj
    with monkeypatch.context() as broken:
        broken.setattr(pool, "_max_connections", 1)  # the test itself holds it
        broken.setattr(pool, "_wait_timeout", 0.01)
        drain.start()
        assert eventually(lambda: "nothing can be served: MaxConnectionsExceeded" in caplog.text)
    worker.add_credential()

    assert eventually(all_valid)
    assert not drain.has_lost_a_thread


@pytest.mark.engines("postgresql")
def test_a_row_whose_worker_lost_the_database_waits_for_no_lease(
    worker: Worker, cloud: MadeUpCloud, drain: Drain, db: str
) -> None:
    def cut_own_connection() -> None:
        own = database.execute_sql("SELECT pg_backend_pid()").fetchone()[0]
        administer(db, f"SELECT pg_terminate_backend({own})")
        del cloud.answers["good key"]

    cloud.answers["good key"] = cut_own_connection
    worker.add_credential()

    drain.start()

    assert eventually(all_valid, seconds=8)
    assert cloud.calls["good key"] == 2


def test_a_drain_that_is_closed_finishes_what_it_began(worker: Worker, cloud: MadeUpCloud, drain: Drain) -> None:
    cloud.answers["slow key"] = slow(0.5)
    begun = worker.add_credential("slow key")
    drain.start()
    assert eventually(lambda: cloud.calls["slow key"] == 1)

    drain.close()
    later = worker.add_credential("other key")

    assert eventually(lambda: not drain.is_running)
    assert fresh(begun).is_valid is True
    assert fresh(later).is_valid is None


def test_leases_are_renewed_during_a_long_call(worker: Worker, cloud: MadeUpCloud, drain: Drain) -> None:
    cloud.answers["slow key"] = slow(1)
    credential = worker.add_credential("slow key")
    drain.start()
    assert eventually(lambda: cloud.calls["slow key"] == 1)
    before = fresh(credential).claimed_until
    [lease] = drain._leases.values()
    lease._until -= LEASE_SECONDS / 2 + 1

    drain.keep_leases()

    assert fresh(credential).claimed_until > before
    assert eventually(all_valid)


@pytest.fixture
def lease(worker: Worker) -> Lease:
    worker.add_credential()
    claimed_at = time.monotonic()
    taken = claim([Credential], tuple(Priority))
    assert taken is not None
    return Lease(taken, claimed_at, threading.Event())


def test_a_fresh_lease_lets_a_call_start_without_asking_the_database(lease: Lease) -> None:
    before = fresh(Credential.get()).claimed_until

    lease.check()

    assert fresh(Credential.get()).claimed_until == before


def test_a_lease_is_renewed_when_half_of_it_is_over(lease: Lease) -> None:
    before = fresh(Credential.get()).claimed_until
    lease._until -= LEASE_SECONDS / 2 + 1

    lease.check()

    assert fresh(Credential.get()).claimed_until > before
    assert lease._until - time.monotonic() > LEASE_SECONDS - 1


def test_no_call_starts_when_a_lease_has_run_out(lease: Lease) -> None:
    lease._until = time.monotonic()

    with pytest.raises(LostClaim):
        lease.check()


def test_no_call_starts_when_somebody_took_over(lease: Lease, pass_time: Callable[[float], None]) -> None:
    pass_time(LEASE_SECONDS + 1)
    assert claim([Credential], tuple(Priority)) is not None
    lease._until -= LEASE_SECONDS / 2 + 1

    with pytest.raises(LostClaim):
        lease.check()


def test_no_call_starts_when_the_process_ends(lease: Lease) -> None:
    lease._stopping.set()

    with pytest.raises(Stopping):
        lease.check()


def test_what_waits_for_a_call_is_given_back_when_the_process_ends(worker: Worker) -> None:
    credential = worker.add_credential()
    drain = Drain(worker.verifier)
    drain.stop()

    assert drain.serve_one(tuple(Priority))

    row = fresh(credential)
    assert (row.claim_token, row.claimed_until, row.is_valid, row.attempts) == (None, None, None, 0)
    assert claim([Credential], tuple(Priority)) is not None


def test_a_claim_that_was_lost_during_a_call_records_nothing(
    worker: Worker, cloud: MadeUpCloud, pass_time: Callable[[float], None]
) -> None:
    credential = worker.add_credential()

    def lose() -> None:
        pass_time(LEASE_SECONDS + 1)
        heir = claim([Credential], tuple(Priority))
        assert heir is not None
        assert heir.inherited
        with write():
            due.settle(heir, {"verification_error": "the heir's"}, None)

    cloud.answers["good key"] = lose
    worker.serve_one()

    assert fresh(credential).verification_error == "the heir's"
    assert fresh(credential).is_valid is None
