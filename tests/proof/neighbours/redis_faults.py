"""Redis on its bad days: what may befall it, done to a real Valkey."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from itertools import count

import pytest
import redis

from tests.valkey_server import ValkeyServer, running_valkey

OPTION = "--redis"
# Said of a test that cannot pass otherwise, with the reason.
WELL = "redis_well"
_TOLD_OF_REDIS = {"redis_url", "valkey"}
# One second from kill to kill.
_GONE_SECONDS, _BACK_SECONDS = 0.4, 0.6
_FLUSH_SECONDS = 0.5
_ROOM_BYTES = 4 * 1024 * 1024
_FILLER_BYTES = 64 * 1024


def keep_to_redis(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that have no Redis, and those that need it to be well."""
    kept = [item for item in items if _TOLD_OF_REDIS & set(getattr(item, "fixturenames", ()))]
    kept = [item for item in kept if not item.get_closest_marker(WELL)]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
    items[:] = kept


@contextmanager
def given_valkey(config: pytest.Config) -> Iterator[ValkeyServer]:
    """A Valkey of the caller's own: well, or in the state that `pytest --redis` names."""
    fault = config.getoption(OPTION)
    with running_valkey() as server:
        if fault is None:
            yield server
            return
        with FAULTS[fault](server):
            yield server


@contextmanager
def _refused(server: ValkeyServer) -> Iterator[None]:
    server.kill()
    yield
    server.start()


@contextmanager
def _hung(server: ValkeyServer) -> Iterator[None]:
    server.pause()
    yield
    server.resume()


@contextmanager
def _killed(server: ValkeyServer) -> Iterator[None]:
    def kill_and_start() -> None:
        server.kill()
        time.sleep(_GONE_SECONDS)
        server.start()

    with _again_and_again(kill_and_start, _BACK_SECONDS):
        yield


@contextmanager
def _full(server: ValkeyServer) -> Iterator[None]:
    client = server.client
    client.config_set("maxmemory-policy", "noeviction")
    client.config_set("maxmemory", _used(client) + _ROOM_BYTES)
    try:
        for number in count():
            client.set(f"filler:{number}", os.urandom(_FILLER_BYTES))
    except redis.OutOfMemoryError:
        # What this client held is free when it leaves: that room is taken too.
        client.config_set("maxmemory", _used(client) * 9 // 10)
    yield
    client.config_set("maxmemory", 0)
    client.flushall()


@contextmanager
def _wrong_password(server: ValkeyServer) -> Iterator[None]:
    client, before = server.client, server.password
    client.config_set("requirepass", "what it is now")
    server.password = before or "what it was"
    client.client_kill_filter(_type="normal", skipme=True)  # who was let in before would stay
    yield
    server.password = before
    client.config_set("requirepass", before or "")


@contextmanager
def _flushed(server: ValkeyServer) -> Iterator[None]:
    with _again_and_again(server.client.flushall, _FLUSH_SECONDS):
        yield


FAULTS: Mapping[str, Callable[[ValkeyServer], AbstractContextManager[None]]] = {
    "refused": _refused,
    "hung": _hung,
    "killed": _killed,
    "full": _full,
    "wrong-password": _wrong_password,
    "flushed": _flushed,
}


def _used(client: redis.Redis) -> int:
    return int(client.info("memory")["used_memory"])


@contextmanager
def _again_and_again(action: Callable[[], object], pause_seconds: float) -> Iterator[None]:
    """`action` in a thread of its own, with pauses before and between, until the block ends."""
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(pause_seconds):
            action()

    thread = threading.Thread(target=repeat, name="neighbour")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
