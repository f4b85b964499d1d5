"""What every process of the server does to itself: no core dump holds its secrets, none is left alone for long."""

import contextlib
import ctypes
import os
import resource
import signal
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path

# linux/prctl.h
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
# asm-generic/socket.h
_SO_ATTACH_FILTER = 26
# linux/filter.h: of TCP segments those are dropped in whose 14th byte, the flags (RFC 9293, section 3.1), SYN is set.
_NOBODY_NEW = ((0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFF_FFFF))
_SILENT_MILLISECONDS = 30_000
_END_SECONDS = 10


def harden() -> None:
    """Keep the memory from other processes of the same user (ptrace, /proc) and from core files (Linux)."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _prctl(_PR_SET_DUMPABLE, 0)


def die_with_parent(parent: int, by: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send this process a signal when the process `parent`, which started it, ends however it does."""
    _prctl(_PR_SET_PDEATHSIG, by)
    if os.getppid() != parent:  # it ended before the kernel knew
        os._exit(1)


def end_when_told(told: Callable[[], object]) -> None:
    """Call `told` at SIGTERM, once Python comes to it, and have the kernel end this process ten seconds later.

    SIGINT is ignored: a terminal sends it to the parent too, which then tells this process.
    """

    def end(*_: object) -> None:
        # Its parent may have died, and then nobody else ends it. To be told again gives it no more time.
        if not signal.getitimer(signal.ITIMER_REAL)[0]:
            signal.alarm(_END_SECONDS)
        told()

    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def call_at_signal(callback: Callable[[], object]) -> None:
    """Call `callback`, in a thread of its own, at the first signal that anybody in this process handles.

    From the main thread, when the handlers are set. Whoever listened before hears them as before, when `callback` has
    returned.
    """
    heard, told = socket.socketpair()
    told.setblocking(False)
    before = signal.set_wakeup_fd(told.detach(), warn_on_full_buffer=False)

    def listen() -> None:
        is_first = True
        while numbers := heard.recv(64):
            try:
                if is_first:
                    callback()
            finally:
                is_first = False
                if before >= 0:
                    os.write(before, numbers)

    threading.Thread(target=listen, name="signals", daemon=True).start()


def give_up_on_silent_readers() -> bool:
    """Have the kernel end each connection to this process whose other end takes nothing for half a minute (Linux).

    Returns whether the process listens yet: a connection has from its listener what it is to do.
    """
    return _set_at_listeners(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENT_MILLISECONDS)


def take_no_connection_more() -> None:
    """Have the kernel not hear who wants to connect to this process from now on (Linux).

    He asks again after a second (RFC 6298) and is refused, or taken by another process, if this one is gone by then.
    Whoever is connected already stays so; to close the listener would cut off those that were not accepted yet.
    """
    steps = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in _NOBODY_NEW))
    program = struct.pack("@HP", len(_NOBODY_NEW), ctypes.addressof(steps))
    _set_at_listeners(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


def _set_at_listeners(level: int, option: int, value: int | bytes) -> bool:
    """Set an option of the sockets on which this process listens (Linux). Returns whether there is one that has it."""
    listens = False
    for entry in Path("/proc/self/fd").iterdir():
        if not entry.is_socket():
            continue
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(entry.name))) as listener:
            if listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                listener.setsockopt(level, option, value)
                listens = True
    return listens


def _prctl(option: int, value: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if hasattr(library, "prctl") and library.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
