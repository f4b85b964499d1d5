"""Nothing that is killed loses a verification: the API, a worker's parent, its children and sweeper, Valkey."""

import http.client
import os
import random
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from api.accounts import service as accounts
from api.audit_log.models import AuditEntry
from api.credentials.models import Credential
from api.database import bind, connection, database
from api.resources.models import Resource
from api.secret import Secret
from tests.clouds.aws_standin import REGION, AwsStandIn, Key
from tests.proof.scale import FULL
from tests.server_process import ApiProcess, ServerProcess, kill, settings_for, worker_at
from tests.valkey_server import ValkeyServer

GOOD, WRONG_SECRET, UNKNOWN_KEY = (400, 50, 50) if FULL else (200, 25, 25)
KILLS = 50 if FULL else 25
KILL_EVERY_SECONDS = 0.7
SETTLE_SECONDS = 60
ANSWER_SECONDS = 30
# A worker's children are its sweeper too.
VICTIMS = ("API", "API's child", "worker", "worker's child", "worker's child", "Valkey")
EMAIL, PASSWORD = "ada@example.com", "correct horse battery staple"

EXPECTED = {"good": None, "wrong": "SignatureDoesNotMatch", "unknown": "InvalidClientTokenId"}


@dataclass
class Site:
    """What is killed and started again."""

    api: ApiProcess
    worker: ServerProcess
    valkey: ValkeyServer
    random: random.Random
    kills: Counter[str]

    def kill_something(self) -> None:
        victim = self.random.choice(VICTIMS)
        if victim == "Valkey":
            self.valkey.kill()
        elif victim in ("API", "worker"):
            self._process(victim).kill_all()
        elif children := self._process(victim.removesuffix("'s child")).children():
            kill(self.random.choice(children))
        else:
            return  # its parent has just been started
        self.kills[victim] += 1

    def _process(self, name: str) -> ServerProcess:
        return self.api if name == "API" else self.worker

    def mend(self) -> None:
        """What an operator's supervisor does."""
        if not self.valkey.is_running:
            self.valkey.start()
        for process in (self.api, self.worker):
            if not process.is_running:
                process.start()

    def ask(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        """As a careful client asks: again and again, under one Idempotency-Key, until there is an answer."""
        once = {**headers, "Idempotency-Key": str(uuid.uuid4())}
        deadline = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < deadline:
            try:
                status, answer = self.api.ask(method, path, body, once)
            except (OSError, http.client.HTTPException):
                self.mend()
                time.sleep(0.05)
                continue
            assert status in (200, 201), answer
            return answer
        raise AssertionError(f"no answer in {ANSWER_SECONDS} s")


@pytest.fixture
def site(database_url: str, key_ring_text: str, aws: AwsStandIn, tmp_path: Path) -> Iterator[tuple[Site, AwsStandIn]]:
    seed = int(os.environ.get("KILLS_SEED") or random.SystemRandom().randrange(2**32))
    with tempfile.TemporaryDirectory(prefix="eg-vk-") as folder:
        valkey = ValkeyServer(Path(folder))
        settings = settings_for(database_url, valkey.url, aws.endpoint, key_ring_text)
        bind(database_url)
        with connection():
            accounts.add_administrator(EMAIL, Secret.of_text(PASSWORD), "Acme", "PAID")
        api = ApiProcess(settings, tmp_path / "api.log")
        worker = ServerProcess(settings, tmp_path / "worker.log", worker_at("AWS"))
        # The seed is shown, so that an order of kills can be tried again.
        made = Site(api, worker, valkey, random.Random(seed), Counter(seed=seed))  # noqa: S311 - hides nothing
        made.mend()
        yield made, aws
        api.kill()
        worker.kill_all()
        valkey.kill()
        database.close_all()


@pytest.mark.shortly("postgresql")
@pytest.mark.timeout(300)
def test_every_verification_ends_with_the_right_verdict_whatever_is_killed(
    site: tuple[Site, AwsStandIn], capsys: pytest.CaptureFixture[str]
) -> None:
    processes, aws = site
    key, group = aws.user(), aws.security_group()
    kinds = ["good"] * GOOD + ["wrong"] * WRONG_SECRET + ["unknown"] * UNKNOWN_KEY
    processes.random.shuffle(kinds)
    login = {"email": EMAIL, "password": PASSWORD}
    token = processes.ask("POST", "/api/v1/auth/login", login, {})["accessToken"]
    headers = {"Authorization": f"Bearer {token}"}
    began = time.monotonic()

    with connection():
        for kill_number in range(KILLS):
            part = slice(len(kinds) * kill_number // KILLS, len(kinds) * (kill_number + 1) // KILLS)
            _add(processes, headers, kinds[part], key, group)
            time.sleep(processes.random.uniform(0.5, 1.5) * KILL_EVERY_SECONDS)
            processes.kill_something()
            processes.mend()
        killed_for = time.monotonic() - began
        while _undecided() and time.monotonic() - began < killed_for + SETTLE_SECONDS:
            processes.mend()
            time.sleep(0.2)
        settled_for = time.monotonic() - began - killed_for

        wrong = [row.name for row in Credential.select() if not _is_right(row)]
        told = Counter(
            row.resource_id for row in AuditEntry.select().where(AuditEntry.event_type == "CREDENTIAL_VERIFY")
        )
        open_resources = {row.is_active for row in Resource.select().where(Resource.name == "good")}
        closed_resources = {row.is_active for row in Resource.select().where(Resource.name != "good")}
    with capsys.disabled():
        sys.stdout.write(
            f"\n{dict(processes.kills)}; {len(kinds)} credentials; "
            f"killed for {killed_for:.0f} s, settled {settled_for:.0f} s later\n"
        )
    assert wrong == []
    assert set(told.values()) == {1}, "each verdict is told exactly once"
    assert len(told) == len(kinds)
    assert open_resources == {True}
    assert closed_resources == {False}
    assert key.secret_access_key not in processes.worker.log


def _add(site: Site, headers: dict[str, str], kinds: list[str], key: Key, group: str) -> None:
    for number, kind in enumerate(kinds):
        data = {
            "good": key.credential_data,
            "wrong": {**key.credential_data, "secretAccessKey": "x" * 40},
            "unknown": {**key.credential_data, "accessKeyId": "AKIAUNKNOWNUNKNOWN00"},
        }[kind]
        body = {"name": kind, "provider": "AWS", "credentialType": "ACCESS_KEY", "credentialData": data}
        made = site.ask("POST", "/api/v1/credentials", body, headers)
        if number == 0:
            of_it = {"name": kind, "credentialId": made["id"], "provider": "AWS", "resourceType": "SECURITY_GROUP"}
            site.ask("POST", "/api/v1/resources", {**of_it, "resourceIdentifier": group, "region": REGION}, headers)


def _undecided() -> bool:
    return (
        Credential.select().where(Credential.is_valid.is_null()).exists()
        or Resource.select().where(Resource.verified_revision.is_null()).exists()
        or Resource.select().where(Resource.name == "good", ~Resource.is_active).exists()
    )


def _is_right(credential: Credential) -> bool:
    code = (credential.verification_error or "").partition(":")[0] or None
    return credential.is_valid is (credential.name == "good") and code == EXPECTED[credential.name]
