"""P7: whoever writes to the database exchanges, moves or spoils sealed secrets. Nobody's cloud is called with them."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from api.credentials.models import Credential, CredentialSecret
from api.database import current_time, database, write
from api.due import Priority
from api.openapi import BASE_PATH
from tests.api.published import CREATE_CREDENTIAL, CREATE_RESOURCE
from tests.proof.crowd import Headers
from tests.proof.ledger import proven
from tests.proof.world import World

pytestmark = pytest.mark.engines("sqlite", "postgresql")

AWS = CREATE_CREDENTIAL["AWS"]
TOLD = "SecretUnreadable: the stored secret cannot be opened; set credentialData anew"
Row = dict[str, Any]


@dataclass(frozen=True)
class Stored:
    """What a database's writer sees and changes: our credential's row, its last version's, and others' rows."""

    ours: Row
    before: Row
    neighbour: Row
    foreign: Row


def change(row: Row, **columns: object) -> None:
    """As an UPDATE by hand does it."""
    with write():
        names = ", ".join(f"{name} = {'?' if database.param == '?' else '%s'}" for name in columns)
        mark = database.param
        database.execute_sql(
            f"UPDATE credential_secrets SET {names} WHERE credential_id = {mark} AND version = {mark}",  # noqa: S608
            [*columns.values(), _uuid(row["credential_id"]), row["version"]],
        )


def _uuid(value: uuid.UUID) -> Any:
    return CredentialSecret.credential_id.db_value(value)


def sealed_of(row: Row) -> Row:
    return {name: row[name] for name in ("key_id", "wrapped_key", "sealed_data")}


def move_row(stored: Stored) -> None:
    """The other organisation's whole row under our credential."""
    ours, foreign = stored.ours, stored.foreign
    with write():
        database.execute_sql(
            f"DELETE FROM credential_secrets WHERE credential_id = {database.param}",  # noqa: S608
            [_uuid(ours["credential_id"])],
        )
    owner = {name: _uuid(ours[name]) for name in ("credential_id", "organisation_id")}
    change(foreign, **owner)


def name_another_key(stored: Stored) -> None:
    mark = database.param
    with write():
        statement = f"INSERT INTO key_checks (key_id, check_value) VALUES ({mark}, {mark}) ON CONFLICT DO NOTHING"  # noqa: S608
        database.execute_sql(statement, ["second", b"x"])
    change(stored.ours, key_id="second")


SWAPS: Mapping[str, Callable[[Stored], None]] = {
    "another organisation's secret": lambda stored: change(stored.ours, **sealed_of(stored.foreign)),
    "another credential's secret": lambda stored: change(stored.ours, **sealed_of(stored.neighbour)),
    "another organisation's row": move_row,
    "another organisation's wrapped key": lambda stored: change(stored.ours, wrapped_key=stored.foreign["wrapped_key"]),
    "another organisation's sealed data": lambda stored: change(stored.ours, sealed_data=stored.foreign["sealed_data"]),
    "the secret before": lambda stored: change(stored.ours, **sealed_of(stored.before)),
    "another version": lambda stored: change(stored.ours, version=9),
    "another key": name_another_key,
    "a bit flipped": lambda stored: change(
        stored.ours, sealed_data=stored.ours["sealed_data"][:-1] + bytes([stored.ours["sealed_data"][-1] ^ 1])
    ),
    "cut short": lambda stored: change(stored.ours, sealed_data=stored.ours["sealed_data"][:20]),
    "nothing": lambda stored: change(stored.ours, sealed_data=b"", wrapped_key=b""),
}


def add(world: World, maker: Headers, key: str) -> str:
    data = {"accessKeyId": key, "secretAccessKey": "s" * 40}
    body = {**AWS, "name": world.crowd.name_for(maker), "credentialData": data}
    return str(world.crowd.ask(maker, "POST", "/credentials", body)["id"])


def row_of(credential_id: str) -> Row:
    row = CredentialSecret.get(CredentialSecret.credential_id == uuid.UUID(credential_id))
    return {name: bytes(value) if isinstance(value, memoryview) else value for name, value in row.__data__.items()}


@dataclass
class Scene:
    """A credential of ours with a resource, verified, beside a neighbour and another organisation's."""

    world: World
    credential: str
    resource: str
    stored: Stored

    def shown(self, kind: str) -> Any:
        named = {"credentials": self.credential, "resources": self.resource}[kind]
        return self.world.crowd.ask(self.world.crowd.ada, "GET", f"/{kind}/{named}")

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        url = f"{BASE_PATH}/credentials/{self.credential}{path}"
        return self.world.client.open(url, method=method, json=body, headers=self.world.crowd.ada)


def scene(world: World) -> Scene:
    ada, eve = world.crowd.ada, world.crowd.eve
    key = f"AKIA{uuid.uuid4().hex[:16].upper()}"
    credential, neighbour, foreign = add(world, ada, key), add(world, ada, f"N{key}"), add(world, eve, f"E{key}")
    before = row_of(credential)
    newer = {"credentialData": {"accessKeyId": key, "secretAccessKey": "t" * 40}}
    world.crowd.ask(ada, "PATCH", f"/credentials/{credential}?verify=false", newer)
    resource = world.crowd.ask(ada, "POST", "/resources", {**CREATE_RESOURCE, "credentialId": credential})["id"]
    world.serve_due()
    stored = Stored(row_of(credential), before, row_of(neighbour), row_of(foreign))
    return Scene(world, credential, resource, stored)


@pytest.mark.parametrize("swap", SWAPS)
def test_a_secret_that_was_tampered_with_calls_no_cloud_and_its_owner_is_told(
    world: World, swap: str, engine: str, caplog: pytest.LogCaptureFixture
) -> None:
    ours = scene(world)
    assert ours.shown("credentials")["isValid"] is True and ours.shown("resources")["isActive"] is True
    SWAPS[swap](ours.stored)
    connections = world.cloud.connections
    world.cloud.calls.clear()

    assert ours.ask("POST", "/verify").status_code == 202
    world.serve_due()

    shown = ours.shown("credentials")
    assert (shown["isValid"], shown["verificationError"]) == (False, TOLD)
    resource = ours.shown("resources")
    assert (resource["isActive"], resource["verificationError"]) == (False, f"credential is invalid: {TOLD}")
    assert (world.cloud.connections, dict(world.cloud.calls)) == (connections, {})
    assert f"credential {ours.credential}" in caplog.text and "does not open" in caplog.text
    _is_at_rest(ours.credential)
    _is_mended_by_a_new_secret(ours)
    proven("P7", f"secrets exchanged by SQL: {swap}, {engine}", "no cloud called, the owner told, mended by a new one")


def _is_at_rest(credential_id: str) -> None:
    """Looked at again with the others, not in a loop."""
    row = Credential.get_by_id(credential_id)
    assert (row.attempts, row.claim_token, row.due_priority) == (0, None, Priority.RECHECK)
    assert (row.due_at - current_time()).total_seconds() > 600


def _is_mended_by_a_new_secret(ours: Scene) -> None:
    data = {"accessKeyId": f"M{uuid.uuid4().hex[:16].upper()}", "secretAccessKey": "u" * 40}
    assert ours.ask("PATCH", "", {"credentialData": data}).status_code == 200
    ours.world.serve_due()
    assert ours.shown("credentials")["isValid"] is True and ours.shown("resources")["isActive"] is True


def test_a_candidate_that_was_tampered_with_is_rejected_and_the_old_secret_goes_on(world: World) -> None:
    ours = scene(world)
    data = {"accessKeyId": "AKIACANDIDATE0000000", "secretAccessKey": "u" * 40}
    ours.ask("PATCH", "", {"credentialData": data})
    version = ours.stored.ours["version"] + 1
    change({**ours.stored.ours, "version": version}, **sealed_of(ours.stored.foreign))

    assert ours.ask("POST", "/verify").status_code == 202
    world.serve_due()

    shown = ours.shown("credentials")
    assert (shown["isValid"], shown["verificationError"]) == (True, None)
    assert (shown["pendingUpdate"]["status"], shown["pendingUpdate"]["error"]) == ("REJECTED", TOLD)


def test_a_resource_and_a_listing_are_told_too(world: World) -> None:
    ours = scene(world)
    change(ours.stored.ours, **sealed_of(ours.stored.foreign))

    with world.worker():
        listing = ours.ask("GET", "/targets?region=eu-central-1")
        path = f"{BASE_PATH}/resources/{ours.resource}/verify"
        resource = world.client.post(path, headers=world.crowd.ada)

    assert (listing.status_code, listing.get_json()["message"]) == (400, TOLD)
    assert (resource.status_code, resource.get_json()["error"]) == (400, "VERIFICATION_FAILED")
    assert resource.get_json()["message"].endswith(TOLD)
