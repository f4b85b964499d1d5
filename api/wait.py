"""Waiting for a verdict while the caller holds the line."""

import threading
import time
import uuid
from collections.abc import Callable

from api.database import connection
from api.due import DueModel

LONGEST_SECONDS = 30
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 0.25


class WaitingRoom:
    """So many requests may wait at once; the server's other threads stay free for those who do not."""

    def __init__(self, slots: int) -> None:
        self._slots = threading.BoundedSemaphore(slots) if slots > 0 else None
        self._closed = threading.Event()

    def close(self) -> None:
        """Let nobody wait any longer: the server stops, and they are answered with what there is."""
        self._closed.set()

    def until(self, condition: Callable[[], bool], seconds: float = LONGEST_SECONDS) -> bool | None:
        """Wait until `condition` is true: whether it became so in `seconds`; None at once where all slots are taken."""
        if self._slots is None or not self._slots.acquire(blocking=False):
            return None
        try:
            return _until(condition, seconds, self._closed)
        finally:
            self._slots.release()

    def until_seen(self, row: DueModel, seconds: float = LONGEST_SECONDS) -> bool | None:
        """Wait until a verdict about `row`, as it was when it was read, is recorded or the row is gone.

        Answers as `until`. Read the row again afterwards: this one is left as it was.
        """
        model, row_id, wanted = type(row), row.id, row.wanted_revision
        return self.until(lambda: _is_seen(model, row_id, wanted), seconds)


def _until(condition: Callable[[], bool], seconds: float, closed: threading.Event) -> bool:
    deadline = time.monotonic() + seconds
    pause = _FIRST_PAUSE_SECONDS
    while not condition():
        left = deadline - time.monotonic()
        if left <= 0 or closed.wait(min(pause, left)):
            return False
        pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
    return True


def _is_seen(model: type[DueModel], row_id: uuid.UUID, wanted_revision: int) -> bool:
    waiting = (model.id == row_id) & (model.seen_revision < wanted_revision)
    with connection():
        return not model.select(model.id).where(waiting).exists()
