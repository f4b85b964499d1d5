"""Claim, act, record, until nothing is due: a few threads that wake each other."""

import contextlib
import logging
import queue
import threading
import time
import traceback
from collections.abc import Callable, Sequence

from api import due, installation
from api.claims import abandon, claim, new_slot
from api.database import AWAY, connection, write
from api.due import Claim, LostClaim, Priority
from worker.desk import Servant
from worker.lease import Lease, Stopping

THREADS = 4
_PAUSE_SECONDS = 1.0

_log = logging.getLogger(__name__)


class _Chime:
    """Wakes one thread that waits, or the next one that will; it remembers one call and no more.

    Of several that wait, one wakes after a time by itself, and then the next one's time begins.
    """

    def __init__(self) -> None:
        self._called: queue.Queue[None] = queue.Queue(maxsize=1)
        self._is_first = threading.Lock()

    def call(self) -> None:
        try:
            self._called.put_nowait(None)
        except queue.Full:
            return

    def wait(self, seconds: float) -> None:
        with self._is_first:
            try:
                self._called.get(timeout=seconds)
            except queue.Empty:
                return


class Drain:
    """`THREADS` threads, half of them for revoking only, so that no other work can hold a revocation up.

    look_seconds: how long a thread without work waits before it looks by itself; set it as the bell can be heard.
    slot: the place that the process is started in, again and again.
    """

    def __init__(self, servant: Servant, look_seconds: float = 0.5, slot: int | None = None) -> None:
        self._servant = servant
        self._slot = new_slot() if slot is None else slot
        self.look_seconds = look_seconds
        self.served = 0
        self._closed = threading.Event()
        self._stopping = threading.Event()
        self._leases: dict[int, Lease] = {}
        self._unreturned: dict[int, Lease] = {}
        self._chimes: list[_Chime] = []
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin with what the process before this one in its slot had claimed when it died: nobody waits for that."""
        with connection():
            if left := abandon(self._servant.models, self._slot):
                _log.info("%d taken over from the process before", left)
        for priorities in (tuple(Priority), (Priority.REVOKE,)):
            chime = _Chime()
            self._chimes.append(chime)
            for _ in range(THREADS // 2):
                thread = threading.Thread(target=self._run, args=(priorities, chime), name="drain", daemon=True)
                self._threads.append(thread)
                thread.start()

    def look(self) -> None:
        """Have the threads look now; those that find work wake the others."""
        for chime in self._chimes:
            chime.call()

    def close(self) -> None:
        """Claim nothing more, and finish what was begun."""
        self._closed.set()
        self.look()

    def stop(self) -> None:
        """Claim nothing more, start no further call, and give back what waits for one."""
        self._stopping.set()
        self.close()

    @property
    def is_running(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    @property
    def has_lost_a_thread(self) -> bool:
        """A thread ended although nobody stopped it: a bug, and work is left undone."""
        return not self._closed.is_set() and not all(thread.is_alive() for thread in self._threads)

    def keep_leases(self) -> None:
        """Renew what is being worked on; a thread that waits for a cloud cannot do it itself."""
        for lease in list(self._leases.values()):
            try:
                with connection():
                    lease.keep()
            except LostClaim:
                continue  # its owner finds out when it looks at the lease, or when it records

    def serve_one(self, priorities: Sequence[Priority], found: Callable[[], None] = lambda: None) -> bool:
        """Serve the row whose turn it is, in this thread; False where nothing is due, or the database is a copy.

        `found` is called as soon as a row is claimed.
        """
        asked_at = time.monotonic()
        with connection():
            self._return_claim()
            # Each time: a database may be exchanged for a restored one under a worker that goes on.
            if not installation.may_work():
                return False
            taken = claim(self._servant.models, priorities, self._slot)
            if taken is None:
                return False
            if self._closed.is_set():  # while the claim was made
                due.release(taken)
                return False
            found()
            lease = Lease(taken, asked_at, self._stopping)
            self._leases[threading.get_ident()] = lease
            try:
                self._perform(taken, lease)
            except AWAY:
                self._unreturned[threading.get_ident()] = lease
                raise
            finally:
                self._leases.pop(threading.get_ident(), None)
        self.served += 1
        return True

    def _run(self, priorities: Sequence[Priority], chime: _Chime) -> None:
        told = ""
        while not self._closed.is_set():
            try:
                served = self.serve_one(priorities, chime.call)
                told = ""
            except Exception as error:  # noqa: BLE001 - the database is away or worse; the thread must be there afterwards
                if told != (told := _place(error)):
                    _log.error("nothing can be served: %s", told)
                self._closed.wait(_PAUSE_SECONDS)
                continue
            if not served:
                chime.wait(self.look_seconds)
        chime.call()  # the next one that waits ends too
        if threading.get_ident() in self._unreturned:
            with contextlib.suppress(*AWAY), connection():
                self._return_claim()

    def _return_claim(self) -> None:
        """Give back what this thread served when it lost the database: nobody has to wait for the lease to run out."""
        lease = self._unreturned.get(threading.get_ident())
        if lease is None:
            return
        with lease.giving_back():  # unless what was seen is recorded all the same, or the lease has run out
            due.release(lease.claim, is_under_way=lease.is_under_way())
        del self._unreturned[threading.get_ident()]

    def _perform(self, taken: Claim, lease: Lease) -> None:
        try:
            self._servant.serve(lease)
        except LostClaim:
            _log.info("%s %s was taken over or is gone", taken.model.__name__, taken.row_id)
            lease.if_lost()
        except Stopping:
            with lease.giving_back():
                due.release(taken, is_under_way=lease.is_under_way())
        except Exception as error:  # noqa: BLE001 - whatever a row or an SDK made us stumble over must not stop the others
            _log.error("%s %s could not be served: %s", taken.model.__name__, taken.row_id, _place(error))
            with lease.giving_back(), write():
                due.postpone(taken, type(error).__name__, is_under_way=lease.is_under_way())


def _place(error: BaseException) -> str:
    """What went wrong and where, without the message: it may hold what it stumbled over."""
    # Without the lines of code: to show them Python would keep every file that they are in, some of many megabytes.
    frames = [(frame.f_code.co_name, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    where = "{}, line {}".format(*frames[-1]) if frames else "an unknown place"
    return f"{type(error).__name__} in {where}"
