"""Counts requests in Redis, for all processes, and in this process too, so that losing Redis loses no limit.

What flask-limiter does itself when its storage fails will not do: it takes any error for a lost storage, our own
refusal among them, then counts from nothing, and lets a request wait at each look whether the storage is back.
"""

import logging
import threading
import time
from dataclasses import dataclass
from typing import Any

import redis
from limits.storage import Storage
from redis.backoff import NoBackoff
from redis.retry import Retry

SCHEME = "entryguard"
# A request waits that long for a Redis that hangs, once; healthy, it answers in less than a millisecond.
TIMEOUT_SECONDS = 0.04
_LOOK_SECONDS = 0.5
_KEYS_AT_MOST = 50_000
_PROBE = "entryguard:probe"
# One step for Redis, so that no count is left without an end. Answers the count and its end in milliseconds.
_COUNT = """
local count = redis.call('INCRBY', KEYS[1], ARGV[2])
if count == tonumber(ARGV[2]) then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}
"""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Count:
    """How often this process has counted, and all as far as it knows, until when (seconds since the epoch)."""

    own: int
    all: int
    ends_at: float

    @property
    def number(self) -> int:
        return max(self.own, self.all)


class Counters(Storage):
    """What flask-limiter counts in, under `entryguard:<Redis URL>`. It always answers."""

    STORAGE_SCHEME = [SCHEME]

    def __init__(self, uri: str, **options: Any) -> None:
        super().__init__(uri, **options)
        client = redis.Redis.from_url(
            uri.removeprefix(f"{SCHEME}:"),
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._client = client
        self._count_in_redis = client.register_script(_COUNT)
        self._counts: dict[str, _Count] = {}
        self._lock = threading.Lock()
        self._is_away = False

    @property
    def base_exceptions(self) -> type[Exception]:
        return redis.RedisError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count `amount` more under `key`, for `expiry` seconds from the first on. Answers the count.

        An emptied Redis counts from nothing again: so never less than what this process has counted itself.
        """
        before = self._standing(key)
        # What was counted here before this began: with others under way at once, an intact Redis never knows less.
        least = (before.own if before else 0) + amount
        shared = None if self._is_away else self._counted_in_redis(key, expiry, amount)
        with self._lock:
            count = self._standing(key) or _Count(0, 0, time.time() + expiry)
            count.own += amount
            self._counts[key] = count
            self._make_room()
            if shared is None:
                count.all += amount
                return count.number
            number, ends_at = shared
            if number >= least:
                count.all, count.ends_at = max(count.all, number), ends_at
            else:
                count.all = number
            return max(number, least)

    def get(self, key: str) -> int:
        """The count, as `incr` answered it last in this process."""
        count = self._standing(key)
        return count.number if count else 0

    def get_expiry(self, key: str) -> float:
        """When the count ends, in seconds since the epoch."""
        count = self._standing(key)
        return count.ends_at if count else time.time()

    def check(self) -> bool:
        """Whether all processes count together."""
        return not self._is_away

    def reset(self) -> None:
        """Forget what this process has counted."""
        with self._lock:
            self._counts.clear()

    def clear(self, key: str) -> None:
        """Forget one count of this process."""
        with self._lock:
            self._counts.pop(key, None)

    def _counted_in_redis(self, key: str, expiry: int, amount: int) -> tuple[int, float] | None:
        """The count of all processes and when it ends."""
        try:
            number, left = self._count_in_redis([key], [expiry, amount])
        except redis.RedisError as error:
            self._note_absence(type(error).__name__)
            return None
        return int(number), time.time() + max(0, int(left)) / 1000

    def _note_absence(self, reason: str) -> None:
        with self._lock:
            if self._is_away:
                return
            self._is_away = True
        _log.warning("Redis does not count requests (%s); each process limits by what it counts itself", reason)
        threading.Thread(target=self._wait_for_redis, name="limits", daemon=True).start()

    def _wait_for_redis(self) -> None:
        """Here, so that no request waits to find out."""
        while self._is_away:
            time.sleep(_LOOK_SECONDS)
            try:
                # A full Redis answers a PING too.
                self._count_in_redis([_PROBE], [1, 0])
            except redis.RedisError:
                continue
            _log.info("Redis counts requests again")
            self._is_away = False

    def _standing(self, key: str) -> _Count | None:
        count = self._counts.get(key)
        return count if count and count.ends_at > time.time() else None

    def _make_room(self) -> None:
        """Forget what has ended, and then what ends soonest: many addresses must not fill the memory."""
        if len(self._counts) <= _KEYS_AT_MOST:
            return
        lasting = sorted(self._counts.items(), key=lambda entry: entry[1].ends_at)[-_KEYS_AT_MOST // 2 :]
        moment = time.time()
        self._counts = {key: count for key, count in lasting if count.ends_at > moment}
