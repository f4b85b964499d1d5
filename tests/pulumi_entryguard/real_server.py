"""EntryGuard itself, started as `entryguard-server dev`, with the AWS stand-in as its cloud."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from examples.demo.entryguard_api import EntryGuardApi
from examples.demo.server import EMAIL, Server
from examples.demo.stage import SCOPES
from tests.clouds.aws_standin import AwsStandIn

# An access token is good for 15 minutes.
_SIGN_IN_AFTER_SECONDS = 600
_MANY_SIGN_INS = "login=600/minute;login-name=600/minute"


@dataclass
class RealServer:
    """Where it is, how Pulumi gets in, and what an administrator sees."""

    url: str
    password: str = field(repr=False)
    key_for_pulumi: str = field(default="", repr=False)
    _signed_in: EntryGuardApi | None = field(default=None, repr=False)
    _signed_in_at: float = 0.0

    @property
    def administrator(self) -> EntryGuardApi:
        """Signed in for some minutes at least: tests of other servers may come between those of this one."""
        if self._signed_in is None or time.monotonic() - self._signed_in_at > _SIGN_IN_AFTER_SECONDS:
            self._signed_in_at = time.monotonic()
            self._signed_in = EntryGuardApi.signed_in(self.url, EMAIL, self.password)
        return self._signed_in

    def shown(self, collection: str, object_id: str) -> dict[str, Any]:
        """One object. Raises Refused (404) for what is not there."""
        found: dict[str, Any] = self.administrator.ask("GET", f"/{collection}/{object_id}")
        return found

    def ids(self, collection: str) -> set[str]:
        return {one["id"] for one in self.administrator.ask("GET", f"/{collection}")}

    def new_api_key(self, scopes: list[str]) -> str:
        wanted = {"name": "a test", "scopes": scopes, "belongsTo": "ORGANIZATION"}
        made: dict[str, Any] = self.administrator.ask("POST", "/api-keys", wanted)
        return str(made["plainTextKey"])


@contextmanager
def real_server(folder: Path, aws: AwsStandIn) -> Iterator[RealServer]:
    """A running server, with all of its processes."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("ENTRYGUARD_RATE_LIMITS", _MANY_SIGN_INS)
        started = Server(folder, aws.endpoint)
    try:
        server = RealServer(started.url_when_ready(), started.password())
        server.key_for_pulumi = server.new_api_key(SCOPES)
        yield server
    finally:
        started.end()
