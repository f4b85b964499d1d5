"""What somebody changes or deletes while a cloud is being asked about it: no verdict is about what is no more."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from api.openapi import BASE_PATH
from tests.api.published import CREATE_CREDENTIAL, CREATE_RESOURCE
from tests.proof.ledger import proven
from tests.proof.world import World
from tests.worker.made_up_cloud import NOT_THERE, WRONG_KEY

pytestmark = pytest.mark.engines("sqlite", "postgresql")

DATA = CREATE_CREDENTIAL["AWS"]["credentialData"]
KEY = DATA["accessKeyId"]
OTHER = {**DATA, "accessKeyId": "AKIAANOTHERKEY000000"}
GROUP = CREATE_RESOURCE["resourceIdentifier"]
OTHER_GROUP = "sg-0def456abc1230000"


class Case:
    """One object of each kind, and something that is done while the cloud is asked about one of them."""

    def __init__(self, world: World) -> None:
        self.world = world
        world.cloud.answers.clear()
        self.credential = self.ask("POST", "/credentials", CREATE_CREDENTIAL["AWS"])["id"]
        world.serve_due()
        body = {**CREATE_RESOURCE, "credentialId": self.credential}
        self.resource = self.ask("POST", "/resources", body)["id"]
        world.serve_due()
        self.answered: list[Any] = []

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        return self.world.crowd.ask(self.world.crowd.ada, method, path, body)

    def status(self, path: str) -> int:
        answer = self.world.client.get(f"{BASE_PATH}{path}", headers=self.world.crowd.ada)
        return int(answer.status_code)

    def while_asked_about(self, name: str, act: Callable[[], Any], then: Exception | None = None) -> None:
        """The first time that the cloud is asked about `name`, somebody else does `act`; then it answers."""

        def answer() -> None:
            if not self.answered:
                with ThreadPoolExecutor(1) as somebody_else:
                    self.answered.append(somebody_else.submit(act).result(30))
                if then is not None:
                    raise then

        self.world.cloud.answers[name] = answer

    def serve(self) -> None:
        """Look at what is due, until nothing is."""
        self.world.serve_due()
        assert self.answered, "the cloud was not asked"

    def events(self, object_id: str) -> list[dict[str, Any]]:
        """What the audit trail tells of the object, the last first."""
        logged = self.ask("GET", "/audit-logs?limit=200")
        return [event for event in logged if event["resourceId"] == object_id]


@pytest.fixture
def case(world: World) -> Iterator[Case]:
    yield Case(world)
    world.cloud.answers.clear()
    world.serve_due()


def test_a_resource_that_is_changed_meanwhile_gets_no_verdict_of_what_it_was(case: Case, engine: str) -> None:
    path = f"/resources/{case.resource}"
    changed = {"resourceIdentifier": OTHER_GROUP}
    case.while_asked_about(GROUP, lambda: case.ask("PATCH", path, changed), then=NOT_THERE)

    case.ask("PATCH", path, {"region": "eu-west-1"})
    case.serve()

    now = case.ask("GET", path)
    assert (now["isActive"], now["verificationError"], now["verifiedRevision"]) == (True, None, now["revision"])
    since = [event["eventType"] for event in case.events(case.resource)]
    assert since[: since.index("RESOURCE_UPDATE")] == ["RESOURCE_VERIFY"]
    assert all(event["result"] == "SUCCESS" for event in case.events(case.resource))
    proven("BOUNDS", f"a resource is changed while its cloud is asked, {engine}", "no verdict about what it was")


def test_a_secret_that_is_replaced_meanwhile_gets_no_verdict(case: Case, engine: str) -> None:
    path = f"/credentials/{case.credential}"
    replaced = {"credentialData": OTHER}
    case.while_asked_about(KEY, lambda: case.ask("PATCH", f"{path}?verify=false", replaced), then=WRONG_KEY)

    case.ask("POST", f"{path}/verify")
    case.serve()

    now = case.ask("GET", path)
    assert (now["isValid"], now["verificationError"], now["verifiedSecretVersion"]) == (True, None, 2)
    since = case.events(case.credential)
    newer = since[: [event["eventType"] for event in since].index("CREDENTIAL_UPDATE")]
    assert [event["details"]["secretVersion"] for event in newer] == [2]
    proven("BOUNDS", f"a secret is replaced while its cloud is asked, {engine}", "no verdict about the old one")


def test_a_candidate_that_is_replaced_meanwhile_does_not_take_over(case: Case) -> None:
    path = f"/credentials/{case.credential}"
    newest = {**DATA, "accessKeyId": "AKIATHENEWESTKEY0000"}
    case.while_asked_about(OTHER["accessKeyId"], lambda: case.ask("PATCH", path, {"credentialData": newest}))

    case.ask("PATCH", path, {"credentialData": OTHER})
    case.serve()

    now = case.ask("GET", path)
    assert (now["isValid"], now["account"], now["pendingUpdate"]) == (True, f"account of {newest['accessKeyId']}", None)
    assert (now["secretVersion"], now["verifiedSecretVersion"]) == (3, 3)


DELETIONS = {
    "a resource, while it is looked at": ("resource", GROUP, "resource"),
    "a resource, while its credential is looked at": ("resource", KEY, "credential"),
    "a credential, while it is looked at": ("credential", KEY, "credential"),
    "a credential, while its resource is looked at": ("credential", GROUP, "resource"),
}


@pytest.mark.parametrize("name", DELETIONS)
def test_what_is_deleted_meanwhile_is_gone_and_the_next_is_served(case: Case, engine: str, name: str) -> None:
    deleted, asked_about, looked_at = DELETIONS[name]
    paths = {"credential": f"/credentials/{case.credential}", "resource": f"/resources/{case.resource}"}
    ids = {"credential": case.credential, "resource": case.resource}
    case.while_asked_about(asked_about, lambda: case.ask("DELETE", paths[deleted]), then=WRONG_KEY)

    if looked_at == "resource":
        case.ask("PATCH", paths["resource"], {"region": "eu-west-1"})
    else:
        case.ask("POST", f"{paths['credential']}/verify")
    case.serve()

    gone = [ids["resource"], ids["credential"]] if deleted == "credential" else [ids["resource"]]
    for object_id in gone:
        assert case.events(object_id)[0]["eventType"].endswith("_DELETE")
    assert case.status(paths[deleted]) == 404
    case.world.cloud.answers.clear()
    another = case.ask("POST", "/credentials", {**CREATE_CREDENTIAL["AWS"], "credentialData": OTHER})["id"]
    case.world.serve_due()
    assert case.ask("GET", f"/credentials/{another}")["isValid"] is True
    proven("BOUNDS", f"deleted: {name}, {engine}", "gone, without a verdict after its end, and the next one is served")
