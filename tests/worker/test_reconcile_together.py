"""Many who open and close at once, and several workers: nobody waits for somebody who waits for him."""

import random
import threading
import time
from collections.abc import Callable

import pytest

from api.claims import claim
from api.database import connection
from api.due import LEASE_SECONDS, Priority
from api.sessions.models import Session
from api.targets.models import Grant, Rule, Target
from tests.rows import fresh
from tests.worker.bench import Bench, bench_at, pass_time, resource_on, status
from tests.worker.made_up_cloud import MadeUpCloud, as_clouds
from tests.worker.reconcile.conftest import MadeUpSite
from worker.drain import Drain

VISITS = 10
ADDRESSES = [f"81.2.69.{last}" for last in range(3)]


@pytest.fixture
def bench(db: str, cloud: MadeUpCloud, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr("worker.turn.CLOUDS", as_clouds(cloud))
    return bench_at(MadeUpSite(cloud))  # type: ignore[arg-type] # it has what these tests use


class Crowd:
    """People who open and close, and workers, each in a thread."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._resources = [bench.resource, *(resource_on(bench.credential, bench.site.target()) for _ in range(2))]
        self._chance = random.Random(6)  # noqa: S311 - hides nothing
        self._is_over = threading.Event()
        self.failures: list[Exception] = []
        self.left: list[Session] = []

    def run(self) -> None:
        visitors = [threading.Thread(target=self._watch, args=(self._come_and_go,)) for _ in range(4)]
        workers = [threading.Thread(target=self._watch, args=(self._work,)) for _ in range(3)]
        for thread in (*visitors, *workers):
            thread.start()
        for thread in visitors:
            thread.join()
        self._is_over.set()
        for thread in workers:
            thread.join()

    def _watch(self, deed: Callable[[], None]) -> None:
        try:
            with connection():
                deed()
        except Exception as error:  # noqa: BLE001 - the test tells it
            self.failures.append(error)

    def _come_and_go(self) -> None:
        for _ in range(VISITS):
            some = self._chance.sample(self._resources, self._chance.randint(1, 3))
            session = self._bench.open(self._chance.choice(ADDRESSES), *some)
            time.sleep(self._chance.uniform(0, 0.05))
            if self._chance.random() < 0.9:
                self._bench.end(session)
            else:
                self.left.append(session)

    def _work(self) -> None:
        drain = Drain(self._bench.worker)
        while not self._is_over.is_set():
            if not drain.serve_one(tuple(Priority)):
                time.sleep(0.01)


def test_those_who_open_and_close_at_once_all_get_what_they_want(bench: Bench, cloud: MadeUpCloud) -> None:
    crowd = Crowd(bench)

    crowd.run()

    assert crowd.failures == []
    bench.serve_for(3)
    assert {fresh(session).status for session in crowd.left} <= {"ACTIVE"}
    for session in crowd.left:
        bench.end(session)
    bench.serve_for(3)
    assert cloud.rules == {}
    assert not Rule.select().exists()
    assert {row.status for row in Grant.select()} == {"REMOVED"}
    assert {row.status for row in Session.select()} == {"CANCELLED"}
    assert not Target.select().where(Target.claim_token.is_null(False) | Target.due_at.is_null(False)).exists()


def test_a_worker_that_was_killed_is_inherited_once(bench: Bench, cloud: MadeUpCloud) -> None:
    session = bench.open()
    assert claim([Target], tuple(Priority))
    assert bench.serve() == 0

    pass_time(LEASE_SECONDS)

    assert bench.serve() == 1
    assert status(session) == ("ACTIVE", "APPLIED")
