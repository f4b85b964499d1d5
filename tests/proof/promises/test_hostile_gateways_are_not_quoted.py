"""What a tenant's host says reaches nobody: not the tenant, not the log, not the trail, not the database.

Through the API and a worker, with every log at DEBUG. The worker's operator allows one address and the API's all of
loopback: so URLs that must not be called got past their check at creation.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from api.clouds import CLOUDS
from tests.api.published import CREATE_CREDENTIAL
from tests.clouds.bad_servers import LOOPBACK
from tests.eventually import eventually
from tests.proof.ledger import proven
from tests.proof.promises.forbidden_servers import PAGE, Forbidden, forbidden_servers
from tests.proof.promises.hostile_gateway import ANSWERS, WORD, HostileGateway, hostile_gateway
from tests.served_api import EMAIL, PASSWORD, served, settings_in
from tests.server_process import ApiProcess, ServerProcess

pytestmark = pytest.mark.timeout(400)

DEBUG_LOGGING = Path(__file__).parents[1] / "canaries" / "debug_logging"
VERDICT_SECONDS = 150
NETWORKS = "ENTRYGUARD_ALLOWED_PRIVATE_NETWORKS"
UNSAFE = f"UnsafeUrl: {CLOUDS['APISIX'].hints['UnsafeUrl']}"


@dataclass
class Site:
    """The processes, what they answer, and the credentials by what stands at their URL."""

    api: ApiProcess
    worker: ServerProcess
    folder: Path
    forbidden: Forbidden
    access: dict[str, str]
    answered: dict[str, str]
    unsafe: dict[str, str]

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        return self.api.ask(method, f"/api/v1{path}", body, self.access)

    def credential(self, credential: str) -> Any:
        return self.ask("GET", f"/credentials/{credential}")[1]

    def was_looked_at(self, credential: str) -> bool:
        """By a verdict, or by a line in the log that says why there is none."""
        return self.credential(credential)["isValid"] is not None or credential in self.worker.log

    def add(self, url: str) -> str:
        body = CREATE_CREDENTIAL["APISIX"] | {"credentialData": {"apiUrl": url, "apiKey": "a-key-of-a-tenant"}}
        status, answer = self.ask("POST", "/credentials", body)
        assert status == 201, answer
        return str(answer["id"])


@pytest.fixture(scope="module")
def gateway() -> Iterator[HostileGateway]:
    with hostile_gateway() as running:
        yield running


@pytest.fixture(scope="module")
def site(gateway: HostileGateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    settings = settings_in(folder) | {"PYTHONPATH": str(DEBUG_LOGGING)}
    for_api = {name: value for name, value in settings.items() if name != "ENTRYGUARD_REDIS_URL"}
    worker = ServerProcess(settings | {NETWORKS: f"{LOOPBACK}/32"}, folder / "worker.log")
    with forbidden_servers() as forbidden, served(folder, 1, **for_api, **{NETWORKS: "127.0.0.0/8,::1/128"}) as api:
        _, login = api.ask("POST", "/api/v1/auth/login", {"email": EMAIL, "password": PASSWORD})
        access = {"Authorization": f"Bearer {login['accessToken']}"}
        site = Site(api, worker, folder, forbidden, access, {}, {})
        hosts = ("127.0.0.66", "127.255.255.254", "[::1]", "[::ffff:127.0.0.66]")
        site.answered = {name: site.add(gateway.url(name)) for name in ANSWERS}
        site.unsafe = {host: site.add(f"http://{host}:{forbidden.port}") for host in hosts}
        worker.start()
        try:
            yield site
        finally:
            worker.terminate(15)


def test_no_word_of_a_hostile_gateway_reaches_anybody(site: Site, gateway: HostileGateway) -> None:
    for name, credential in site.answered.items():
        assert eventually(lambda credential=credential: site.was_looked_at(credential), VERDICT_SECONDS), name  # type: ignore[misc]
    assert gateway.asked == set(ANSWERS)
    site.ask("GET", f"/credentials/{site.answered['yes']}/targets")

    shown = [site.credential(each) for each in site.answered.values()]
    said = json.dumps([shown, site.ask("GET", "/audit-logs?limit=100")[1]])
    written = [file.read_bytes() for file in site.folder.rglob("*") if file.is_file()]

    assert {each["isValid"] for each in shown} == {False, None}
    assert WORD.lower() not in said.lower()
    assert [file for file in written if WORD.lower().encode() in file.lower()] == []
    assert " DEBUG " in site.worker.log
    proven(
        "P18", "hostile answers of a gateway, through API and worker", f"{len(ANSWERS)} kinds, none of it kept or shown"
    )


def test_a_url_that_got_past_creation_is_refused_by_the_worker(site: Site) -> None:
    for credential in site.unsafe.values():
        assert eventually(lambda credential=credential: site.was_looked_at(credential), VERDICT_SECONDS)  # type: ignore[misc]

    shown = [site.credential(each) for each in site.unsafe.values()]
    assert [(each["isValid"], each["verificationError"]) for each in shown] == [(False, UNSAFE)] * len(shown)
    assert site.forbidden.connections == 0
    assert json.loads(PAGE)["internal"] not in site.worker.log
