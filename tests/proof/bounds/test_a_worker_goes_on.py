"""A real worker in the middle of a slow call to AWS, and what it is about is deleted."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from api.credentials.models import Credential
from api.database import bind, connection, database, forget_connections
from api.due import DueModel
from api.resources.models import Resource
from tests.api.published import CREATE_CREDENTIAL, CREATE_RESOURCE
from tests.clouds.aws_standin import REGION, AwsStandIn, slow
from tests.eventually import eventually
from tests.proof.bounds.conftest import Asking, sign_in
from tests.proof.ledger import proven
from tests.served_api import EMAIL, PASSWORD, settings_in
from tests.server_process import ApiProcess, ServerProcess, command, worker_at

pytestmark = [
    pytest.mark.engines("sqlite", "postgresql"),
    pytest.mark.shortly("postgresql"),
    pytest.mark.timeout(300),
]

SLOW_SECONDS = 3.0
# A worker's call, tries, and a loaded machine.
PATIENCE_SECONDS = 90


@dataclass(frozen=True)
class Scene:
    """An API and a worker, each a process of its own, with AWS behind them."""

    admin: Asking
    worker: ServerProcess
    aws: AwsStandIn

    def add(self) -> tuple[str, str]:
        """A credential and a resource of it: their paths."""
        key, group = self.aws.user(), self.aws.security_group()
        data = {**CREATE_CREDENTIAL["AWS"], "credentialData": key.credential_data}
        credential = self.admin.make("/credentials", data)["id"]
        named = {"credentialId": credential, "resourceIdentifier": group, "region": REGION}
        return (
            f"/credentials/{credential}",
            f"/resources/{self.admin.make('/resources', {**CREATE_RESOURCE, **named})['id']}",
        )

    def becomes_good(self, credential: str, resource: str) -> bool:
        return eventually(
            lambda: self.shown(credential, "isValid") and self.shown(resource, "isActive"), PATIENCE_SECONDS
        )

    def shown(self, path: str, name: str) -> bool:
        return bool(self.admin.ask("GET", path)[1][name])

    def last_event(self, path: str) -> str:
        """The last thing that the audit trail tells of the object."""
        _, logged = self.admin.ask("GET", "/audit-logs?limit=500")
        return next(str(event["eventType"]) for event in logged if event["resourceId"] == path.rpartition("/")[2])


@pytest.fixture(scope="module")
def scene(url: str, aws: AwsStandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("scene")
    settings = settings_in(folder, ENTRYGUARD_DATABASE_URL=url, ENTRYGUARD_AWS_ENDPOINT_URL=aws.endpoint)
    command("admin", "create", "--email", EMAIL, "--organization", "Acme", settings=settings, text=f"{PASSWORD}\n")
    api = ApiProcess(settings, folder / "api.log")
    worker = ServerProcess(settings, folder / "worker.log", worker_at("AWS"))
    bind(url)
    try:
        api.start()
        api.wait_until_ready(degraded=["redis", "worker"])
        worker.start()
        assert eventually(lambda: api.ask("GET", "/readyz")[1]["degraded"] == ["redis"], PATIENCE_SECONDS)
        yield Scene(sign_in(api), worker, aws)
    finally:
        for process in (worker, api):
            if process.is_running:
                process.terminate(20)
        database.close_all()
        forget_connections()


@pytest.mark.parametrize(("kind", "model"), [("credential", Credential), ("resource", Resource)])
def test_what_is_deleted_in_the_middle_of_a_call_gets_no_verdict_and_the_next_does(
    scene: Scene, engine: str, kind: str, model: type[DueModel]
) -> None:
    paths = dict(zip(("credential", "resource"), scene.add(), strict=True))
    assert scene.becomes_good(paths["credential"], paths["resource"])
    with scene.aws.failing(slow(SLOW_SECONDS)):
        scene.admin.ask("PATCH", paths["resource"], {"name": "another", "region": "eu-west-1"})
        scene.admin.ask("POST", f"{paths['credential']}/verify")
        assert eventually(lambda: is_claimed(model, paths[kind]), PATIENCE_SECONDS)

        assert scene.admin.ask("DELETE", paths[kind])[0] == 204

        assert eventually(
            lambda: f"{model.__name__} {id_in(paths[kind])} was taken over" in scene.worker.log, PATIENCE_SECONDS
        )
    assert scene.admin.ask("GET", paths[kind])[0] == 404
    assert scene.last_event(paths[kind]) == f"{kind.upper()}_DELETE"
    assert scene.becomes_good(*scene.add())
    tested = f"a {kind} is deleted while a worker's call about it lasts {SLOW_SECONDS:.0f} s, {engine}"
    proven("BOUNDS", tested, "no verdict after its end, and the worker goes on with the next")


def is_claimed(model: type[DueModel], path: str) -> bool:
    """A worker is at it."""
    with connection():
        return bool(model.select().where(model.id == id_in(path), model.claim_token.is_null(is_null=False)).exists())


def id_in(path: str) -> str:
    return path.rpartition("/")[2]
