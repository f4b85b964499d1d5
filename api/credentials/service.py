"""What can be done with cloud credentials. What crosses rooms, deleting among it, is in `lifecycle`."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import peewee

from api import audit, database, due
from api.actor import Actor
from api.clouds import CLOUDS
from api.conditional import check_if_match
from api.credentials import secrets
from api.credentials.models import Credential
from api.database import current_time, write
from api.errors import Conflict, CredentialNotFound, InvalidInput
from api.paging import Listing, Page, oldest_first
from api.secret import Secret
from api.server import Server
from api.vault import Vault

VERIFYING = "VERIFYING"
REJECTED = "REJECTED"

# What the rejection of a new secret begins with that is of another account, while rules are applied.
OTHER_ACCOUNT = "OtherAccount"
BEING_DELETED = "The credential is being deleted. It takes no change and no further resource."


@dataclass(frozen=True, slots=True)
class NewCredentialFields:
    """What a caller asks for. The data is a secret: no `repr` shows it."""

    name: str
    provider: str
    credential_type: str
    credential_data: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChangedCredentialFields:
    """What a caller changes; None leaves it as it is."""

    name: str | None = None
    credential_data: dict[str, Any] | None = field(default=None, repr=False)


def create(actor: Actor, wanted: NewCredentialFields, server: Server, credential_id: uuid.UUID) -> Credential:
    """Add a credential; a worker verifies it from here on. Raises InvalidInput, UnsafeUrl."""
    cloud = CLOUDS[wanted.provider]
    if wanted.credential_type != cloud.credential_type:
        raise InvalidInput(
            f"credentialType must be {cloud.credential_type} for {cloud.name} credentials",
            {"credentialType": [f"must be {cloud.credential_type}"]},
        )
    data = secrets.checked(wanted.provider, wanted.credential_data, server.settings)
    with write():
        moment = current_time()
        credential = Credential.create(
            id=credential_id,
            organisation_id=actor.organisation,
            name=wanted.name,
            provider=wanted.provider,
            credential_type=wanted.credential_type,
            created_at=moment,
            updated_at=moment,
        )
        secrets.keep(credential, credential.secret_version, secrets.CURRENT, data, server.vault, moment)
        due.want(Credential, Credential.id == credential.id)
        audit.record(actor, "CREDENTIAL_CREATE", subject(credential))
    return credential


def of(organisation_id: uuid.UUID, credential_id: uuid.UUID) -> Credential:
    """The organisation's credential. Raises CredentialNotFound, whether it is nobody's or somebody else's."""
    credential: Credential | None = Credential.get_or_none(_is(organisation_id, credential_id))
    if credential is None:
        raise CredentialNotFound(credential_id)
    return credential


def locked(organisation_id: uuid.UUID, credential_id: uuid.UUID) -> Credential:
    """The same, and nobody else changes it until the open transaction ends."""
    query = Credential.select().where(_is(organisation_id, credential_id))
    credential: Credential | None = database.locked(query).first()
    if credential is None:
        raise CredentialNotFound(credential_id)
    return credential


def changeable(organisation_id: uuid.UUID, credential_id: uuid.UUID) -> Credential:
    """The same of one that is not being deleted. Raises CredentialNotFound, Conflict."""
    credential = locked(organisation_id, credential_id)
    if credential.deleting_since is not None:
        raise Conflict(BEING_DELETED)
    return credential


def listed(organisation_id: uuid.UUID, page: Page) -> Listing[Credential]:
    """The organisation's credentials, oldest first."""
    return oldest_first(Credential.select().where(Credential.organisation_id == organisation_id), page)


def found(organisation_id: uuid.UUID, credential_ids: Collection[uuid.UUID]) -> list[Credential]:
    """Those of the organisation's credentials that have these ids."""
    theirs = Credential.organisation_id == organisation_id
    return list(Credential.select().where(theirs, Credential.id.in_(list(credential_ids))))


def change(
    actor: Actor, credential_id: uuid.UUID, wanted: ChangedCredentialFields, server: Server, *, verify_first: bool
) -> Credential:
    """Rename a credential, or give it a new secret.

    A new secret waits beside the old one, which serves until a worker has verified the new; with `verify_first` false
    it takes the old one's place at once.

    Raises CredentialNotFound, StaleObject, InvalidInput, UnsafeUrl; Conflict where it is being deleted.
    """
    with write():
        credential = changeable(actor.organisation, credential_id)
        check_if_match(credential.revision)
        changed = []
        if wanted.name is not None and wanted.name != credential.name:
            credential.name = wanted.name
            changed.append("name")
        if wanted.credential_data is not None:
            data = secrets.checked(credential.provider, wanted.credential_data, server.settings)
            _replace_secret(credential, data, server.vault, verify_first)
            changed.append("credentialData")
        if changed:
            credential.revision += 1
            credential.updated_at = current_time()
            credential.save()
            audit.record(actor, "CREDENTIAL_UPDATE", subject(credential), details={"changed": changed})
        if "credentialData" in changed:
            due.want(Credential, Credential.id == credential.id)
        return of(actor.organisation, credential_id)


def ask_verification(actor: Actor, credential_id: uuid.UUID) -> Credential:
    """Have a credential verified now. Returns it with the `wanted_revision` that the verdict will be about."""
    with write():
        credential = locked(actor.organisation, credential_id)
        due.want(Credential, Credential.id == credential.id)
        return of(actor.organisation, credential_id)


def subject(credential: Credential) -> audit.Subject:
    """How the audit trail names a credential."""
    return audit.Subject("CREDENTIAL", credential.id, credential.name)


def _is(organisation_id: uuid.UUID, credential_id: uuid.UUID) -> peewee.Node:
    return (Credential.organisation_id == organisation_id) & (Credential.id == credential_id)


def _replace_secret(credential: Credential, data: Secret, vault: Vault, verify_first: bool) -> None:
    moment = current_time()
    credential.secret_version += 1
    credential.candidate_error = None
    if verify_first:
        credential.candidate_status, credential.candidate_since = VERIFYING, moment
        secrets.keep(credential, credential.secret_version, secrets.CANDIDATE, data, vault, moment)
        return
    credential.candidate_status = credential.candidate_since = None
    credential.is_valid = credential.verification_error = credential.missing_permissions = None
    secrets.drop(credential.id, secrets.CANDIDATE)
    secrets.keep(credential, credential.secret_version, secrets.CURRENT, data, vault, moment)
