"""What a run has left, without what differs between two runs: ids, times, random words."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from api.accounts.models import ApiKey, Organisation, User
from api.credentials.models import Credential, CredentialSecret, TargetListing
from api.resources.models import Resource
from api.vault import Vault
from tests.proof.crashes.cloud import Cloud
from tests.proof.crashes.settled import companies, events, opened

_CREDENTIAL = (
    "name",
    "account",
    "is_valid",
    "verification_error",
    "missing_permissions",
    "secret_version",
    "verified_secret_version",
    "candidate_status",
    "candidate_error",
    "paused_until",
    "revision",
)
_RESOURCE = ("name", "max_session_minutes", "is_active", "verification_error", "missing_permissions", "revision")
_USER = ("email", "name", "role", "is_active", "revision")


def outcome(run: str, cloud: Cloud, vault: Vault, retold: Iterable[str]) -> list[Any]:
    """To compare with that of another run; events of the kinds `retold` are left out."""
    return [_of_company(company, run, cloud, vault, set(retold)) for company in companies(run)]


def _of_company(company: Organisation, run: str, cloud: Cloud, vault: Vault, retold: set[str]) -> dict[str, Any]:
    found = {
        "name": company.name,
        "credentials": [
            _columns(row, _CREDENTIAL) | {"secrets": _secrets(row, cloud, vault)} for row in _rows(Credential, company)
        ],
        "resources": [_columns(row, _RESOURCE) for row in _rows(Resource, company)],
        "listings": [_columns(row, ("region", "error")) | {"found": bool(row.targets)} for row in _listings(company)],
        "users": [_columns(row, _USER) for row in _rows(User, company)],
        "keys": [row.name for row in _rows(ApiKey, company) if row.revoked_at is None],
        "events": _told(company, retold),
    }
    without: dict[str, Any] = _without(run, found)
    return without


def _rows(table: Any, company: Organisation) -> list[Any]:
    return list(table.select().where(table.organisation_id == company.id).order_by(table.created_at))


def _listings(company: Organisation) -> list[Any]:
    return list(TargetListing.select().where(TargetListing.organisation_id == company.id))


def _columns(row: Any, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _secrets(credential: Credential, cloud: Cloud, vault: Vault) -> list[Any]:
    kept = CredentialSecret.select().where(CredentialSecret.credential_id == credential.id)
    return [[row.version, row.state, row.key_id, cloud.kind_of(opened(row, vault))] for row in kept]


def _told(company: Organisation, retold: set[str]) -> list[str]:
    """Each event with how often it was told; in no order, since the workers have none among rows of one moment."""
    told = Counter(
        f"{entry.event_type} {entry.resource_name} {entry.result} {entry.error_message} {_details(entry.details)}"
        for entry in events(company)
        if entry.event_type not in retold
    )
    return sorted(f"{count} x {event}" for event, count in told.items())


def _details(details: dict[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (details or {}).items() if name != "keyPrefix"}


def _without(run: str, found: Any) -> Any:
    if isinstance(found, str):
        return found.replace(run, "RUN")
    if isinstance(found, dict):
        return {name: _without(run, value) for name, value in found.items()}
    return [_without(run, value) for value in found] if isinstance(found, list) else found
