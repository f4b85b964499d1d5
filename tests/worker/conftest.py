"""A worker in the test's own process, with a cloud that does what the test says."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from api.accounts.models import Organisation
from api.clouds import Endpoints
from api.credentials import secrets
from api.credentials.models import Credential
from api.database import clock, current_time, write
from api.due import Priority, want
from api.key_ring import KeyRing
from api.secret import Secret
from api.start import check_key_ring
from api.vault import Vault
from tests.rows import fresh, make_credential
from tests.worker.made_up_cloud import MadeUpCloud, as_clouds
from worker.connections import Connections
from worker.drain import Drain
from worker.verify import Verifier

REVERIFY_SECONDS = 1800


@dataclass
class Worker:
    """A worker that serves when it is told to."""

    verifier: Verifier
    connections: Connections
    vault: Vault

    def serve_one(self) -> bool:
        """Serve the next due row, if there is one."""
        return Drain(self.verifier).serve_one(tuple(Priority))

    def serve_all(self) -> int:
        """Serve until nothing is due. Returns how many rows were served; more than 200 are taken for a hot loop."""
        for served in range(200):
            if not self.serve_one():
                return served
        raise AssertionError("the rows never come to rest")

    def add_credential(
        self, key: str = "good key", organisation: Organisation | None = None, **columns: Any
    ) -> Credential:
        """A credential as the API makes it: sealed, and due."""
        credential = make_credential(organisation, **columns)
        self.set_secret(credential, key, version=1, state=secrets.CURRENT)
        return fresh(credential)

    def offer_candidate(self, credential: Credential, key: str) -> None:
        """A new secret beside the old one, as a PATCH makes it."""
        version = fresh(credential).secret_version + 1
        with write():
            Credential.update(
                secret_version=version,
                candidate_status="VERIFYING",
                candidate_error=None,
                candidate_since=current_time(),
            ).where(Credential.id == credential.id).execute()
        self.set_secret(credential, key, version, secrets.CANDIDATE)

    def set_secret(self, credential: Credential, key: str, version: int, state: str) -> None:
        data = Secret.of_json({"accessKeyId": key, "secretAccessKey": "a secret"})
        with write():
            secrets.keep(credential, version, state, data, self.vault, current_time())
            want(Credential, Credential.id == credential.id)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> MadeUpCloud:
    """The only cloud there is."""
    made_up = MadeUpCloud()
    for module in ("worker.connections", "worker.verify"):
        monkeypatch.setattr(f"{module}.CLOUDS", as_clouds(made_up))
    return made_up


@pytest.fixture
def worker(db: str, cloud: MadeUpCloud) -> Worker:
    ring = KeyRing.fresh("first")
    check_key_ring(ring)
    vault = Vault(ring)
    connections = Connections(vault, Endpoints())
    return Worker(Verifier(connections, REVERIFY_SECONDS), connections, vault)


@pytest.fixture
def pass_time() -> Callable[[float], None]:
    """Set the database's clock forward, by seconds."""

    def forward(seconds: float) -> None:
        clock.offset += round(seconds * 1_000_000)

    return forward
