"""What the tests of the Pulumi package share: an API to talk to."""

from collections.abc import Iterator

import pytest

from pulumi_entryguard.client import Client
from pulumi_entryguard.credential import CredentialProvider
from pulumi_entryguard.endpoint import api_key, parse_endpoint
from pulumi_entryguard.resource import ResourceProvider
from tests.clouds.aws_standin import AwsStandIn
from tests.pulumi_entryguard.entryguard_standin import API_KEY, EntryGuard, running_entryguard
from tests.pulumi_entryguard.proxy import Proxy, running_proxy
from tests.pulumi_entryguard.real_server import RealServer, real_server


@pytest.fixture
def entryguard() -> Iterator[EntryGuard]:
    """An API in memory, with nothing in it."""
    with running_entryguard() as entryguard:
        yield entryguard


@pytest.fixture
def client(entryguard: EntryGuard) -> Client:
    """A client with a key that the API knows, and 2 s of patience."""
    return Client(parse_endpoint(entryguard.url), api_key(API_KEY), patience=2.0)


@pytest.fixture
def configured(entryguard: EntryGuard, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that says where the API is."""
    monkeypatch.setenv("ENTRYGUARD_ENDPOINT", entryguard.url)
    monkeypatch.setenv("ENTRYGUARD_API_KEY", API_KEY)


@pytest.fixture
def credentials(configured: None) -> CredentialProvider:
    """What looks after credentials."""
    return CredentialProvider()


@pytest.fixture
def resources(configured: None) -> ResourceProvider:
    """What looks after resources."""
    return ResourceProvider()


@pytest.fixture(scope="session")
def real(aws: AwsStandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """EntryGuard itself, started once for all tests of a process."""
    with real_server(tmp_path_factory.mktemp("real"), aws) as server:
        yield server


@pytest.fixture
def proxy(real: RealServer) -> Iterator[Proxy]:
    """A proxy before it, that loses nothing yet."""
    with running_proxy(real.url) as proxy:
        yield proxy


@pytest.fixture
def real_credentials(real: RealServer, monkeypatch: pytest.MonkeyPatch) -> CredentialProvider:
    """What looks after credentials of the real server."""
    monkeypatch.setenv("ENTRYGUARD_ENDPOINT", real.url)
    monkeypatch.setenv("ENTRYGUARD_API_KEY", real.key_for_pulumi)
    return CredentialProvider()


@pytest.fixture
def real_resources(real_credentials: CredentialProvider) -> ResourceProvider:
    """What looks after resources of the real server."""
    return ResourceProvider()
