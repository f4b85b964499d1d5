"""Sessions in all four clouds at once, as a client of the API sees them: real processes of the API and of a worker."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from api.clouds import CLOUDS, Endpoints, Target
from tests.api.published import CREATE_CREDENTIAL
from tests.clouds.apisix_standin import ApisixStandIn
from tests.clouds.aws_standin import AwsStandIn
from tests.clouds.azure_standin import AzureStandIn
from tests.clouds.every_cloud import Clouds
from tests.clouds.gcp_standin import GcpStandIn
from tests.clouds.sites import Site
from tests.clouds.test_apisix_promises import ApisixSite
from tests.clouds.test_aws_promises import AwsSite
from tests.clouds.test_azure_promises import AzureSite
from tests.clouds.test_gcp_promises import GcpSite
from tests.eventually import eventually
from tests.served_api import EMAIL, PASSWORD, served, settings_in
from tests.server_process import ApiProcess, ServerProcess, kill
from tests.worker.bench import without_revisions

ADDRESS, ADDRESS_6 = "81.2.69.142", "2a00:1450:4001:82a::200e"
# A worker loads the SDKs of all clouds first, and the machine may be busy.
READY_SECONDS = 90
# What is promised of a session's end.
GONE_SECONDS = 60


class Office:
    """An administrator's client, with a resource in every cloud."""

    def __init__(self, api: ApiProcess, worker: ServerProcess, sites: dict[str, Site]) -> None:
        self._api = api
        self.worker = worker
        self._targets: dict[str, tuple[Site, Target]] = {}
        _, login = api.ask("POST", "/api/v1/auth/login", {"email": EMAIL, "password": PASSWORD})
        self._as_administrator = {"Authorization": f"Bearer {login['accessToken']}"}
        self._resources = [self._add(cloud, site) for cloud, site in sites.items()]
        assert eventually(self._is_ready, READY_SECONDS), [self.ask("GET", path) for path in self._resources]

    def everything(self) -> dict[str, str]:
        """What the targets hold in every cloud."""
        return {cloud: without_revisions(site.everything(target)) for cloud, (site, target) in self._targets.items()}

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = self._api.ask(method, f"/api/v1{path}", body, self._as_administrator)
        assert status < 300, answer
        return answer

    def open(self, **wanted: Any) -> str:
        session: str = self.ask("POST", "/sessions", {"ipv4Address": ADDRESS, **wanted})["id"]
        return session

    def has_become(self, session: str, status: str, seconds: float = READY_SECONDS) -> bool:
        return eventually(lambda: self.ask("GET", f"/sessions/{session}")["status"] == status, seconds)

    def _add(self, cloud: str, site: Site) -> str:
        target = site.target()
        self._targets[cloud] = site, target
        wanted = CREATE_CREDENTIAL[cloud] | {"credentialData": site.credential_data()}
        resource = {
            "name": f"{cloud} gateway",
            "provider": cloud,
            "credentialId": self.ask("POST", "/credentials", wanted)["id"],
            "resourceType": target.resource_type,
            "resourceIdentifier": target.identifier,
            **({"region": target.region} if target.region else {}),
            **({"config": {"port": 443}} if cloud != "APISIX" else {}),
        }
        return f"/resources/{self.ask('POST', '/resources', resource)['id']}"

    def _is_ready(self) -> bool:
        return all(self.ask("GET", path)["isActive"] for path in self._resources)


@pytest.fixture(scope="module")
def office(
    aws: AwsStandIn,
    gcp: GcpStandIn,
    azure: AzureStandIn,
    apisix: ApisixStandIn,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Office]:
    folder: Path = tmp_path_factory.mktemp("office")
    nowhere = Endpoints()  # only what a person does is asked of these
    sites: dict[str, Site] = {
        "AWS": AwsSite(aws, nowhere),
        "GCP": GcpSite(gcp.project(), nowhere),
        "AZURE": AzureSite(azure, nowhere),
        "APISIX": ApisixSite(apisix, nowhere),
    }
    assert set(sites) == set(CLOUDS)
    settings = settings_in(
        folder,
        **Clouds(aws, gcp, azure, apisix).settings(folder),
        ENTRYGUARD_SESSION_MIN_SECONDS="3",
        ENTRYGUARD_RATE_LIMITS="off",
    )
    worker = ServerProcess(settings, folder / "worker.log")
    # It takes a named Redis for one that is there.
    own = {name: value for name, value in settings.items() if name != "ENTRYGUARD_REDIS_URL"}
    with served(folder, 1, **own) as api:
        worker.start()
        try:
            yield Office(api, worker, sites)
        finally:
            worker.terminate(15)


@pytest.mark.timeout(300)
def test_a_session_opens_every_cloud_and_leaves_nothing_behind(office: Office) -> None:
    before = office.everything()
    session = office.open(durationMinutes=30, ipv6Address=ADDRESS_6)

    assert office.has_become(session, "ACTIVE"), office.ask("GET", f"/sessions/{session}")
    shown = office.ask("GET", f"/sessions/{session}")
    assert len(shown["resourceIps"]) == 2 * len(CLOUDS)
    assert all(each["status"] == "APPLIED" and each["providerRuleId"] for each in shown["resourceIps"])
    there = office.everything()
    assert [cloud for cloud in CLOUDS if there[cloud] == before[cloud]] == []
    office.ask("POST", f"/sessions/{session}/stop")

    assert office.has_become(session, "CANCELLED", GONE_SECONDS), office.ask("GET", f"/sessions/{session}")
    assert office.everything() == before


@pytest.mark.timeout(300)
def test_a_session_whose_time_is_up_is_gone_within_a_minute_whatever_was_killed(office: Office) -> None:
    before = office.everything()
    session = office.open(durationMinutes=0.1)
    expires_at = datetime.fromisoformat(office.ask("GET", f"/sessions/{session}")["expiresAt"])

    while datetime.now(UTC) < expires_at:
        for child in office.worker.children():
            kill(child)
        time.sleep(1)

    assert office.has_become(session, "EXPIRED", GONE_SECONDS), office.ask("GET", f"/sessions/{session}")
    assert office.everything() == before


def test_the_workers_log_is_silent_about_what_went_well(office: Office) -> None:
    assert "Traceback" not in office.worker.log
    assert ADDRESS not in office.worker.log
