"""Nothing that is killed loses a verification: a parent, its children and sweeper, Valkey, in any order."""

import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from api.audit_log.models import AuditEntry
from api.credentials import secrets
from api.credentials.models import Credential
from api.database import bind, connection, current_time, database, write
from api.due import want
from api.resources.models import Resource
from api.secret import Secret
from api.settings import Settings
from api.start import start
from api.vault import Vault
from tests.clouds.aws_standin import REGION, AwsStandIn, Key
from tests.eventually import eventually
from tests.rows import make_credential, make_organisation, make_resource
from tests.valkey_server import ValkeyServer
from tests.worker.processes import WorkerProcess, kill, settings_for

GOOD, WRONG_SECRET, UNKNOWN_KEY = 400, 50, 50
KILLS = 50
RESOURCE_EVERY = 10
KILL_EVERY_SECONDS = 0.7
SETTLE_SECONDS = 60

EXPECTED = {"good": None, "wrong": "SignatureDoesNotMatch", "unknown": "InvalidClientTokenId"}


@dataclass
class Site:
    """What is killed and started again."""

    worker: WorkerProcess
    valkey: ValkeyServer
    random: random.Random
    kills: Counter[str]

    def kill_something(self) -> None:
        victim = self.random.choice(["parent", "child or sweeper", "child or sweeper", "Valkey"])
        if victim == "parent":
            self.worker.kill()
        elif victim == "Valkey":
            self.valkey.kill()
        else:
            assert eventually(lambda: bool(self.worker.children()))
            kill(self.random.choice(self.worker.children()))
        self.kills[victim] += 1

    def mend(self) -> None:
        """What an operator's supervisor does."""
        if not self.valkey.is_running:
            self.valkey.start()
        if not self.worker.is_running:
            self.worker.start()


@pytest.fixture
def site(database_url: str, key_ring_text: str, tmp_path: Path) -> Iterator[tuple[Site, AwsStandIn, Vault]]:
    seed = int(os.environ.get("KILLS_SEED") or random.SystemRandom().randrange(2**32))
    with tempfile.TemporaryDirectory(prefix="eg-vk-") as folder, AwsStandIn() as aws:
        valkey = ValkeyServer(Path(folder))
        settings = settings_for(database_url, valkey.url, aws.endpoint, key_ring_text)
        bind(database_url)
        vault = start(Settings.from_environment(settings), connections=4)
        worker = WorkerProcess(settings, tmp_path / "worker.log")
        # The seed is shown, so that an order of kills can be tried again.
        made = Site(worker, valkey, random.Random(seed), Counter(seed=seed))  # noqa: S311 - hides nothing
        made.mend()
        yield made, aws, vault
        worker.kill()
        valkey.kill()
        database.close_all()


@pytest.mark.timeout(300)
def test_every_verification_ends_with_the_right_verdict_whatever_is_killed(
    site: tuple[Site, AwsStandIn, Vault], capsys: pytest.CaptureFixture[str]
) -> None:
    processes, aws, vault = site
    key, group = aws.user(), aws.security_group()
    kinds = ["good"] * GOOD + ["wrong"] * WRONG_SECRET + ["unknown"] * UNKNOWN_KEY
    processes.random.shuffle(kinds)
    began = time.monotonic()

    with connection():
        for kill_number in range(KILLS):
            part = slice(len(kinds) * kill_number // KILLS, len(kinds) * (kill_number + 1) // KILLS)
            _add(kinds[part], key, group, vault)
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


def _add(kinds: list[str], key: Key, group: str, vault: Vault) -> None:
    organisation = make_organisation()
    for kind in kinds:
        data = {
            "good": key.credential_data,
            "wrong": {**key.credential_data, "secretAccessKey": "x" * 40},
            "unknown": {**key.credential_data, "accessKeyId": "AKIAUNKNOWNUNKNOWN00"},
        }[kind]
        credential = make_credential(organisation, name=kind)
        with write():
            secrets.keep(credential, 1, secrets.CURRENT, Secret.of_json(data), vault, current_time())
            want(Credential, Credential.id == credential.id)
        if Credential.select().count() % RESOURCE_EVERY == 0:
            resource = make_resource(credential, name=kind, resource_identifier=group, region=REGION)
            with write():
                want(Resource, Resource.id == resource.id)


def _undecided() -> bool:
    return (
        Credential.select().where(Credential.is_valid.is_null()).exists()
        or Resource.select().where(Resource.verified_revision.is_null()).exists()
        or Resource.select().where(Resource.name == "good", ~Resource.is_active).exists()
    )


def _is_right(credential: Credential) -> bool:
    code = (credential.verification_error or "").partition(":")[0] or None
    return credential.is_valid is (credential.name == "good") and code == EXPECTED[credential.name]
