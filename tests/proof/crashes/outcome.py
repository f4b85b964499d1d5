"""What a run has left, without what differs between two runs: ids, times, random words."""

import functools
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from api.accounts.models import ApiKey, Organisation, User
from api.credentials.models import Credential, CredentialSecret, TargetListing
from api.resources.models import Resource
from api.roles.models import Role, RoleApiKey, RoleResource, RoleUser
from api.sessions.models import Session
from api.static_rules.models import StaticRule
from api.targets.models import Grant, Rule
from api.vault import Vault
from tests.proof.crashes.cloud import Cloud
from tests.proof.crashes.settled import companies, events, opened
from tests.proof.crashes.site import addresses_of

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
_SESSION = ("user_name", "ipv4_address", "status", "ended_reason", "revision")
_STATIC_RULE = ("label", "ip_address", "revision")
_GRANT = ("resource_name", "address", "status", "error")
_RULE = ("address", "protocol", "ports", "is_added", "is_seen", "is_applied", "is_foreign", "error")
_ROLE = ("name", "max_session_hours", "revision")
# What differs between two runs: a part of a key's text, and times.
_PASSING = ("keyPrefix", "expiresAt")


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
        "sessions": [
            _columns(row, _SESSION) | {"has started": row.started_at is not None, "minutes": _minutes(row)}
            for row in _rows(Session, company)
        ],
        "static rules": [_columns(row, _STATIC_RULE) for row in _rows(StaticRule, company)],
        "grants": [_columns(row, _GRANT) | {"is kept": row.kept_by is not None} for row in _rows(Grant, company)],
        "rules": [_columns(row, _RULE) for row in _rows(Rule, company)],
        "roles": [_columns(row, _ROLE) | _links(row) for row in _rows(Role, company)],
        "events": _told(company, retold),
    }
    words = {run: "RUN", cloud.there: "OBJECT", **dict(zip(addresses_of(run), ("HERE", "THERE"), strict=True))}
    without: dict[str, Any] = _without(words, found)
    return without


def _minutes(session: Session) -> int:
    lasts: timedelta = session.expires_at - session.created_at
    return round(lasts.total_seconds() / 60)


def _links(role: Role) -> dict[str, int]:
    return {
        table.__name__: table.select().where(table.role_id == role.id).count()
        for table in (RoleResource, RoleUser, RoleApiKey)
    }


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
    return {name: value for name, value in (details or {}).items() if name not in _PASSING}


def _without(words: Mapping[str, str], found: Any) -> Any:
    """The same with other words for some."""
    if isinstance(found, str):
        return functools.reduce(lambda text, word: text.replace(word, words[word]), words, found)
    if isinstance(found, dict):
        return {name: _without(words, value) for name, value in found.items()}
    return [_without(words, value) for value in found] if isinstance(found, list) else found
