"""P10: no verdict of a worker without the event that tells of it."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from api.audit_log.models import AuditEntry
from api.credentials.models import Credential
from api.database import write
from api.due import want
from api.resources.models import Resource
from tests.api.published import CREATE_CREDENTIAL, CREATE_RESOURCE
from tests.proof.contents import contents
from tests.proof.ledger import proven
from tests.proof.promises.broken_trail import AT_COMMIT, HELP_TABLES, broken_trail
from tests.proof.world import World
from tests.worker.made_up_cloud import MISSING, WRONG_KEY

AWS = CREATE_CREDENTIAL["AWS"]
DATA = AWS["credentialData"]
# What a worker notes where it could not record what it saw.
_TRIES = {"attempts", "claim_token", "claimed_until", "due_at", "due_priority", "last_failure", "unserved_since"}
_TRIES |= {"paused_until", "wanted_revision", "seen_revision"}


class Scene:
    """A credential with a resource, both seen to be good, of a key that only this credential has."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.key = f"AKIA{uuid.uuid4().hex[:16].upper()}"
        body = {**AWS, "credentialData": {**DATA, "accessKeyId": self.key}}
        self.credential = self.ask("POST", "/credentials", body)["id"]
        self.resource = self.ask("POST", "/resources", {**CREATE_RESOURCE, "credentialId": self.credential})["id"]

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        return self.world.crowd.ask(self.world.crowd.ada, method, path, body)

    def candidate(self) -> str:
        key = f"C{self.key}"[:20]
        data = {**DATA, "accessKeyId": key}
        self.ask("PATCH", f"/credentials/{self.credential}", {"credentialData": data})
        return key


def _accepted(_: Scene) -> None:
    return


def _refused(scene: Scene) -> None:
    scene.world.cloud.answers[scene.key] = WRONG_KEY


def _refused_later(scene: Scene) -> None:
    scene.world.serve_due()
    _refused(scene)
    scene.ask("POST", f"/credentials/{scene.credential}/verify")


def _candidate_accepted(scene: Scene) -> None:
    scene.world.serve_due()
    scene.candidate()


def _candidate_refused(scene: Scene) -> None:
    scene.world.serve_due()
    scene.world.cloud.answers[scene.candidate()] = WRONG_KEY


def _resource_refused(scene: Scene) -> None:
    scene.world.serve_due()
    scene.world.cloud.answers[CREATE_RESOURCE["resourceIdentifier"]] = MISSING
    with write():
        want(Resource, Resource.id == uuid.UUID(scene.resource))


VERDICTS: Mapping[str, Callable[[Scene], None]] = {
    "a credential is accepted": _accepted,
    "a credential is refused": _refused,
    "a credential is refused, and its resource with it": _refused_later,
    "a candidate is accepted": _candidate_accepted,
    "a candidate is refused": _candidate_refused,
    "a resource is refused": _resource_refused,
}


def recorded() -> dict[str, Any]:
    """All that is in the database but for when work is tried again."""
    rows = contents({*HELP_TABLES, "credentials", "resources", "turns"})
    models: tuple[Any, ...] = (Credential, Resource)
    for model in models:
        rows[model._meta.table_name] = [
            repr({name: value for name, value in row.__data__.items() if name not in _TRIES})
            for row in model.select().order_by(model.id)
        ]
    return rows


@pytest.mark.engines("sqlite", "postgresql")
@pytest.mark.parametrize("name", VERDICTS)
def test_a_verdict_is_not_recorded_without_its_event(world: World, engine: str, name: str) -> None:
    world.serve_due()
    world.cloud.answers.clear()
    scene = Scene(world)
    VERDICTS[name](scene)
    before, events = recorded(), AuditEntry.select().count()
    faults = (1, AT_COMMIT)
    for fault in faults:
        with broken_trail(fault):
            world.serve_due()
        assert recorded() == before

    with write():
        want(Credential, Credential.id == uuid.UUID(scene.credential))
        want(Resource, Resource.id == uuid.UUID(scene.resource))
    world.serve_due()

    world.cloud.answers.clear()
    assert AuditEntry.select().count() > events and recorded() != before, "else this proves nothing"
    proven(
        "P10", f"the audit row of a verdict refused by {engine}: {name}", f"{len(faults)} of {len(faults)} not recorded"
    )
