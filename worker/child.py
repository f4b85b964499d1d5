"""One process that serves what is due, until it is told to end or has served long enough."""

import logging
import os
import random
import socket
import time

from api import workers
from api.database import AWAY, connection
from api.process import end_when_told
from api.settings import Settings
from api.start import start
from worker.bell import Listener
from worker.desk import desk_for
from worker.drain import THREADS, Drain

# Long-lived children are replaced, whatever the SDKs they carry may leak.
_MOST_SERVED = 1000
_LONGEST_LIFE_SECONDS = 15 * 60
_TICK_SECONDS = 0.5
_STOP_SECONDS = 8
_LAST_TASK_SECONDS = 120
# Where rings are heard the sweeper rings for what was missed, so looking by oneself is the third way.
_LOOK_SECONDS = 2.0
_LOOK_SECONDS_WITHOUT_BELL = 0.5

_log = logging.getLogger(__name__)


class Child:
    """Made after the fork: its connections, threads and opened secrets are its own."""

    def __init__(self, settings: Settings, slot: int) -> None:
        # Two more than the threads: the leases, and the heartbeat.
        vault = start(settings, THREADS + 2)
        self._drain = Drain(desk_for(settings, vault), _LOOK_SECONDS_WITHOUT_BELL, slot)
        self._bell = Listener(settings.redis_url, self._drain.look)
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        # Two children that were started together are not replaced together.
        self._life_seconds = _LONGEST_LIFE_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311 - hides nothing
        self._is_told_to_end = False

    def run(self) -> int:
        """Serve; the exit code is 0 where the child ends by itself or because it was told to."""
        end_when_told(self._end)
        self._drain.start()
        self._bell.start()
        born = time.monotonic()
        beaten = born - workers.BEAT_SECONDS
        while not self._is_told_to_end:
            if self._drain.has_lost_a_thread:
                return 1
            if self._drain.served >= _MOST_SERVED or time.monotonic() - born > self._life_seconds:
                return self._retire()
            self._drain.look_seconds = _LOOK_SECONDS if self._bell.is_well else _LOOK_SECONDS_WITHOUT_BELL
            if time.monotonic() - beaten >= workers.BEAT_SECONDS and self._beat():
                beaten = time.monotonic()
            self._keep_leases()
            time.sleep(_TICK_SECONDS)
        return self._stop()

    def _end(self) -> None:
        self._is_told_to_end = True

    def _retire(self) -> int:
        self._drain.close()
        self._finish(_LAST_TASK_SECONDS, is_stopping=False)
        if self._is_told_to_end:
            return self._stop()
        self._leave()
        return 0

    def _stop(self) -> int:
        self._drain.stop()
        self._finish(_STOP_SECONDS, is_stopping=True)
        self._leave()
        return 0

    def _finish(self, seconds: float, *, is_stopping: bool) -> None:
        """Wait for the threads; a call that takes longer is left, and whoever takes the row over looks at it twice.

        Ends at once when told to end, unless that is why it is called.
        """
        deadline = time.monotonic() + seconds
        while self._drain.is_running and time.monotonic() < deadline and self._is_told_to_end == is_stopping:
            self._keep_leases()
            time.sleep(_TICK_SECONDS / 5)

    def _keep_leases(self) -> None:
        try:
            self._drain.keep_leases()
        except AWAY as error:
            _log.warning("leases were not renewed (%s)", type(error).__name__)

    def _beat(self) -> bool:
        try:
            with connection():
                workers.beat(self._name)
        except AWAY as error:
            _log.warning("the heartbeat was not written (%s)", type(error).__name__)
            return False
        return True

    def _leave(self) -> None:
        try:
            with connection():
                workers.leave(self._name)
        except AWAY:
            return  # it is missed after some seconds anyway
