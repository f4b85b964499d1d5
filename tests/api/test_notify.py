"""The doorbell: it reaches the workers when it can, and costs whoever rings nothing when it cannot."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from rq import Queue
from rq.serializers import JSONSerializer

from api import notify
from api.accounts.models import Organisation
from api.database import after_commit, write
from api.notify import QUEUE_NAME, RING, Bell, redis_client
from tests.eventually import eventually
from tests.rows import make_organisation
from tests.valkey_server import ValkeyServer, running_valkey


@pytest.fixture
def server() -> Iterator[ValkeyServer]:
    """A Valkey of this test's own, to be killed and paused."""
    with running_valkey() as server:
        yield server


@pytest.fixture
def bell(server: ValkeyServer) -> Bell:
    return Bell(redis_client(server.url))


def queue(server: ValkeyServer) -> Queue:
    return Queue(QUEUE_NAME, connection=server.client, serializer=JSONSerializer)


def seconds_of(action: Callable[[], object]) -> float:
    began = time.monotonic()
    action()
    return time.monotonic() - began


def test_a_ring_is_a_job_that_says_look_and_nothing_else(server: ValkeyServer, bell: Bell) -> None:
    bell.ring()

    assert eventually(lambda: queue(server).count == 1)
    [job] = queue(server).jobs
    assert (job.func_name, job.args, job.kwargs) == (RING, [], {})


def test_rings_that_come_together_become_few(server: ValkeyServer, bell: Bell) -> None:
    for _ in range(200):
        bell.ring()
    time.sleep(0.5)

    assert 1 <= queue(server).count <= 16


def test_rings_that_nobody_hears_do_not_pile_up(server: ValkeyServer, bell: Bell) -> None:
    for _ in range(40):
        assert bell.ring_now()

    assert queue(server).count == 16


def test_a_ring_leaves_nothing_behind_that_stays(server: ValkeyServer, bell: Bell) -> None:
    bell.ring_now()

    [key] = server.client.keys("rq:job:*")
    assert 0 < server.client.ttl(key) <= 60


@pytest.mark.parametrize("trouble", [ValkeyServer.kill, ValkeyServer.pause])
def test_ringing_costs_nothing_while_redis_is_away(
    server: ValkeyServer, bell: Bell, trouble: Callable[[ValkeyServer], None]
) -> None:
    bell.ring()
    trouble(server)

    assert max(seconds_of(bell.ring) for _ in range(50)) < 0.05


@pytest.mark.parametrize("trouble", [ValkeyServer.kill, ValkeyServer.pause])
def test_a_ring_gives_up_on_redis_soon(
    server: ValkeyServer, bell: Bell, trouble: Callable[[ValkeyServer], None]
) -> None:
    bell.ring_now()
    trouble(server)

    assert seconds_of(bell.ring_now) < 1
    assert not bell.ring_now()


def test_rings_arrive_again_when_redis_is_back(server: ValkeyServer, bell: Bell) -> None:
    server.kill()
    bell.ring()
    time.sleep(0.5)
    server.start()
    bell.ring()

    assert eventually(lambda: queue(server).count >= 1)


def test_an_absent_redis_is_logged_once(server: ValkeyServer, bell: Bell, caplog: pytest.LogCaptureFixture) -> None:
    server.kill()
    for _ in range(5):
        bell.ring_now()

    assert len(caplog.records) == 1


def test_a_doorbell_whose_thread_died_gets_another(server: ValkeyServer, bell: Bell) -> None:
    bell._thread = threading.Thread(target=lambda: None)
    bell._thread.start()
    bell._thread.join()

    bell.ring()

    assert eventually(lambda: queue(server).count == 1)


def test_a_doorbell_that_is_replaced_leaves_no_thread(server: ValkeyServer) -> None:
    before = set(threading.enumerate())
    for _ in range(3):
        notify.use(server.url)
        notify.ring()
    notify.use(server.url)

    assert eventually(lambda: set(threading.enumerate()) <= before)


@pytest.mark.usefixtures("db")
def test_a_transaction_that_fails_rings_nothing(server: ValkeyServer, bell: Bell) -> None:
    with pytest.raises(LookupError), write():
        make_organisation()
        after_commit(bell.ring)
        raise LookupError
    time.sleep(0.3)

    assert queue(server).count == 0
    assert Organisation.select().count() == 0
