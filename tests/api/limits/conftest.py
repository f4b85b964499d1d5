"""Applications whose limits are low, and a Valkey that a test may end."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from api.limit_table import DEFAULTS
from api.settings import Settings
from api.vault import Vault
from tests.api.conftest import BASE
from tests.proof.neighbours.redis_faults import given_valkey
from tests.valkey_server import ValkeyServer

Limited = Callable[..., FlaskClient]
FEW = 3
NOWHERE = f"{BASE}/nothing"


@pytest.fixture
def valkey(pytestconfig: pytest.Config) -> Iterator[ValkeyServer]:
    """Nobody else's, so that no count of another test is met."""
    with given_valkey(pytestconfig) as server:
        yield server


@pytest.fixture
def limited(environment: dict[str, str], vault: Vault) -> Limited:
    """Makes a server with the named limits, such as `login_name="3/minute"`, and all others high."""

    def make(**limits: str) -> FlaskClient:
        table = {name: limits.get(name.replace("-", "_"), "1000000/minute") for name in DEFAULTS}
        text = ";".join(f"{name}={limit}" for name, limit in table.items())
        return create_app(
            Settings.from_environment({**environment, "ENTRYGUARD_RATE_LIMITS": text}), vault, threads=4
        ).test_client()

    return make


def statuses(client: FlaskClient, count: int, path: str = NOWHERE, address: str = "192.0.2.1") -> list[int]:
    return [ask(client, path, address).status_code for _ in range(count)]


def ask(client: FlaskClient, path: str, address: str = "192.0.2.1", method: str = "GET", **options: Any) -> Any:
    return client.open(path, method=method, environ_base={"REMOTE_ADDR": address}, **options)
