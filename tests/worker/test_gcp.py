"""A GCP credential from the API to its verdict: real processes, and Google's own SDK against the stand-in."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.api.published import CREATE_CREDENTIAL
from tests.clouds.gcp_standin import REQUIRED, GcpStandIn
from tests.eventually import eventually
from tests.served_api import EMAIL, PASSWORD, served, settings_in
from tests.server_process import ApiProcess, ServerProcess

# A worker loads the SDKs of all clouds first, and believes no refusal of what was sent a moment ago.
VERDICT_SECONDS = 90


@dataclass
class Server:
    """An API with a worker, and an administrator's way to ask it."""

    api: ApiProcess
    token: str

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = self.api.ask(method, f"/api/v1{path}", body, {"Authorization": f"Bearer {self.token}"})
        assert status < 300, answer
        return answer

    def create(self, data: dict[str, str]) -> str:
        made: str = self.ask("POST", "/credentials", CREATE_CREDENTIAL["GCP"] | {"credentialData": data})["id"]
        return made

    def verdict(self, credential_id: str) -> tuple[bool, str | None]:
        """Whether it is valid, and the error, once that is decided."""
        path = f"/credentials/{credential_id}"
        assert eventually(lambda: self.ask("GET", path)["isValid"] is not None, VERDICT_SECONDS)
        shown = self.ask("GET", path)
        return shown["isValid"], shown["verificationError"]


@pytest.fixture
def server(gcp: GcpStandIn, tmp_path: Path) -> Iterator[Server]:
    settings = settings_in(tmp_path) | gcp.settings
    worker = ServerProcess(settings, tmp_path / "worker.log")
    # It takes a named Redis for one that is there.
    for_api = {name: value for name, value in settings.items() if name != "ENTRYGUARD_REDIS_URL"}
    with served(tmp_path, 1, **for_api) as api:
        worker.start()
        _, login = api.ask("POST", "/api/v1/auth/login", {"email": EMAIL, "password": PASSWORD})
        try:
            yield Server(api, login["accessToken"])
        finally:
            worker.terminate(15)


@pytest.mark.timeout(300)
def test_every_row_of_the_published_table_is_reached_through_api_and_worker(gcp: GcpStandIn, server: Server) -> None:
    project, without_resource_manager = gcp.project(), gcp.project()
    without_resource_manager.set(services=["compute"])
    good, target = server.create(project.credential_data()), project.target()
    may_not_list = [permission for permission in REQUIRED if permission != "compute.firewalls.list"]
    refused = {
        server.create(project.google.with_another_key(project.credential_data())): (
            "invalid_grant: Service account key is invalid or revoked"
        ),
        server.create(CREATE_CREDENTIAL["GCP"]["credentialData"]): (
            "invalid_grant: Service account key is invalid or revoked"
        ),
        server.create(project.credential_data(may_not_list)): (
            "AccessDenied: Service account lacks compute.firewalls.list permission"
        ),
        server.create(without_resource_manager.credential_data([])): (
            "Permission denied: Service account lacks compute.firewalls.list permission"
        ),
    }

    assert server.verdict(good) == (True, None)
    assert server.ask("GET", f"/credentials/{good}")["account"] == project.name
    assert {each: server.verdict(each) for each in refused} == {each: (False, said) for each, said in refused.items()}

    wanted = {"name": "web", "provider": "GCP", "resourceType": "FIREWALL", "credentialId": good}
    resource = server.ask("POST", "/resources", wanted | {"resourceIdentifier": target.identifier})["id"]
    assert eventually(lambda: server.ask("GET", f"/resources/{resource}")["isActive"] is True, VERDICT_SECONDS)
