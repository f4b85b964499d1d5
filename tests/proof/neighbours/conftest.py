"""A Redis in a bad state, whatever `--redis` says."""

from collections.abc import Iterator

import pytest

from tests.proof.neighbours.redis_faults import FAULTS
from tests.valkey_server import ValkeyServer, running_valkey


@pytest.fixture(params=FAULTS)
def fault(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def faulty_redis(fault: str) -> Iterator[ValkeyServer]:
    """A Valkey with that fault."""
    with running_valkey() as server, FAULTS[fault](server):
        yield server
