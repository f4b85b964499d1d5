"""Starts processes of the server and tells what each does before it ends. Modules are read once, for all of them."""

import json
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from types import TracebackType
from typing import Any, Self

_WATCHED = {"socket.bind", "os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "subprocess.Popen"}

_LONGEST_SECONDS = 60


@dataclass(frozen=True)
class Ended:
    """How a process ended: exit code, output, seconds of its life, and which of the watched things it did."""

    code: int
    said: str
    seconds: float
    did: Sequence[str]


class WatchedStarts:
    """Forks each process off one that has read the modules: that Python starts is not counted.

    before: Python that is run when they have been read.
    """

    def __init__(self, before: str = "") -> None:
        root = Path(__file__).parents[3]
        self._process = Popen([sys.executable, "-m", __name__, before], cwd=root, stdin=PIPE, stdout=PIPE, text=True)

    def run(
        self, arguments: Sequence[str], environment: Mapping[str, str], folder: Path, kill_after: float | None = None
    ) -> Ended:
        """`entryguard-server` with these arguments, or the worker where there are none, to its end, in `folder`.

        It is killed after `kill_after` seconds, unless it has ended by then; the code is -9. So is one that goes on for
        `_LONGEST_SECONDS`, although it should have refused.
        """
        assert self._process.stdin and self._process.stdout
        wanted = {"arguments": arguments, "environment": environment, "folder": str(folder), "kill_after": kill_after}
        print(json.dumps(wanted), file=self._process.stdin, flush=True)
        code, seconds = json.loads(self._process.stdout.readline())
        did = (folder / "did").read_text(encoding="ascii").split()
        return Ended(code, (folder / "said").read_text(encoding="utf-8"), seconds, did)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


def main() -> None:
    """Do what each line of the standard input asks for, and answer each with a line."""
    import api.commands  # noqa: PLC0415 - the test that imports this module is none of the server's processes
    import worker.__main__  # noqa: PLC0415

    exec(sys.argv[1])  # noqa: S102 - the test's own words
    for line in sys.stdin:
        wanted = json.loads(line)
        for name in ("said", "did"):
            Path(wanted["folder"], name).touch()
        begun = time.monotonic()
        pid = os.fork()
        if pid == 0:
            _become(wanted, api.commands.main, worker.__main__.main)
        status = _wait(pid, _LONGEST_SECONDS if wanted["kill_after"] is None else wanted["kill_after"])
        sys.stdout.write(json.dumps([status, time.monotonic() - begun]) + "\n")
        sys.stdout.flush()


def _wait(pid: int, seconds: float) -> int:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _become(wanted: dict[str, Any], serve: Any, work: Any) -> None:
    code: Any = 99
    try:
        os.chdir(wanted["folder"])
        os.environ.clear()
        os.environ.update(wanted["environment"])
        for number in (1, 2):
            os.dup2(os.open("said", os.O_WRONLY | os.O_APPEND), number)
        with Path("did").open("w", encoding="ascii", buffering=1) as did:
            sys.addaudithook(lambda event, _: did.write(f"{event}\n") if event in _WATCHED else None)
            code = serve(wanted["arguments"]) if wanted["arguments"] else work()
    except SystemExit as end:
        code = end.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 98)


if __name__ == "__main__":
    main()
