"""What the demo starts, and how all of it ends, whatever happened."""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from examples.demo import leftovers
from examples.demo.cloud import Cloud
from examples.demo.entryguard_api import EntryGuardApi
from examples.demo.pulumi_program import PulumiProgram
from examples.demo.server import EMAIL, Server
from examples.demo.users_command import UsersCommand

SCOPES = ["credentials:read", "credentials:write", "resources:read", "resources:write"]
_OF_OTHERS = ("ENTRYGUARD_", "PULUMI_", "AWS_")
_SIGNED_IN_SECONDS = 600.0  # an access token lasts 15 minutes, and a visitor may look around for longer
_LOOPBACK = "127.0.0.1,localhost"


class Stage:
    """The cloud, the server and the Pulumi program of one demo, in a folder of their own."""

    cloud: Cloud
    server: Server
    program: PulumiProgram
    command: UsersCommand
    url: str
    _administrator: tuple[float, EntryGuardApi] | None = None

    def __init__(self) -> None:
        forget_the_users_settings()
        leftovers.adopt_orphans()
        self.folder = Path(tempfile.mkdtemp(prefix="entryguard-demo-"))
        self._ends = contextlib.ExitStack()
        self._ends.callback(shutil.rmtree, self.folder, ignore_errors=True)

    def start_cloud(self) -> None:
        self.cloud = Cloud()
        self._ends.callback(self.cloud.end)

    def start_server(self) -> None:
        """Start EntryGuard and wait until it is ready. Raises Disappointment."""
        self.server = Server(self.folder, self.cloud.endpoint)
        self._ends.callback(self.server.end)
        self.url = self.server.url_when_ready()

    def server_said(self) -> str:
        """The last lines of the server's log; nothing where it was not started."""
        return self.server.last_lines() if hasattr(self, "server") else ""

    def make_program(self, show: Callable[[str], None]) -> None:
        self.program = PulumiProgram(self.folder, show)

    def make_command(self, show: Callable[[str], None]) -> None:
        self.command = UsersCommand(self.folder, show)

    def as_administrator(self) -> EntryGuardApi:
        """The API for the first administrator, signed in anew where that was long ago."""
        if self._administrator is None or time.monotonic() - self._administrator[0] > _SIGNED_IN_SECONDS:
            api = EntryGuardApi.signed_in(self.url, EMAIL, self.server.password())
            self._administrator = time.monotonic(), api
        return self._administrator[1]

    def make_api_key(self) -> dict[str, Any]:
        """An API key for Pulumi, with what Pulumi needs and no more."""
        wanted = {"name": "Pulumi", "scopes": SCOPES, "belongsTo": "ORGANIZATION"}
        made: dict[str, Any] = self.as_administrator().ask("POST", "/api-keys", wanted)
        return made

    def end(self) -> None:
        """End all that was started, the last first, and remove the folder. May be called again."""
        self._ends.close()
        leftovers.kill(leftovers.settled())


def forget_the_users_settings() -> None:
    """The demo is the same for everybody: neither their Pulumi, their AWS account nor their proxy has a part in it."""
    for name in [name for name in os.environ if name.startswith(_OF_OTHERS)]:
        del os.environ[name]
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), _LOOPBACK]))
