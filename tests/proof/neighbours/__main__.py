"""`make faults`: the functional suite with Redis in each bad state, what that costs, and a database on its bad days."""

import subprocess
import sys
import time

from tests.proof.neighbours.redis_faults import FAULTS, OPTION

_PYTEST = (sys.executable, "-m", "pytest", "-q", "--tb=short", "-n", "2", "--dist", "loadfile")
_FUNCTIONAL = ("tests/api", "tests/worker/test_processes.py")
_ON_SQLITE = ("-k", "not postgresql")
_LINES_SHOWN = 120


def main() -> int:
    """Run them all, show each one's last line, and all of those that failed. The exit code is 1 where any has."""
    runs = {f"Redis {fault}, SQLite": [*_FUNCTIONAL, f"{OPTION}={fault}", *_ON_SQLITE] for fault in FAULTS}
    runs["Redis hung, PostgreSQL"] = [*_FUNCTIONAL, f"{OPTION}=hung", "-k", "postgresql"]
    runs["both neighbours"] = ["tests/proof/neighbours"]
    failed = [name for name, arguments in runs.items() if not _passes(name, [*_PYTEST, *arguments])]
    if not _passes("added latency", [sys.executable, "-m", "benchmarks.redis_away"], lines=len(FAULTS) + 3):
        failed.append("added latency")
    if failed:
        sys.stdout.write(f"failed: {'; '.join(failed)}\n")
    return int(bool(failed))


def _passes(name: str, command: list[str], lines: int = 1) -> bool:
    """Whether it does; its last lines are shown."""
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).strip().splitlines()
    shown = said[-lines:] if done.returncode == 0 else said[-_LINES_SHOWN:]
    separator = "\n" if len(shown) > 1 else " "
    sys.stdout.write(f"{name} ({time.monotonic() - started:.0f} s):{separator}{separator.join(shown)}\n")
    sys.stdout.flush()
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
