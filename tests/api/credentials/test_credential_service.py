"""Credentials and resources as their services keep them, and what deleting takes along."""

import dataclasses
import uuid
from typing import Any

import pytest

from api.actor import Actor
from api.credentials import secrets
from api.credentials import service as credentials
from api.credentials.models import Credential, CredentialSecret
from api.credentials.service import ChangedCredentialFields, NewCredentialFields
from api.database import clock, current_time, write
from api.errors import CredentialNotFound, InvalidInput
from api.paging import Page
from api.secret import Secret
from api.server import Server
from api.settings import Settings
from api.vault import Sealed, Vault
from api.wait import WaitingRoom
from tests.api.accounts.acting import administrator, as_user, columns, events, tells, told
from tests.api.published import CREATE_CREDENTIAL
from tests.refused import refused
from tests.rows import make_credential

AWS = CREATE_CREDENTIAL["AWS"]["credentialData"]
OTHER = {"accessKeyId": "AKIAI44QH8DHBEXAMPLE", "secretAccessKey": "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY"}
WANTED = NewCredentialFields("AWS", "AWS", "ACCESS_KEY", AWS)
SECOND = 1_000_000


@pytest.fixture
def server(settings: Settings, vault: Vault) -> Server:
    return Server(settings, vault, WaitingRoom(2))


@pytest.fixture
def by_ada(db: str) -> Actor:
    return as_user(administrator())


@pytest.fixture
def made(by_ada: Actor, server: Server) -> Credential:
    return credentials.create(by_ada, WANTED, server, uuid.uuid4())


def settle_all() -> None:
    """Nothing is due, and the secrets that are kept are known to be good."""
    with write():
        Credential.update(due_at=None, is_valid=True, missing_permissions=["x"], verification_error="x").execute()


def kept(credential: Credential, vault: Vault) -> dict[str, tuple[int, Any]]:
    """The secrets that are kept, by state: version and content."""
    rows = CredentialSecret.select().where(CredentialSecret.credential_id == credential.id)
    return {row.state: (row.version, opened(row, vault)) for row in rows}


def opened(row: CredentialSecret, vault: Vault) -> Any:
    name = secrets.seal_name(row.organisation_id, row.credential_id, row.version)
    return vault.open(Sealed(row.key_id, row.wrapped_key, row.sealed_data), name)


def test_a_new_credential_is_kept_due_and_told(by_ada: Actor, server: Server, standing_clock: None) -> None:
    credential_id = uuid.uuid4()
    other = make_credential()

    made = credentials.create(by_ada, WANTED, server, credential_id)

    row = {name: value for name, value in columns(made).items() if value is not None}
    assert row == {
        "id": credential_id,
        "organisation_id": by_ada.organisation_id,
        "name": "AWS",
        "provider": "AWS",
        "credential_type": "ACCESS_KEY",
        "created_at": current_time(),
        "updated_at": current_time(),
        "secret_version": 1,
        "revision": 1,
        "due_at": current_time(),
        "due_priority": 2,
        "wanted_revision": 2,
        "seen_revision": 0,
        "attempts": 0,
    }
    assert kept(made, server.vault) == {"CURRENT": (1, Secret.of_json(AWS))}
    assert CredentialSecret.get().created_at == current_time()
    assert told(events()[-1]) == tells(by_ada, "CREDENTIAL_CREATE", ("CREDENTIAL", credential_id, "AWS"))
    assert columns(other)["due_at"] is None


def test_a_credential_is_of_its_clouds_type(by_ada: Actor, server: Server) -> None:
    wanted = dataclasses.replace(WANTED, credential_type="API_KEY")

    with pytest.raises(InvalidInput) as refusal:
        credentials.create(by_ada, wanted, server, uuid.uuid4())

    assert str(refusal.value) == "credentialType must be ACCESS_KEY for AWS credentials"
    assert refusal.value.details == {"credentialType": ["must be ACCESS_KEY"]}
    assert not Credential.select().exists()


def test_a_new_name_alone_asks_no_cloud(by_ada: Actor, server: Server, made: Credential, standing_clock: None) -> None:
    settle_all()
    before = columns(made)
    clock.offset += SECOND

    changed = credentials.change(by_ada, made.id, ChangedCredentialFields("New"), server, verify_first=True)

    assert columns(made) == {**before, "name": "New", "revision": 2, "updated_at": current_time()}
    assert dict(changed.__data__) == columns(made)
    subject = ("CREDENTIAL", made.id, "New")
    assert told(events()[-1]) == tells(by_ada, "CREDENTIAL_UPDATE", subject, details={"changed": ["name"]})


@pytest.mark.parametrize("name", [None, "AWS"])
def test_what_changes_nothing_is_no_change(by_ada: Actor, server: Server, made: Credential, name: str | None) -> None:
    before, length = columns(made), len(events())

    credentials.change(by_ada, made.id, ChangedCredentialFields(name), server, verify_first=True)

    assert (columns(made), len(events())) == (before, length)


def test_a_new_secret_waits_beside_the_one_that_serves(
    by_ada: Actor, server: Server, made: Credential, standing_clock: None
) -> None:
    other = make_credential()
    settle_all()
    with write():
        Credential.update(candidate_error="x", candidate_status="REJECTED").execute()
    before = columns(made)
    clock.offset += SECOND

    wanted = ChangedCredentialFields("New", OTHER)
    credentials.change(by_ada, made.id, wanted, server, verify_first=True)

    news = {"name": "New", "revision": 2, "updated_at": current_time(), "secret_version": 2, "wanted_revision": 3}
    waits = {"candidate_status": "VERIFYING", "candidate_since": current_time(), "candidate_error": None}
    assert columns(made) == {**before, **news, **waits, "due_at": current_time()}
    assert columns(other)["due_at"] is None
    assert kept(made, server.vault) == {"CURRENT": (1, Secret.of_json(AWS)), "CANDIDATE": (2, Secret.of_json(OTHER))}
    assert CredentialSecret.get(CredentialSecret.version == 2).created_at == current_time()
    assert events()[-1].details == {"changed": ["name", "credentialData"]}


def test_a_secret_that_need_not_be_verified_first_takes_the_place_of_both(
    by_ada: Actor, server: Server, made: Credential, standing_clock: None
) -> None:
    credentials.change(by_ada, made.id, ChangedCredentialFields(None, OTHER), server, verify_first=True)
    settle_all()
    clock.offset += SECOND

    credentials.change(by_ada, made.id, ChangedCredentialFields(None, AWS), server, verify_first=False)

    row = columns(made)
    forgotten = ("candidate_status", "candidate_since", "candidate_error", "is_valid", "verification_error")
    assert [row[name] for name in (*forgotten, "missing_permissions")] == [None] * 6
    assert (row["secret_version"], row["due_at"]) == (3, current_time())
    assert kept(made, server.vault) == {"CURRENT": (3, Secret.of_json(AWS))}
    assert CredentialSecret.get().created_at == current_time()


def test_a_malformed_secret_changes_nothing(by_ada: Actor, server: Server, made: Credential) -> None:
    before = columns(made)

    with pytest.raises(InvalidInput):
        credentials.change(by_ada, made.id, ChangedCredentialFields("New", {}), server, verify_first=True)

    assert columns(made) == before


def test_somebody_elses_credential_is_nobodys(by_ada: Actor, server: Server, made: Credential) -> None:
    eve = as_user(administrator("eve@example.org", "Other"))
    deeds: list[Any] = [
        lambda: credentials.of(eve.organisation, made.id),
        lambda: credentials.locked(eve.organisation, made.id),
        lambda: credentials.ask_verification(eve, made.id),
        lambda: credentials.change(eve, made.id, ChangedCredentialFields("x"), server, verify_first=True),
    ]
    for deed in deeds:
        with refused(CredentialNotFound, f"Credential with ID {made.id} not found"):
            deed()
    unknown = uuid.uuid4()
    with refused(CredentialNotFound, f"Credential with ID {unknown} not found"):
        credentials.of(by_ada.organisation, unknown)
    assert credentials.of(by_ada.organisation, made.id) == credentials.locked(by_ada.organisation, made.id) == made


def test_credentials_are_listed_by_organisation_and_page(by_ada: Actor, server: Server, made: Credential) -> None:
    make_credential()
    second = credentials.create(by_ada, WANTED, server, uuid.uuid4())

    assert credentials.listed(by_ada.organisation, Page()).rows == [made, second]
    assert credentials.listed(by_ada.organisation, Page(limit=1)).rows == [made]


def test_asking_for_a_verification_makes_that_credential_due(
    by_ada: Actor, made: Credential, standing_clock: None
) -> None:
    other = make_credential()
    settle_all()
    before = columns(made)

    asked = credentials.ask_verification(by_ada, made.id)

    assert columns(made) == {**before, "due_at": current_time(), "wanted_revision": 3}
    assert dict(asked.__data__) == columns(made)
    assert columns(other)["due_at"] is None
