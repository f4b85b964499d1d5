"""`make faults`: the functional suite with Redis in each bad state, what that costs, and a database on its bad days."""

import subprocess
import sys
import time

from tests.proof.ledger import proven
from tests.proof.neighbours.redis_faults import FAULTS, OPTION

_PYTEST = (sys.executable, "-m", "pytest", "-q", "--tb=short", "-n", "2", "--dist", "loadfile")
_FUNCTIONAL = (*_PYTEST, "tests/api", "tests/worker/processes")
# The engines see nothing of Redis: one run on the other is enough.
_ON_SQLITE, _ON_POSTGRESQL = ("-k", "not postgresql"), ("-k", "postgresql")
_LINES_SHOWN = 120


def main() -> int:
    """Run them all, show each one's last line, and more of those that failed. The exit code is 1 where any has."""
    passed = [_suite_passes(fault, "SQLite", _ON_SQLITE) for fault in FAULTS]
    passed.append(_suite_passes("hung", "PostgreSQL", _ON_POSTGRESQL))
    passed.append(bool(_closing_line("both neighbours", [*_PYTEST, "tests/proof/neighbours"])))
    latency = [sys.executable, "-m", "benchmarks.redis_away"]
    passed.append(bool(_closing_line("added latency", latency, lines=len(FAULTS) + 1)))
    return 0 if all(passed) else 1


def _suite_passes(fault: str, engine: str, which: tuple[str, ...]) -> bool:
    """Whether the functional suite passes while Redis is in that state."""
    line = _closing_line(f"Redis {fault}, {engine}", [*_FUNCTIONAL, f"{OPTION}={fault}", *which])
    if line is None:
        return False
    promise = "P14" if fault == "flushed" else "NEIGHBOURS"
    proven(promise, f"the functional suite on {engine}, Redis {fault}", line.partition(" in ")[0])
    return True


def _closing_line(name: str, command: list[str], lines: int = 1) -> str | None:
    """Run the command and show its last lines. Returns the last one; None where the command fails."""
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = (done.stdout if done.returncode == 0 else done.stdout + done.stderr).strip().splitlines()
    shown = said[-lines:] if done.returncode == 0 else said[-_LINES_SHOWN:]
    sys.stdout.write("\n".join([f"{name}, {time.monotonic() - started:.0f} s", *(f"  {line}" for line in shown), ""]))
    sys.stdout.flush()
    return said[-1] if done.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(main())
