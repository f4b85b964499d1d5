"""The doorbell: tells the workers through Redis that something is due.

A ring says only "look", so it may be lost, doubled or late. It is sent by a thread of its own: whoever rings waits for
nothing, and rings that come while one is under way become one.
"""

import logging
import os
import threading

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer

QUEUE_NAME = "entryguard"
RING = "look"
TIMEOUT_SECONDS = 0.25
# RQ keeps a job's arguments and result for a year unless told otherwise; there is nothing in a ring worth keeping.
KEPT_SECONDS = 60
# More rings than that waiting tell nobody anything new; without workers they would only pile up.
_MOST_WAITING = 16

_log = logging.getLogger(__name__)


def redis_client(url: str, timeout_seconds: float | None = TIMEOUT_SECONDS) -> redis.Redis:
    """A client that answers within `timeout_seconds` or raises; redis-py's own default may try for 40 s.

    None waits without end for a reply (a worker's blocking read), never for a connection.
    """
    return redis.Redis.from_url(
        url,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
    )


class Bell:
    """Rings in the background, once for all who asked meanwhile."""

    def __init__(self, client: redis.Redis) -> None:
        self._queue = Queue(QUEUE_NAME, connection=client, serializer=JSONSerializer)
        self._asked = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._is_heard = True
        self._is_closed = False

    def ring(self) -> None:
        """Ask for a ring; returns at once."""
        self._asked.set()
        if self._owner == os.getpid() and self._thread is not None and self._thread.is_alive():
            return
        try:
            self._start()
        except RuntimeError:
            _log.warning("no thread for the doorbell; the workers will look by themselves")

    def ring_now(self) -> bool:
        """Ring, and tell whether Redis took it."""
        try:
            if self._queue.count < _MOST_WAITING:
                self._queue.enqueue(RING, result_ttl=0, failure_ttl=KEPT_SECONDS, ttl=KEPT_SECONDS)
        except redis.RedisError as error:
            if self._is_heard:
                _log.warning("Redis takes no rings (%s); the workers look by themselves", type(error).__name__)
            self._is_heard = False
            return False
        if not self._is_heard:
            _log.info("Redis takes rings again")
        self._is_heard = True
        return True

    def _start(self) -> None:
        if self._owner != os.getpid():  # a forked child has the object without the thread, and perhaps with a held lock
            self._owner, self._lock, self._thread = os.getpid(), threading.Lock(), None
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._serve, name="doorbell", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """End the thread; returns at once. A ring that was still to come is lost, as any may be."""
        self._is_closed = True
        self._asked.set()

    def _serve(self) -> None:
        while self._asked.wait() and not self._is_closed:
            self._asked.clear()
            self.ring_now()


_bell: Bell | None = None


def use(redis_url: str) -> None:
    """Say which Redis this process rings through."""
    global _bell  # noqa: PLW0603 - one doorbell a process, like its database
    if _bell is not None:
        _bell.close()
    _bell = Bell(redis_client(redis_url))


def ring() -> None:
    """Tell the workers to look. Never raises and never waits; without `use`, as in a command, nothing is rung."""
    if _bell is not None:
        _bell.ring()
