"""Workers as processes of their own, at a stand-in of AWS."""

from collections.abc import Callable, Iterator

import pytest

from api.credentials import secrets
from api.credentials.models import Credential
from api.database import current_time, database, write
from api.due import want
from api.secret import Secret
from api.settings import Settings
from api.start import start
from api.vault import Vault
from tests.clouds.aws_standin import AwsStandIn
from tests.proof.neighbours.redis_faults import given_valkey
from tests.rows import make_credential
from tests.server_process import settings_for
from tests.valkey_server import ValkeyServer

# A worker loads the SDKs of all clouds before it serves: seconds of work, on a machine that may be busy.
START_SECONDS = 60


@pytest.fixture
def valkey(pytestconfig: pytest.Config) -> Iterator[ValkeyServer]:
    with given_valkey(pytestconfig) as server:
        yield server


@pytest.fixture
def settings(db: str, key_ring_text: str, valkey: ValkeyServer, aws: AwsStandIn) -> dict[str, str]:
    return settings_for(db, valkey.url, aws.endpoint, key_ring_text)


@pytest.fixture
def vault(settings: dict[str, str]) -> Vault:
    """The key ring of the processes, in the test's own one, which is at their database."""
    made = start(Settings.from_environment(settings), connections=4)
    if database.is_closed():
        database.connect()
    return made


@pytest.fixture
def add_credential(vault: Vault, aws: AwsStandIn) -> Callable[[], Credential]:
    """Adds a good credential, as the API does but for the ring."""
    key = aws.user()

    def add() -> Credential:
        credential = make_credential()
        with write():
            data = Secret.of_json(key.credential_data)
            secrets.keep(credential, 1, secrets.CURRENT, data, vault, current_time())
            want(Credential, Credential.id == credential.id)
        return credential

    return add
