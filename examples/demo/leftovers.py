"""What the demo started and is still there: processes, found by who started them."""

import contextlib
import ctypes
import os
import signal
import time
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_SETTLE_SECONDS = 5.0


def adopt_orphans() -> None:
    """Have the kernel give us what our children leave behind, so that `processes` misses none. Linux only."""
    library = ctypes.CDLL(None, use_errno=True)
    if hasattr(library, "prctl"):
        library.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def processes(ancestor: int) -> dict[int, str]:
    """All that descends from a process and runs: what each is called, by its id."""
    parents, names = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has just ended
            name, _, rest = (folder / "stat").read_text().partition("(")[2].rpartition(")")
            state, parent = rest.split()[:2]
            if state != "Z":
                parents[int(folder.name)], names[int(folder.name)] = int(parent), name
    found = {ancestor}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return {pid: names[pid] for pid in found - {ancestor}}


def settled() -> dict[int, str]:
    """What still runs of ours, after everything had a moment to end."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while (left := processes(os.getpid())) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def kill(left: dict[int, str]) -> None:
    """End processes of ours without asking."""
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
