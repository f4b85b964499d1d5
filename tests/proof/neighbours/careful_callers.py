"""Callers who repeat what was not answered, under one Idempotency-Key, and keep account of what they were told."""

import itertools
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from tests.clouds.aws_standin import Key
from tests.proof.neighbours.site import Answer, Site, aws_credential

# As many as the server has threads.
_CALLERS = 8
_AGAIN_SECONDS = 0.2
# The worker has to look at what they make.
_PAUSE_SECONDS = 0.3
LONGEST_SECONDS = 10
_ERROR_FIELDS = {"error", "message", "timestamp", "requestId"}


class CarefulCallers:
    """They create, read, change and delete credentials until told to stop, and end what they have begun."""

    def __init__(self, site: Site, key: Key, label: str) -> None:
        self._site = site
        self._key = key
        self._label = label
        self._numbers = itertools.count(1)
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(_CALLERS)
        self._working: list[Future[None]] = []
        self.kept: dict[str, str] = {}
        self.deleted: set[str] = set()
        self.statuses: Counter[int] = Counter()
        self.longest_seconds = 0.0

    def start(self) -> None:
        self._working = [self._pool.submit(self._work) for _ in range(_CALLERS)]

    def stop(self) -> None:
        """Let them finish. Raises what any of them stumbled over."""
        self._stopped.set()
        for work in self._working:
            work.result()
        self._pool.shutdown()

    @property
    def told(self) -> str:
        """What they were told, in short."""
        unavailable = f"{self.statuses[503]} of them 503"
        return f"{self.statuses.total()} answers, {unavailable}, the slowest after {self.longest_seconds:.1f} s"

    def _work(self) -> None:
        while not self._stopped.is_set():
            name = f"{self._label} {next(self._numbers)}"
            made = self._until(201, "POST", "/credentials", aws_credential(self._key, name), str(uuid.uuid4()))
            path = f"/credentials/{made.body['id']}"
            assert self._until(200, "GET", path).body["name"] == name
            changed = self._until(200, "PATCH", path, {"name": f"{name}, changed"})
            assert changed.body["id"] == made.body["id"]
            self.kept[made.body["id"]] = f"{name}, changed"
            if uuid.UUID(made.body["id"]).int % 2:
                # Repeated after a 503, it may find that the first one was done.
                self._until(204, "DELETE", path, or_else=404)
                self.deleted.add(made.body["id"])
                del self.kept[made.body["id"]]
            self._stopped.wait(_PAUSE_SECONDS)

    def _until(
        self, status: int, method: str, path: str, body: Any = None, key: str | None = None, or_else: int = 0
    ) -> Answer:
        """Ask until the answer is not 503. `or_else` is right only where it was 503 before."""
        right = {status}
        while True:
            answer = self._site.ask(method, path, body, key)
            self.statuses[answer.status] += 1
            self.longest_seconds = max(self.longest_seconds, answer.seconds)
            assert answer.seconds < LONGEST_SECONDS, answer
            if answer.status != 503:
                assert answer.status in right, answer
                return answer
            _check_unavailable(answer)
            right.add(or_else)
            time.sleep(_AGAIN_SECONDS)


def _check_unavailable(answer: Answer) -> None:
    assert answer.body["error"] == "UNAVAILABLE" and set(answer.body) == _ERROR_FIELDS, answer
    assert int(answer.headers["Retry-After"]) > 0, answer
