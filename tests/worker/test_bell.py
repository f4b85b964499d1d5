"""Listening for the doorbell: it wakes the worker, survives Redis, and follows no job but the ring."""

import functools
import json
import logging
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rq import Callback, Queue
from rq.command import send_shutdown_command
from rq.serializers import DefaultSerializer, JSONSerializer

from api.notify import QUEUE_NAME, Bell, redis_client
from tests.eventually import eventually
from tests.valkey_server import ValkeyServer, running_valkey
from worker.bell import Listener


class Looks:
    """Counts how often it was told to look."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1

    def has_reached(self, count: int) -> bool:
        return self.count == count


@pytest.fixture
def server() -> Iterator[ValkeyServer]:
    """A Valkey of this test's own, to be killed, paused and written to."""
    with running_valkey() as server:
        yield server


@pytest.fixture
def looks() -> Looks:
    return Looks()


@pytest.fixture
def listener(server: ValkeyServer, looks: Looks) -> Listener:
    made = Listener(server.url, looks)
    made.start()
    assert eventually(lambda: bool(server.client.keys("rq:worker:*")))
    return made


def ring(server: ValkeyServer) -> None:
    assert Bell(redis_client(server.url)).ring_now()


def enqueue_forged(server: ValkeyServer, data: object, **hash_fields: str) -> None:
    """A job as somebody writes it into Redis by hand."""
    written = data if isinstance(data, bytes) else json.dumps(data).encode()
    mapping: Any = {"data": zlib.compress(written), "origin": QUEUE_NAME, **hash_fields}
    server.client.hset("rq:job:forged", mapping=mapping)
    server.client.rpush(f"rq:queue:{QUEUE_NAME}", "forged")


@pytest.mark.usefixtures("listener")
def test_a_ring_makes_the_worker_look(server: ValkeyServer, looks: Looks) -> None:
    ring(server)

    assert eventually(lambda: looks.count == 1)


@pytest.mark.usefixtures("listener")
def test_a_ring_is_heard_within_milliseconds(server: ValkeyServer, looks: Looks) -> None:
    times = []
    for number in range(1, 11):
        began = time.monotonic()
        ring(server)
        assert eventually(functools.partial(looks.has_reached, number))
        times.append(time.monotonic() - began)

    assert sorted(times)[5] < 0.2


@pytest.mark.usefixtures("listener")
def test_nothing_is_left_of_a_ring(server: ValkeyServer, looks: Looks) -> None:
    ring(server)
    assert eventually(lambda: looks.count == 1)

    assert eventually(lambda: not server.client.keys("rq:job:*"))


def test_rings_are_heard_again_after_redis_was_killed(server: ValkeyServer, looks: Looks, listener: Listener) -> None:
    server.kill()
    time.sleep(0.5)
    server.start()

    def is_heard() -> bool:
        ring(server)
        return looks.count > 0

    assert eventually(is_heard, seconds=15)
    assert listener.is_well


def test_rings_are_heard_after_redis_was_flushed(server: ValkeyServer, looks: Looks, listener: Listener) -> None:
    server.client.flushall()

    ring(server)

    assert eventually(lambda: looks.count == 1)


def test_a_redis_that_is_away_is_noticed(server: ValkeyServer, listener: Listener) -> None:
    assert eventually(lambda: listener.is_well)

    server.kill()

    assert eventually(lambda: not listener.is_well, seconds=15)


def test_a_redis_that_hangs_is_noticed(server: ValkeyServer, listener: Listener) -> None:
    assert eventually(lambda: listener.is_well)

    server.pause()

    assert eventually(lambda: not listener.is_well, seconds=15)


def test_a_full_redis_is_noticed_and_told_of_once(
    server: ValkeyServer, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    assert eventually(lambda: listener.is_well)
    with caplog.at_level(logging.INFO, "worker.bell"):
        server.client.config_set("maxmemory", "1")
        assert eventually(lambda: not listener.is_well, seconds=20)
        time.sleep(3)
        assert not listener.is_well
        said_while_full = [record.message for record in caplog.records]
        server.client.config_set("maxmemory", "0")
        assert eventually(lambda: "rings are heard again" in caplog.text)

    assert len(said_while_full) == 1 and "no rings are heard" in said_while_full[0]


def test_a_listener_starts_without_redis(server: ValkeyServer, looks: Looks) -> None:
    server.kill()
    listener = Listener(server.url, looks)
    listener.start()
    time.sleep(0.5)

    assert not listener.is_well


@pytest.mark.usefixtures("listener")
def test_a_forged_job_runs_nothing(server: ValkeyServer, looks: Looks, tmp_path: Path) -> None:
    proof = tmp_path / "proof"

    enqueue_forged(server, ["os.system", None, [f"touch {proof}"], {}])

    assert eventually(lambda: looks.count == 1)
    ring(server)
    assert eventually(lambda: looks.count == 2), "and the listener goes on"
    assert not proof.exists()


@pytest.mark.usefixtures("listener")
@pytest.mark.parametrize(
    "data",
    [
        ["look", None, ["an argument"], {}],
        ["look", None, [], {"a": 1}],
        ["look", "builtins.object", [], {}],
        ["look"],
        {"look": 1},
        "look",
        None,
        b"\\x80\\x04not json",
        b"look" * 100_000,
    ],
)
def test_a_malformed_job_runs_nothing_and_stops_nobody(server: ValkeyServer, looks: Looks, data: object) -> None:
    enqueue_forged(server, data)

    ring(server)

    assert eventually(lambda: looks.count >= 1)
    assert eventually(lambda: server.client.llen(f"rq:queue:{QUEUE_NAME}") == 0)


@pytest.mark.usefixtures("listener")
def test_a_pickled_job_is_not_unpickled(server: ValkeyServer, looks: Looks, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    Queue(QUEUE_NAME, connection=server.client, serializer=DefaultSerializer).enqueue("os.mkdir", str(proof))

    assert eventually(lambda: looks.count == 1)
    time.sleep(0.2)
    assert not proof.exists()


@pytest.mark.usefixtures("listener")
def test_the_callbacks_of_a_ring_are_not_called(server: ValkeyServer, looks: Looks, tmp_path: Path) -> None:
    callback = Callback("tests.worker.test_bell.betray")
    queue = Queue(QUEUE_NAME, connection=server.client, serializer=JSONSerializer)
    queue.enqueue("look", on_success=callback, on_failure=callback, on_stopped=callback)
    queue.enqueue("forged", on_success=callback, on_failure=callback, on_stopped=callback)

    assert eventually(lambda: looks.count == 2)
    time.sleep(0.2)
    assert not betrayed.is_set()


betrayed = threading.Event()


def betray(*_: object) -> None:
    betrayed.set()


@pytest.mark.usefixtures("listener")
@pytest.mark.parametrize(
    "fields",
    [
        {"timeout": "nonsense"},
        {"created_at": "nonsense"},
        {"status": "nonsense"},
        {"retries_left": "5", "retry_intervals": "[0]"},
        {"repeats_left": "1000", "repeat_intervals": "[0]"},
        {"webhooks": json.dumps([{"url": "http://127.0.0.1:9/", "job_status": "failed"}])},
        {"failure_callback_name": "tests.worker.test_bell.betray", "failure_callback_timeout": "1"},
    ],
)
def test_what_stands_beside_a_jobs_data_is_not_followed(
    server: ValkeyServer, looks: Looks, fields: dict[str, str]
) -> None:
    enqueue_forged(server, ["forged", None, [], {}], **fields)

    assert eventually(lambda: looks.count == 1)
    time.sleep(0.3)
    assert looks.count == 1, "no retry and no repetition"
    assert server.client.llen(f"rq:queue:{QUEUE_NAME}") == 0
    assert not betrayed.is_set()


@pytest.mark.usefixtures("listener")
def test_an_abandoned_forged_job_is_forgotten_and_not_called(server: ValkeyServer, looks: Looks) -> None:
    mapping: Any = {"data": "[]", "failure_callback_name": "tests.worker.test_bell.betray"}
    server.client.hset("rq:job:forged", mapping=mapping)
    server.client.zadd(f"rq:wip:{QUEUE_NAME}", {"forged:execution": 1})

    another = Listener(server.url, looks)  # cleans up when it starts
    another.start()

    assert eventually(lambda: server.client.zcard(f"rq:wip:{QUEUE_NAME}") == 0)
    assert not betrayed.is_set()


def test_a_shutdown_command_from_redis_is_not_taken(server: ValkeyServer, looks: Looks, listener: Listener) -> None:
    keys: Any = server.client.keys("rq:worker:*")
    for key in keys:
        send_shutdown_command(server.client, key.decode().removeprefix("rq:worker:"))
    time.sleep(0.3)
    ring(server)

    assert eventually(lambda: looks.count == 1)


@pytest.mark.usefixtures("listener")
def test_a_forged_job_is_told_of_without_its_own_words(
    server: ValkeyServer, looks: Looks, caplog: pytest.LogCaptureFixture
) -> None:
    enqueue_forged(server, ["forged\\nWARNING all is well", None, [], {}])
    assert eventually(lambda: looks.count == 1)

    assert eventually(lambda: "was not a ring" in caplog.text)
    assert "all is well" not in caplog.text
