"""`entryguard-server dev`, as a newcomer would start it, in a folder of the demo's own."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from api.process import die_with_parent
from examples.demo.expectation import Disappointment

EMAIL = "admin@example.com"
HERE = "127.0.0.1/32"  # where whoever opens a session is seen; no server lets that in unless it is told to
_COMMAND = Path(sys.executable).with_name("entryguard-server")
_START_SECONDS = 60
_END_SECONDS = 20  # it gives its own parts 12 s
_TABLES = ("credentials", "credential_secrets", "resources", "target_listings", "rules")


class Server:
    """A running server: API, worker, sweeper and Valkey, on a free port of the loopback address."""

    def __init__(self, folder: Path, aws_endpoint: str) -> None:
        self._folder = folder / "server"
        self._log = folder / "server.log"
        mine = {
            "ENTRYGUARD_AWS_ENDPOINT_URL": aws_endpoint,
            "ENTRYGUARD_ADMIN_EMAIL": EMAIL,
            "ENTRYGUARD_SESSION_ALLOWED_NETWORKS": HERE,
        }
        parent = os.getpid()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [_COMMAND, "dev", "--port", "0", "--data-dir", self._folder],
                env=os.environ | mine,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C is the demo's, which ends the server in its turn; and a demo that is killed leaves no server.
                start_new_session=True,
                preexec_fn=lambda: die_with_parent(parent),  # noqa: PLW1509  no threads run here
            )

    def url_when_ready(self) -> str:
        """Wait until it takes requests; its address, without a path. Raises Disappointment."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if ready := re.search(r"EntryGuard is ready at (http://\S+)", self.log()):
                return ready[1]
            time.sleep(0.05)
        came = "it is not" if self._process.poll() is None else f"it ended with exit code {self._process.returncode}"
        raise Disappointment(f"EntryGuard to be ready within {_START_SECONDS} s", came)

    @property
    def password_file(self) -> Path:
        """The file with the first administrator's password, which the server made up."""
        return self._folder / "admin-password"

    def password(self) -> str:
        return self.password_file.read_text(encoding="ascii").strip()

    def log(self) -> str:
        """All that the server has said."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def last_lines(self, count: int = 12) -> str:
        return "\n".join(self.log().splitlines()[-count:])

    def end(self) -> None:
        """SIGTERM, which ends all of it. May be called again."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def rows(self) -> dict[str, int]:
        """How many rows about clouds its database holds, by table."""
        with closing(sqlite3.connect(self._folder / "entryguard.sqlite")) as database:
            counted = {table: database.execute(f"SELECT count(*) FROM {table}").fetchone() for table in _TABLES}  # noqa: S608
        return {table: int(row[0]) for table, row in counted.items()}
