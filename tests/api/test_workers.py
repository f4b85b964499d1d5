"""Whether a worker is there."""

from api import workers
from api.database import clock


def test_no_worker_is_there_that_never_said_so(db: str) -> None:
    assert not workers.worker_is_alive()


def test_a_worker_that_says_so_is_there(db: str) -> None:
    workers.beat("one")
    workers.beat("one")

    assert workers.worker_is_alive()


def test_a_worker_that_is_silent_is_missed(db: str) -> None:
    workers.beat("one")
    clock.offset = 16_000_000

    assert not workers.worker_is_alive()


def test_a_worker_that_leaves_is_gone_at_once(db: str) -> None:
    workers.beat("one")
    workers.leave("one")

    assert not workers.worker_is_alive()


def test_one_worker_is_enough(db: str) -> None:
    workers.beat("one")
    workers.beat("two")
    workers.leave("one")

    assert workers.worker_is_alive()
