"""Benches at the stand-ins of all clouds."""

import pytest

from api.clouds import CLOUDS, Endpoints
from tests.clouds.sites import Site
from tests.clouds.test_apisix_promises import ApisixSite
from tests.clouds.test_aws_promises import AwsSite
from tests.clouds.test_azure_promises import AzureSite
from tests.clouds.test_gcp_promises import GcpSite
from tests.worker.bench import Bench, bench_at


def site_at(cloud: str, request: pytest.FixtureRequest) -> Site:
    standin = request.getfixturevalue(cloud.lower())
    endpoints: Endpoints = request.getfixturevalue(f"at_{cloud.lower()}")
    if cloud == "GCP":
        return GcpSite(standin.project(), endpoints)
    sites = {"AWS": AwsSite, "AZURE": AzureSite, "APISIX": ApisixSite}
    made: Site = sites[cloud](standin, endpoints)
    return made


@pytest.fixture(params=CLOUDS)
def bench(request: pytest.FixtureRequest, db: str) -> Bench:
    return bench_at(site_at(request.param, request))


@pytest.fixture(params=[cloud for cloud in CLOUDS if cloud != "APISIX"])
def tagged(request: pytest.FixtureRequest, db: str) -> Bench:
    """At a cloud whose rules say whose they are."""
    return bench_at(site_at(request.param, request))
