"""The command `entryguard`, run where there is nothing but Python's standard library."""

import os
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
SECONDS = 60
# `make coverage` measures it too, by a library that the command then sees no more than any other.
_MEASURED = f"""
sys.path.append({sysconfig.get_path("platlib")!r})
import coverage
coverage.process_startup()
sys.path.pop()
"""
_PROGRAM = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
{_MEASURED if "COVERAGE_PROCESS_CONFIG" in os.environ else ""}
from pulumi_entryguard.command import main
sys.exit(main())
"""
# Without -S, Python would find what is installed; -I keeps this directory and PYTHONPATH out.
COMMAND = [sys.executable, "-I", "-S", "-c", _PROGRAM]


def entryguard(
    *arguments: str, environment: Mapping[str, str] | None = None, given: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run it to its end. `environment` has its settings, and there are no others; `given` is its standard input."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env=surroundings(environment),
        input=given,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@contextmanager
def entryguard_started(
    *arguments: str, environment: Mapping[str, str], before: Callable[[], None] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Start it, and end it with the `with` statement if it has not ended by itself."""

    def prepare() -> None:
        hear_signals()
        if before:
            before()

    with subprocess.Popen(
        [*COMMAND, *arguments],
        env=surroundings(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=prepare,  # noqa: PLW1509  what a test does there starts no thread
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def hear_signals() -> None:
    """As a shell in the foreground has it: tests in the background ignore some, and so would what they start."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def surroundings(environment: Mapping[str, str] | None) -> dict[str, str]:
    """This process's environment without EntryGuard's settings, and without a login."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ENTRYGUARD_")}
    return {**kept, "XDG_CONFIG_HOME": "/nowhere", **(environment or {})}
