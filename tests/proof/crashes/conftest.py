"""A runner for each engine, with its database, its key ring and its clouds."""

import os
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from api.key_ring import KeyRing
from tests.api.conftest import HIGH_LIMITS
from tests.clouds.apisix_standin import ApisixStandIn
from tests.clouds.aws_standin import AwsStandIn
from tests.clouds.azure_standin import AzureStandIn
from tests.clouds.every_cloud import Clouds
from tests.clouds.gcp_standin import GcpStandIn
from tests.databases import administer, fresh_database, with_database
from tests.proof.crashes.cloud import GOOD, every_cloud_of
from tests.proof.crashes.crashes import Crashes
from tests.proof.crashes.places import Places
from tests.proof.crashes.site import LET_IN
from tests.server_process import settings_for
from tests.valkey_server import ValkeyServer

# Else its assertions say nothing when they fail: they are in no file of tests.
pytest.register_assert_rewrite("tests.proof.crashes.claims")


@pytest.fixture(scope="session")
def clouds(aws: AwsStandIn, gcp: GcpStandIn, azure: AzureStandIn, apisix: ApisixStandIn) -> Clouds:
    """The stand-ins of all clouds; each engine has accounts of its own in them."""
    return Clouds(aws, gcp, azure, apisix)


@pytest.fixture(scope="session")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this run of the tests, in however many processes."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    made = folder / "crashes"
    made.mkdir(exist_ok=True)
    return made


@pytest.fixture(scope="module")
def crashes(
    engine: str,
    url: str,
    clouds: Clouds,
    valkey: ValkeyServer,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Crashes]:
    """What has died on this engine, and what became of it."""
    folder = tmp_path_factory.mktemp("crashes")
    ring = folder / "key-ring"
    ring.write_bytes(KeyRing.fresh("first").written().reveal())
    ring.chmod(0o400)
    settings = settings_for(url, valkey.url, clouds.aws.endpoint, "") | {
        **clouds.settings(folder),
        "ENTRYGUARD_KEY_RING_FILE": str(ring),
        "ENTRYGUARD_RATE_LIMITS": HIGH_LIMITS,
        "ENTRYGUARD_OPEN_REGISTRATION": "on",
        "ENTRYGUARD_SESSION_ALLOWED_NETWORKS": LET_IN,
        "ENTRYGUARD_SESSION_MIN_SECONDS": "1",
        # A look for what people have changed is none of what is still to be done; nor is that of earlier runs, however
        # long all of them take.
        "ENTRYGUARD_DRIFT_MINUTES": "60",
        "ENTRYGUARD_REVERIFY_MINUTES": "1440",
    }
    del settings["ENTRYGUARD_KEY_RING"]

    def own_database(kind: str) -> AbstractContextManager[str]:
        return fresh_database(engine, request, folder) if kind == "own" else _empty_database(engine, request, folder)

    described = every_cloud_of(clouds)
    places = Places(clouds, project=described["GCP"].keys[GOOD]["project_id"])
    with Crashes(settings, described, places, own_database, share=int(engine == "sqlite")) as made:
        yield made


@contextmanager
def _empty_database(engine: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """The URL of a database without tables."""
    name = f"empty_{uuid.uuid4().hex}"
    if engine == "sqlite":
        yield f"sqlite:///{folder / name}.sqlite"
        return
    server = request.getfixturevalue("postgresql_server")
    administer(server, f"CREATE DATABASE {name}")
    yield with_database(server, name)
    administer(server, f"DROP DATABASE {name} WITH (FORCE)")
