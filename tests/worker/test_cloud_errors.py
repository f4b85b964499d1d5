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
from tests.clouds.every_cloud import Clouds
from tests.clouds.gcp_standin import GcpStandIn
from tests.eventually import eventually
from tests.served_api import EMAIL, PASSWORD, served, settings_in
from tests.server_process import ApiProcess, ServerProcess
from tests.worker.cloud_errors import ROWS, Row

# A worker loads the SDKs of all clouds first, and believes no refusal of a key that was sent a moment ago.
VERDICT_SECONDS = 90
PAGE = Path(__file__).parents[2] / "docs" / "clouds.md"


class Site:
    """An API, a worker, and all four clouds. Every credential is added at once, to be verified together."""

    def __init__(self, api: ApiProcess, worker: ServerProcess, clouds: Clouds) -> None:
        self._api = api
        self.worker = worker
        self.secrets: list[str] = []
        _, login = api.ask("POST", "/api/v1/auth/login", {"email": EMAIL, "password": PASSWORD})
        self._as_administrator = {"Authorization": f"Bearer {login['accessToken']}"}
        self._paths = {row: self._added(row, clouds) for row in ROWS}
        self.examples = clouds.examples()
        self.good = {
            cloud: self._credential(cloud, example.credential["credentialData"])
            for cloud, example in self.examples.items()
        }
        self.resources = {
            cloud: self._ask("POST", "/resources", example.resource | {"credentialId": self.good[cloud]})["id"]
            for cloud, example in self.examples.items()
        }

    def read(self, path: str) -> Any:
        return self._ask("GET", path)

    def shown(self, row: Row) -> Any:
        return self.read(self._paths[row])

    def error(self, row: Row) -> str | None:
        error: str | None = self.shown(row)["verificationError"]
        return error

    def targets(self, cloud: str) -> list[str]:
        """What a good credential can see; nothing where it is not verified yet, or no worker is free to look."""
        region = self.examples[cloud].resource.get("region", "")
        path = f"/credentials/{self.good[cloud]}/targets" + (f"?region={region}" if region else "")
        status, answer = self._api.ask("GET", f"/api/v1{path}", None, self._as_administrator)
        return [seen["resourceIdentifier"] for seen in answer] if status == 200 else []

    def _added(self, row: Row, clouds: Clouds) -> str:
        credential = self._credential(row.cloud, row.credential(clouds))
        if row.resource is None:
            return f"/credentials/{credential}"
        wanted = {"name": "web", "provider": row.cloud, "credentialId": credential, **row.resource(clouds)}
        resource = self._ask("POST", "/resources", wanted)["id"]
        return f"/resources/{resource}" if row.about == "resource" else f"/credentials/{credential}"

    def _credential(self, cloud: str, data: dict[str, str]) -> str:
        self.secrets += [data[field.name].strip() for field in CLOUDS[cloud].fields if field.secret]
        made: str = self._ask("POST", "/credentials", CREATE_CREDENTIAL[cloud] | {"credentialData": data})["id"]
        return made

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = self._api.ask(method, f"/api/v1{path}", body, self._as_administrator)
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
    clouds = Clouds(aws, gcp, azure, apisix)
    settings = settings_in(folder, **clouds.settings(folder))
    worker = ServerProcess(settings, folder / "worker.log")
    # It takes a named Redis for one that is there.
    own = {name: value for name, value in settings.items() if name != "ENTRYGUARD_REDIS_URL"}
    with served(folder, 1, **own) as api:
        worker.start()
        try:
            yield Site(api, worker, clouds)
        finally:
            worker.terminate(15)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.cloud}: {row.condition}")
def test_a_user_reads_what_the_table_says(site: Site, row: Row) -> None:
    assert eventually(lambda: site.error(row) is not None, VERDICT_SECONDS)

    assert site.error(row) == row.error


@pytest.mark.parametrize("row", [row for row in ROWS if " missing " in row.error], ids=lambda row: row.condition)
def test_missing_permissions_are_listed_too(site: Site, row: Row) -> None:
    assert eventually(lambda: site.error(row) is not None, VERDICT_SECONDS)

    assert ", ".join(site.shown(row)["missingPermissions"]) == row.error.partition(" missing ")[2]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_good_credential_is_valid_at_every_cloud(site: Site, cloud: str) -> None:
    path = f"/credentials/{site.good[cloud]}"

    assert eventually(lambda: site.read(path)["isValid"] is not None, VERDICT_SECONDS)

    shown = site.read(path)
    assert (shown["isValid"], shown["verificationError"], shown["missingPermissions"]) == (True, None, [])
    assert shown["account"] == site.examples[cloud].account


@pytest.mark.parametrize("cloud", CLOUDS)
def test_an_object_turns_active_at_every_cloud(site: Site, cloud: str) -> None:
    path = f"/resources/{site.resources[cloud]}"

    assert eventually(lambda: site.read(path)["isActive"] is True, VERDICT_SECONDS), site.read(path)

    assert site.read(path)["verificationError"] is None


@pytest.mark.parametrize("cloud", CLOUDS)
def test_what_a_credential_can_see_is_listed_at_every_cloud(site: Site, cloud: str) -> None:
    wanted = site.examples[cloud].resource["resourceIdentifier"]

    assert eventually(lambda: wanted in site.targets(cloud), VERDICT_SECONDS)


def test_the_workers_log_holds_no_secret_and_no_text_of_a_cloud(site: Site) -> None:
    for row in ROWS:
        assert eventually(lambda row=row: site.error(row) is not None, VERDICT_SECONDS)  # type: ignore[misc]

    assert [secret for secret in site.secrets if secret in site.worker.log] == []
    assert "AADSTS" not in site.worker.log


def test_the_page_has_these_rows_and_no_others() -> None:
    cloud, told = "", []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if heading := re.fullmatch(r"## (\w+)", line):
            cloud = heading[1]
        elif cells := re.fullmatch(r"\| ([a-zA-Z].*) \| `(.*)` \|", line):
            told.append((cloud.upper(), cells[1], cells[2]))

    assert told == [(row.cloud, row.condition, row.error) for row in ROWS]
