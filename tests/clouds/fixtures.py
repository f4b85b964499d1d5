"""The AWS stand-in as pytest fixtures, for every folder of tests."""

from collections.abc import Iterator

import pytest

from api.clouds import Endpoints
from tests.clouds.apisix_standin import ApisixStandIn
from tests.clouds.aws_standin import AwsStandIn
from tests.clouds.azure_standin import AzureStandIn
from tests.clouds.gcp_standin import GcpStandIn


@pytest.fixture(scope="session")
def aws() -> Iterator[AwsStandIn]:
    """One stand-in for all tests of a process: each test makes users and groups of its own in it."""
    with AwsStandIn() as standin:
        yield standin


@pytest.fixture
def at_aws(aws: AwsStandIn) -> Endpoints:
    """The operator's settings that lead to the stand-in, with time limits short enough for a test of silence."""
    return Endpoints(aws=aws.endpoint, aws_region="eu-central-1", connect_seconds=0.5, read_seconds=1.5)


@pytest.fixture(scope="session")
def apisix() -> Iterator[ApisixStandIn]:
    """One gateway for all tests of a process: each test makes keys and routes of its own in it."""
    with ApisixStandIn() as standin:
        yield standin


@pytest.fixture
def at_apisix(apisix: ApisixStandIn) -> Endpoints:
    """The operator's settings that let the stand-in be called."""
    return Endpoints(
        ca_bundle=apisix.ca_bundle,
        may_be_called=lambda address: address.is_loopback,
        connect_seconds=0.5,
        read_seconds=1.5,
    )


@pytest.fixture(scope="session")
def gcp() -> Iterator[GcpStandIn]:
    """One stand-in for all tests of a process: each test makes a project of its own in it."""
    with GcpStandIn() as standin:
        yield standin


@pytest.fixture
def at_gcp(gcp: GcpStandIn) -> Endpoints:
    """The operator's settings that lead to the stand-in."""
    return gcp.endpoints()


@pytest.fixture(scope="session")
def azure() -> Iterator[AzureStandIn]:
    """One stand-in for all tests of a process: each test makes principals and groups of its own in it."""
    with AzureStandIn() as standin:
        yield standin


@pytest.fixture
def at_azure(azure: AzureStandIn) -> Endpoints:
    """The operator's settings that lead to the stand-in, with time limits short enough for a test of silence."""
    return Endpoints(
        azure_authority=azure.authority,
        azure_resource_manager=azure.resource_manager,
        ca_bundle=azure.ca_bundle,
        connect_seconds=0.5,
        read_seconds=1.5,
    )
