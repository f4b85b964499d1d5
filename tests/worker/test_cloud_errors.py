"""Each row of the tables in docs/clouds.md, from the API through a worker and the vendors' SDKs to what users read."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.clouds import CLOUDS
from tests.api.published import CREATE_CREDENTIAL
from tests.clouds.apisix_standin import ApisixStandIn
from tests.clouds.aws_standin import AwsStandIn
from tests.clouds.azure_standin import AzureStandIn
from tests.clouds.gcp_standin import GcpStandIn
from tests.eventually import eventually
from tests.served_api import EMAIL, PASSWORD, served, settings_in
from tests.server_process import ApiProcess, ServerProcess
from tests.worker.cloud_errors import ROWS, Clouds, Row

# A worker loads the SDKs of all clouds first, and believes no refusal of a key that was sent a moment ago.
VERDICT_SECONDS = 90
PAGE = Path(__file__).parents[2] / "docs" / "clouds.md"


class Site:
    """An API, a worker, and all four clouds. Every row's credential is added at once, to be verified together."""

    def __init__(self, api: ApiProcess, clouds: Clouds) -> None:
        self._api = api
        _, login = api.ask("POST", "/api/v1/auth/login", {"email": EMAIL, "password": PASSWORD})
        self._token = login["accessToken"]
        self._paths = {row: self._added(row, clouds) for row in ROWS}
        self.good = {
            "AWS": self._credential("AWS", clouds.aws.user().credential_data),
            "GCP": self._credential("GCP", clouds.gcp.project().credential_data()),
            "AZURE": self._credential("AZURE", clouds.azure.credential_data()),
            "APISIX": self._credential("APISIX", clouds.apisix.credential_data()),
        }

    def read(self, path: str) -> Any:
        return self._ask("GET", path)

    def error(self, row: Row) -> str | None:
        error: str | None = self.read(self._paths[row])["verificationError"]
        return error

    def _added(self, row: Row, clouds: Clouds) -> str:
        credential = self._credential(row.cloud, row.credential(clouds))
        if row.resource is None:
            return f"/credentials/{credential}"
        wanted = {"name": "web", "provider": row.cloud, "credentialId": credential, **row.resource(clouds)}
        resource = self._ask("POST", "/resources", wanted)["id"]
        return f"/resources/{resource}" if row.about == "resource" else f"/credentials/{credential}"

    def _credential(self, cloud: str, data: dict[str, str]) -> str:
        made: str = self._ask("POST", "/credentials", CREATE_CREDENTIAL[cloud] | {"credentialData": data})["id"]
        return made

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = self._api.ask(method, f"/api/v1{path}", body, {"Authorization": f"Bearer {self._token}"})
        assert status < 300, answer
        return answer


@pytest.fixture(scope="module")
def site(
    aws: AwsStandIn,
    gcp: GcpStandIn,
    azure: AzureStandIn,
    apisix: ApisixStandIn,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("clouds")
    authorities = folder / "authorities.pem"
    trusted = [gcp.settings["ENTRYGUARD_CA_BUNDLE"], azure.settings["ENTRYGUARD_CA_BUNDLE"], str(apisix.ca_bundle)]
    authorities.write_text("".join(Path(each).read_text() for each in trusted))
    endpoints = {
        "ENTRYGUARD_AWS_ENDPOINT_URL": aws.endpoint,
        "ENTRYGUARD_CA_BUNDLE": str(authorities),
        "ENTRYGUARD_ALLOWED_PRIVATE_NETWORKS": "127.0.0.0/8",
    }
    settings = settings_in(folder) | gcp.settings | azure.settings | endpoints
    worker = ServerProcess(settings, folder / "worker.log")
    # It takes a named Redis for one that is there.
    own = {name: value for name, value in settings.items() if name != "ENTRYGUARD_REDIS_URL"}
    with served(folder, 1, **own) as api:
        worker.start()
        try:
            yield Site(api, Clouds(aws, gcp, azure, apisix))
        finally:
            worker.terminate(15)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.cloud}: {row.condition}")
def test_a_user_reads_what_the_table_says(site: Site, row: Row) -> None:
    assert eventually(lambda: site.error(row) is not None, VERDICT_SECONDS)

    assert site.error(row) == row.error


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_good_credential_is_valid_at_every_cloud(site: Site, cloud: str) -> None:
    path = f"/credentials/{site.good[cloud]}"

    assert eventually(lambda: site.read(path)["isValid"] is not None, VERDICT_SECONDS)

    shown = site.read(path)
    assert (shown["isValid"], shown["verificationError"], shown["missingPermissions"]) == (True, None, [])
    assert shown["account"]


def test_the_page_has_these_rows_and_no_others() -> None:
    cloud, told = "", []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if heading := re.fullmatch(r"## (\w+)", line):
            cloud = heading[1]
        elif cells := re.fullmatch(r"\| ([a-zA-Z].*) \| `(.*)` \|", line):
            told.append((cloud.upper(), cells[1], cells[2]))

    assert told == [(row.cloud, row.condition, row.error) for row in ROWS]
