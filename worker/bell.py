"""Listening for the doorbell: an RQ worker for which there is one job, and that job says "look".

Whoever can write to Redis can put any job there. So a job's own words are not followed: nothing is imported by name,
no callback, webhook or retry of its is kept, and no command from Redis is taken. The worst that a forged job does is a
look.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import redis
from rq import Queue, SimpleWorker, worker_registration
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.timeouts import BaseDeathPenalty

from api.notify import KEPT_SECONDS, QUEUE_NAME, RING, redis_client

# RQ waits `worker_ttl` - 15 s for a job and 10 s more for Redis to answer, so this is 5 s and 15 s.
_WORKER_TTL_SECONDS = 20
_LONGEST_JOB_SECONDS = 10
_LONGEST_PAUSE_SECONDS = 3.0
_SILENCE_SECONDS = 8
# A ring has about 30 bytes; what is packed in a forged job could be of any size.
_LONGEST_DATA_BYTES = 256
_THE_RING: tuple[object, ...] = (RING, None, [], {})

_log = logging.getLogger(__name__)


class ForgedJobError(Exception):
    """A job that is not the ring."""


class Ring(Job):
    """A job read from Redis, of which only its data counts; and only if it is the ring."""

    def restore(self, raw_data: Mapping[bytes, bytes]) -> None:
        """Take over the data. Callbacks, webhooks, retries, dependencies, time limits and the rest are left behind."""
        data = raw_data.get(b"data", b"")
        super().restore({b"data": data} if len(data) <= _LONGEST_DATA_BYTES else {})
        self.origin = QUEUE_NAME
        self.timeout = _LONGEST_JOB_SECONDS
        self.result_ttl = 0
        self.failure_ttl = KEPT_SECONDS

    def perform(self) -> None:
        """Nothing is done here: the worker looks after each job."""
        if (self.func_name, self.instance, self.args, self.kwargs) != _THE_RING:
            raise ForgedJobError

    @property
    def func(self) -> None:
        """RQ would import it by its name."""
        return


class _NoTimeLimit(BaseDeathPenalty):
    """RQ's own needs the main thread's alarm; a ring takes no time."""

    def setup_death_penalty(self) -> None:
        return

    def cancel_death_penalty(self) -> None:
        return


class _BellWorker(SimpleWorker):
    """Calls `look` for each ring. Lives in a thread, so it leaves signals alone."""

    death_penalty_class = _NoTimeLimit
    job_class = Ring
    max_connection_wait_time = _LONGEST_PAUSE_SECONDS

    def __init__(self, client: redis.Redis, look: Callable[[], None], heard: Callable[[], None]) -> None:
        super().__init__(
            QUEUE_NAME,
            connection=client,
            serializer=JSONSerializer,
            worker_ttl=_WORKER_TTL_SECONDS,
            log_job_description=False,
        )
        self._look = look
        self._heard = heard

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Look first: RQ's bookkeeping takes 20 round trips."""
        self._look()
        super().execute_job(job, queue)

    def heartbeat(self, *args: Any, **kwargs: Any) -> None:
        super().heartbeat(*args, **kwargs)
        self._heard()

    def handle_exception(self, job: Job, *_: Any) -> None:
        """RQ would log the job's own words."""
        _log.warning("a job in Redis was not a ring: somebody else writes to it")

    def run_maintenance_tasks(self) -> None:
        """Forget what dead workers left. RQ's own way runs the callbacks of their jobs."""
        for queue in self.queues:
            worker_registration.clean_worker_registry(queue)
            self.connection.delete(queue.started_job_registry.key, queue.intermediate_queue_key)
        self.last_cleaned_at = datetime.now(UTC)  # type: ignore[assignment] # RQ declares it as None

    def subscribe(self) -> None:
        """Take no commands: RQ's can stop a worker, and come from whoever can write to Redis."""

    def unsubscribe(self) -> None:
        """There is nothing to end."""

    def _install_signal_handlers(self) -> None:
        """Signals are the main thread's."""


class Listener:
    """Listens in a thread of its own, for as long as the process lives, whatever becomes of Redis."""

    def __init__(self, redis_url: str, look: Callable[[], None]) -> None:
        self._url = redis_url
        self._look = look
        self._heard_at: float | None = None
        self._was_well = True

    def start(self) -> None:
        # RQ writes an error each second while Redis is away; `_listen` says it once.
        for name in ("rq.worker", "rq.job", "rq.queue"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        threading.Thread(target=self._listen, name="bell", daemon=True).start()

    @property
    def is_well(self) -> bool:
        """Rings can be heard, as far as is known."""
        return self._heard_at is not None and time.monotonic() - self._heard_at < _SILENCE_SECONDS

    def _listen(self) -> None:
        while True:
            try:
                client = redis_client(self._url, timeout_seconds=None)
                _BellWorker(client, self._look, self._heard).work(logging_level="CRITICAL")
            except Exception as error:  # noqa: BLE001 - RQ lets through whatever Redis made it stumble over; the bell stays
                if self._was_well:
                    _log.warning("no rings are heard (%s); looking every half second instead", type(error).__name__)
                self._was_well = False
            self._heard_at = None
            time.sleep(1)

    def _heard(self) -> None:
        """Redis has taken a heartbeat: that it can be read is not enough, since a full one can."""
        if not self._was_well:
            _log.info("rings are heard again")
        self._was_well = True
        self._heard_at = time.monotonic()
