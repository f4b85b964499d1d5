"""What every process of the server does to itself: no core dump holds its secrets, none outlives its parent."""

import ctypes
import os
import resource
import signal
import socket
import threading
from collections.abc import Callable

# linux/prctl.h
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4


def harden() -> None:
    """Keep the memory from other processes of the same user (ptrace, /proc) and from core files (Linux)."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _prctl(_PR_SET_DUMPABLE, 0)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the process `parent`, which started it, ends however it does."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the kernel knew
        os._exit(1)


def call_at_signal(callback: Callable[[], object]) -> None:
    """Call `callback`, in a thread of its own, at the first signal that anybody in this process handles.

    From the main thread. Whoever sets the handlers, before or later, need not know.
    """
    heard, told = socket.socketpair()
    told.setblocking(False)
    signal.set_wakeup_fd(told.detach(), warn_on_full_buffer=False)

    def listen() -> None:
        heard.recv(1)
        callback()

    threading.Thread(target=listen, name="signals", daemon=True).start()


def _prctl(option: int, value: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if hasattr(library, "prctl") and library.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
