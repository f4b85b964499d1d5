"""What must be true of a run's rows when whatever died was started again, and all that was due is done."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from api.accounts.models import ApiKey, Organisation, User
from api.audit_log.models import AuditEntry
from api.credentials import secrets
from api.credentials.models import Credential, CredentialSecret
from api.credentials.service import VERIFYING
from api.database import current_time
from api.due import Turn, late_until
from api.idempotency import IdempotencyKey
from api.lifecycle.due_rows import MODELS
from api.resources.models import Resource
from api.roles.models import Role
from api.sessions.models import Session
from api.static_rules.models import StaticRule
from api.vault import Sealed, Vault
from tests.proof.crashes.cloud import Cloud

SOON = timedelta(minutes=10)
"""What is due later than this is a re-check; a retry comes within a minute."""
_TABLES: dict[str, Any] = {
    "CREDENTIAL": Credential,
    "RESOURCE": Resource,
    "USER": User,
    "API_KEY": ApiKey,
    "ROLE": Role,
    "STATIC_IP_RULE": StaticRule,
}
_ENDS = {"API_KEY": "API_KEY_REVOKE"}
_LINKED = tuple(f"ROLE_{what}_{deed}" for what in ("RESOURCE", "USER", "API_KEY") for deed in ("ADD", "REMOVE"))
# Told once more, of what had to wait for its last rule when it was deleted.
_GONE_AT_LAST = {"rulesRemoved": True}
_BY_THE_CLOCK = (Session, StaticRule)
"""What is due when its time is up: there is no verdict about it."""


def companies(run: str) -> list[Organisation]:
    """What this run has made."""
    return list(Organisation.select().where(Organisation.name.contains(run)).order_by(Organisation.name))


def due_soon(run: str) -> list[str]:
    """What is still to be done."""
    soon, ours = current_time() + SOON, [company.id for company in companies(run)]
    return [
        f"{model.__name__} is due"
        for model in MODELS
        for _ in model.select().where(model.organisation_id.in_(ours), model.due_at <= soon)
    ]


def wrongs(run: str, cloud: Cloud, vault: Vault) -> list[str]:
    """What is not as it must be, in words; nothing where all is."""
    found = due_soon(run)
    for company in companies(run):
        found += [*_of_company(company), *_of_rows_at_rest(company)]
        for credential in Credential.select().where(Credential.organisation_id == company.id):
            found += [*_of_secrets(credential), *_of_verdict(credential, cloud, vault)]
        for kind in _TABLES:
            found += _of_audit(company, kind)
        found += _of_idempotency(company)
    return found


def opened(secret: CredentialSecret, vault: Vault) -> Any:
    """The `credentialData` in it. Raises SealBroken, UnknownKey."""
    name = secrets.seal_name(secret.organisation_id, secret.credential_id, secret.version)
    return vault.open(Sealed(secret.key_id, secret.wrapped_key, secret.sealed_data), name).reveal_json()


def events(company: Organisation) -> list[AuditEntry]:
    which = AuditEntry.organisation_id == company.id
    return list(AuditEntry.select().where(which).order_by(AuditEntry.position))


def _of_company(company: Organisation) -> Iterator[str]:
    if not Turn.select().where(Turn.organisation_id == company.id).exists():
        yield "an organisation is never served"
    if not User.select().where(User.organisation_id == company.id, User.is_active).exists():
        yield "an organisation has nobody"
    told = [entry.details for entry in events(company) if entry.event_type == "ORGANIZATION_UPDATE"]
    if sum("created" in details for details in told) != 1:
        yield "it is not told once that an organisation was made"
    # A database that goes on as another one changes nothing of what a caller has set.
    if company.revision != 1 + sum(not details.keys() & {"created", "restored"} for details in told):
        yield "an organisation's changes and events differ"


def _of_rows_at_rest(company: Organisation) -> Iterator[str]:
    for model in MODELS:
        for row in model.select().where(model.organisation_id == company.id):
            if row.claimed_until is not None or late_until(row.claim_token):
                yield f"{model.__name__} is claimed"
            if row.attempts or row.unserved_since is not None or row.last_failure is not None:
                yield f"{model.__name__} has failed: {row.last_failure}"
            if model not in _BY_THE_CLOCK and row.seen_revision != row.wanted_revision:
                yield f"{model.__name__} has no verdict about what is wanted"


def _of_secrets(credential: Credential) -> Iterator[str]:
    kept = list(CredentialSecret.select().where(CredentialSecret.credential_id == credential.id))
    states = Counter(secret.state for secret in kept)
    if states != {secrets.CURRENT: 1}:
        yield f"a credential has the secrets {dict(states)}"
    if credential.candidate_status == VERIFYING:
        yield "a candidate waits for ever"
    if credential.verified_secret_version != credential.secret_version:
        yield "a verdict is about an old secret"


def _of_verdict(credential: Credential, cloud: Cloud, vault: Vault) -> Iterator[str]:
    where = (CredentialSecret.credential_id == credential.id) & (CredentialSecret.state == secrets.CURRENT)
    current = CredentialSecret.get_or_none(where)
    if current is None:
        return
    refusal = cloud.refusal_of(opened(current, vault))
    code = (credential.verification_error or "").partition(":")[0] or None
    if (credential.is_valid, code) != (refusal is None, refusal):
        yield f"a credential is {credential.is_valid}, {code}; its key is {refusal or 'good'}"
    for resource in Resource.select().where(Resource.credential_id == credential.id):
        is_there = resource.resource_identifier == cloud.there
        if resource.is_active != (is_there and refusal is None) or resource.verified_revision != resource.revision:
            yield f"a resource is {resource.is_active}: {resource.verification_error}"


def _of_audit(company: Organisation, kind: str) -> Iterator[str]:
    """One event for each object that was made, one for each that ended, one for each change."""
    told = [entry for entry in events(company) if entry.event_type.startswith(f"{kind}_")]
    made = Counter(entry.resource_id for entry in told if entry.event_type == f"{kind}_CREATE")
    ended = Counter(
        entry.resource_id
        for entry in told
        if entry.event_type == _ENDS.get(kind, f"{kind}_DELETE") and entry.details != _GONE_AT_LAST
    )
    changed = Counter(
        entry.resource_id
        for entry in told
        if entry.event_type in (f"{kind}_UPDATE", *_LINKED) and (entry.details or {}).get("changed") != ["password"]
    )
    table = _TABLES[kind]
    rows = {str(row.id): row for row in table.select().where(table.organisation_id == company.id)}
    standing = {row_id for row_id, row in rows.items() if getattr(row, "revoked_at", None) is None}
    if {*made.values(), *ended.values()} - {1}:
        yield f"that a {kind} was made or ended is told twice"
    if made.keys() - ended.keys() != standing:
        yield f"what is told of a {kind} is not there, or is not told"
    for row_id, row in rows.items():
        if getattr(row, "deleting_since", None) is not None:
            yield f"a {kind} is never deleted"
        if getattr(row, "revision", 1) != 1 + changed[row_id]:
            yield f"the changes of a {kind} and their events differ"


def _of_idempotency(company: Organisation) -> Iterator[str]:
    """Each Idempotency-Key made an object, unless it is one of a change; and each object was made by one key."""
    ids = {str(key.id) for key in ApiKey.select().where(ApiKey.organisation_id == company.id)}
    told = {entry.resource_id for entry in events(company)}
    makers = IdempotencyKey.select().where(~IdempotencyKey.route.endswith("/extend"))
    keys = [key for key in makers if key.caller.removeprefix("key:") in ids]
    objects = Counter(str(key.object_id) for key in keys)
    if set(objects) - told:
        yield "an Idempotency-Key names what was never made"
    if set(objects.values()) - {1}:
        yield "two Idempotency-Keys name one object"
