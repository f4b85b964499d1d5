"""A credential's secrets: what a caller sends is checked, sealed to its place, and never read here again."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from api import database
from api.clouds import CLOUDS
from api.clouds.derive import credential_errors
from api.credentials.models import Credential, CredentialSecret
from api.errors import UnsafeUrl, refuse
from api.network import check_url
from api.secret import Secret
from api.settings import Settings
from api.vault import SealName, Vault

CURRENT = "CURRENT"
CANDIDATE = "CANDIDATE"


def checked(provider: str, data: Mapping[str, Any], settings: Settings) -> Secret:
    """`credentialData` with the fields, types and lengths that the provider's cloud declares, as a secret.

    Raises InvalidInput with names like `credentialData.accessKeyId`, and UnsafeUrl for an address not to be called.
    """
    cloud = CLOUDS[provider]
    refuse(credential_errors(cloud, data))
    for field in cloud.fields:
        address = data.get(field.name)
        if field.kind != "url" or address is None:
            continue
        if not field.allowed:
            check_url(address, settings.allowed_private_networks)
        elif address not in (*field.allowed, settings.gcp_token_url):
            raise UnsafeUrl(f"credentialData.{field.name} must be {' or '.join(field.allowed)}.")
    return Secret.of_json(dict(data))


def seal_name(organisation_id: uuid.UUID, credential_id: uuid.UUID, version: int) -> SealName:
    """The one place that a sealed secret opens at."""
    return SealName(
        purpose="credential",
        organisation_id=organisation_id,
        credential_id=credential_id,
        field="credentialData",
        version=version,
    )


def keep(credential: Credential, version: int, state: str, data: Secret, vault: Vault, moment: datetime) -> None:
    """Seal `data` and store it as the credential's secret in that state, in the place of one that has it now."""
    sealed = vault.seal(data, seal_name(credential.organisation_id, credential.id, version))
    drop(credential.id, state)
    CredentialSecret.insert(
        credential_id=credential.id,
        organisation_id=credential.organisation_id,
        version=version,
        state=state,
        key_id=sealed.key_id,
        wrapped_key=sealed.wrapped_key,
        sealed_data=sealed.sealed_data,
        created_at=moment,
    ).execute()


def drop(credential_id: uuid.UUID, state: str) -> None:
    """Destroy the secret that is in `state`, if there is one."""
    database.delete(CredentialSecret, CredentialSecret.credential_id == credential_id, CredentialSecret.state == state)
