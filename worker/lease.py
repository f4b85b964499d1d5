"""A claim's lease as its owner sees it: no call to a cloud starts after it has run out."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from api import due
from api.clouds.base import before_call
from api.due import LEASE_SECONDS, Claim, LostClaim


class Stopping(Exception):
    """The process ends: what was not begun is left to others."""


def _nothing() -> None:
    return


def _never() -> bool:
    return False


class Lease:
    """The right to work on a row, measured from before it was asked for, so never longer than the database has it."""

    def __init__(self, claim: Claim, claimed_at: float, stopping: threading.Event) -> None:
        self.claim = claim
        self.if_lost: Callable[[], None] = _nothing
        """What its owner has to write down where the claim turns out to be somebody else's."""
        self.is_under_way: Callable[[], bool] = _never
        """Whether a call of its owner's that had no answer may still land, and undo what others do next."""
        self._until = claimed_at + LEASE_SECONDS
        self._stopping = stopping

    @contextlib.contextmanager
    def giving_back(self) -> Iterator[None]:
        """For the block in which the claim is given back undone: it may be somebody else's already."""
        try:
            yield
        except LostClaim:
            self.if_lost()

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Look at the lease before each call to a cloud in the block."""
        looked_at = before_call.set(self.check)
        try:
            yield
        finally:
            before_call.reset(looked_at)

    def check(self) -> None:
        """Before each call to a cloud. Raises LostClaim when the lease has run out, Stopping when the process ends."""
        if self._stopping.is_set():
            raise Stopping
        self.keep()

    def keep(self) -> None:
        """Renew the lease if less than half of it is left. Raises LostClaim when it is over or somebody else's."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise LostClaim
        if left < LEASE_SECONDS / 2:
            asked_at = time.monotonic()
            due.renew(self.claim)
            self._until = asked_at + LEASE_SECONDS
