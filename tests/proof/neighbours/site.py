"""An API and a worker as an operator starts them, and a caller who looks at each answer."""

import base64
import http.client
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

from api.accounts import service as accounts
from api.database import bind, connection, database
from api.secret import Secret
from tests.clouds.aws_standin import AwsStandIn, Key
from tests.eventually import eventually
from tests.server_process import ApiProcess, ServerProcess, settings_for, worker_at

EMAIL, PASSWORD = "ada@example.com", "correct horse battery staple"
VERDICT_SECONDS = 10
_GIVEN_UP_SECONDS = 30
# A worker loads the SDKs of all clouds first.
_START_SECONDS = 150


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request, and after how long."""

    status: int
    body: Any
    headers: Message
    seconds: float


class Site:
    """The two processes, and somebody who has signed in."""

    def __init__(self, settings: dict[str, str], folder: Path) -> None:
        self.api = ApiProcess(settings, folder / "api.log")
        self.worker = ServerProcess(settings, folder / "worker.log", worker_at("AWS"))
        self._token = ""

    def start(self) -> None:
        """Start both at once, whatever becomes of Redis, and sign in."""
        self.api.start()
        self.worker.start()
        assert eventually(self._is_ready, _START_SECONDS), self.api.log + self.worker.log
        answer = self.sign_in(EMAIL, PASSWORD)
        assert answer.status == 200, answer
        self._token = answer.body["accessToken"]

    def end(self) -> None:
        self.api.kill()
        self.worker.kill_all()

    def sign_in(self, email: str, password: str) -> Answer:
        return self.ask("POST", "/auth/login", {"email": email, "password": password})

    def ask(self, method: str, path: str, body: Any = None, key: str | None = None) -> Answer:
        """One request under /api/v1, with `key` as its Idempotency-Key."""
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if key:
            headers["Idempotency-Key"] = key
        link = http.client.HTTPConnection("127.0.0.1", self.api.port, timeout=_GIVEN_UP_SECONDS)
        started = time.monotonic()
        try:
            link.request(method, f"/api/v1{path}", None if body is None else json.dumps(body), headers)
            answer = link.getresponse()
            content = answer.read()
        finally:
            link.close()
        seconds = time.monotonic() - started
        return Answer(answer.status, json.loads(content) if content else None, answer.headers, seconds)

    def is_valid(self, credential_id: str) -> bool:
        return self.ask("GET", f"/credentials/{credential_id}").body.get("isValid") is True

    def _is_ready(self) -> bool:
        try:
            status, shown = self.api.ask("GET", "/readyz")
        except (OSError, http.client.HTTPException):
            return False
        return status == 200 and "worker" not in shown["degraded"]


@contextmanager
def running_site(database_url: str, redis_url: str, aws: AwsStandIn, folder: Path, **more: str) -> Iterator[Site]:
    """The site over a migrated database, with an administrator. `more` are settings of its own."""
    bind(database_url)
    with connection():
        accounts.add_administrator(EMAIL, Secret.of_text(PASSWORD), "Acme", "PAID")
    database.close_all()
    ring = f"first:{base64.b64encode(os.urandom(32)).decode()}"
    site = Site(settings_for(database_url, redis_url, aws.endpoint, ring) | more, folder)
    try:
        site.start()
        yield site
    finally:
        site.end()


def aws_credential(key: Key, name: str) -> dict[str, Any]:
    """The body that makes a credential of `key`."""
    return {"name": name, "provider": "AWS", "credentialType": "ACCESS_KEY", "credentialData": key.credential_data}
