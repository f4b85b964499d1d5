"""What a check of a credential found, written down: credential, secrets and audit row in one transaction."""

import enum
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api import audit, due
from api.actor import Actor
from api.clouds.base import Refused, Verified
from api.credentials import secrets
from api.credentials.models import Credential, CredentialSecret
from api.credentials.service import REJECTED, subject
from api.database import locked, now, write
from api.due import Claim, LostClaim, Priority
from api.secret import Secret
from api.vault import Sealed, Vault

_UNSETTLED_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class KeptSecret:
    """A secret that a worker may use, still sealed. state: CURRENT or CANDIDATE; sent_at: when a caller sent it."""

    organisation_id: uuid.UUID
    credential_id: uuid.UUID
    provider: str
    version: int
    state: str
    sent_at: datetime
    sealed: Sealed

    def opened(self, vault: Vault) -> Secret:
        """Raises SealBroken, UnknownKey."""
        return vault.open(self.sealed, secrets.seal_name(self.organisation_id, self.credential_id, self.version))


class Effect(enum.Enum):
    """What a verdict about a credential means for its resources."""

    NONE = enum.auto()
    LOOK_AGAIN = enum.auto()
    BAR = enum.auto()


def secret_to_try(credential_id: uuid.UUID) -> KeptSecret | None:
    """The secret that a check is about: the candidate if there is one. None where the credential is gone."""
    return _kept(credential_id, (secrets.CANDIDATE, secrets.CURRENT))


def secret_in_use(credential_id: uuid.UUID) -> KeptSecret | None:
    """The secret that serves. None where the credential is gone."""
    return _kept(credential_id, (secrets.CURRENT,))


def accepted(claim: Claim, tried: KeptSecret, verified: Verified, look_again_seconds: float) -> Effect:
    """The cloud accepts `tried`; a candidate takes the old secret's place. Raises LostClaim."""
    with write():
        credential = _on_trial(claim, tried)
        if credential is None:
            return _not_wanted_any_more(claim)
        seen = {
            **_verdict_about(credential, tried),
            "is_valid": True,
            "verification_error": None,
            "missing_permissions": [],
            "account": verified.account,
        }
        is_candidate = tried.state == secrets.CANDIDATE
        if is_candidate:
            seen |= {"candidate_status": None, "candidate_error": None, "candidate_since": None}
            _promote(tried)
        due.settle(claim, seen, look_again_seconds)
        if is_candidate or not credential.is_valid:
            _tell(credential, tried, None)
            return Effect.LOOK_AGAIN
        if claim.priority is Priority.REQUESTED:
            _tell(credential, tried, None)
        return Effect.NONE


def refused(claim: Claim, tried: KeptSecret, refusal: Refused, look_again_seconds: float) -> Effect:
    """The cloud refuses `tried`; a candidate is destroyed, and the old secret goes on as it was. Raises LostClaim."""
    with write():
        credential = _on_trial(claim, tried)
        if credential is None:
            return _not_wanted_any_more(claim)
        if tried.state == secrets.CANDIDATE:
            return _reject(claim, credential, tried, str(refusal), look_again_seconds)
        seen = {
            **_verdict_about(credential, tried),
            "is_valid": False,
            "verification_error": str(refusal),
            "missing_permissions": list(refusal.missing),
        }
        due.settle(claim, seen, look_again_seconds)
        is_news = (credential.is_valid, credential.verification_error) != (False, str(refusal))
        if is_news or claim.priority is Priority.REQUESTED:
            _tell(credential, tried, str(refusal))
        return Effect.BAR if is_news else Effect.NONE


def unreachable(claim: Claim, reason: str) -> None:
    """No verdict: the check is repeated with backoff, and until then nothing else is tried with the credential.

    `reason` is a word for the log and the metrics. Raises LostClaim.
    """
    with write():
        seconds = due.postpone(claim, reason)
        Credential.update(paused_until=now(seconds)).where(Credential.id == claim.row_id).execute()


def unsettled(claim: Claim, reason: str) -> None:
    """No verdict yet: the cloud may not have heard of what was made a moment ago. Raises LostClaim."""
    with write():
        due.postpone(claim, reason, _UNSETTLED_SECONDS)


def _kept(credential_id: uuid.UUID, states: tuple[str, ...]) -> KeptSecret | None:
    rows: Any = (
        CredentialSecret.select(CredentialSecret, Credential.provider)
        .join(Credential, on=(Credential.id == CredentialSecret.credential_id))
        .where(CredentialSecret.credential_id == credential_id, CredentialSecret.state.in_(states))
        .objects()
    )
    for row in sorted(rows, key=lambda row: states.index(row.state)):
        return KeptSecret(
            organisation_id=row.organisation_id,
            credential_id=row.credential_id,
            provider=row.provider,
            version=row.version,
            state=row.state,
            sent_at=row.created_at,
            sealed=Sealed(row.key_id, row.wrapped_key, row.sealed_data),
        )
    return None


def _on_trial(claim: Claim, tried: KeptSecret) -> Credential | None:
    """The credential, locked; None where somebody has replaced the secret that was tried. Raises LostClaim."""
    credential: Credential | None = locked(Credential.select().where(Credential.id == claim.row_id)).first()
    if credential is None:
        raise LostClaim
    is_kept = CredentialSecret.select().where(
        CredentialSecret.credential_id == tried.credential_id,
        CredentialSecret.version == tried.version,
        CredentialSecret.state == tried.state,
    )
    return credential if is_kept.exists() else None


def _not_wanted_any_more(claim: Claim) -> Effect:
    due.settle(claim, {}, look_again_seconds=0)
    return Effect.NONE


def _promote(candidate: KeptSecret) -> None:
    secrets.drop(candidate.credential_id, secrets.CURRENT)
    CredentialSecret.update(state=secrets.CURRENT).where(
        CredentialSecret.credential_id == candidate.credential_id, CredentialSecret.version == candidate.version
    ).execute()


def _reject(claim: Claim, credential: Credential, tried: KeptSecret, error: str, look_again_seconds: float) -> Effect:
    secrets.drop(tried.credential_id, secrets.CANDIDATE)
    seen = {
        **_verdict_about(credential, tried),
        "candidate_status": REJECTED,
        "candidate_error": error,
        "candidate_since": now(),
    }
    # The old secret may still be waiting for its own first verdict.
    due.settle(claim, seen, 0 if credential.is_valid is None else look_again_seconds)
    _tell(credential, tried, error)
    return Effect.NONE


def _verdict_about(credential: Credential, tried: KeptSecret) -> dict[str, Any]:
    return {
        "last_verified_at": now(),
        "updated_at": now(),
        "paused_until": None,
        # A candidate that was rejected was newer than the secret that goes on.
        "verified_secret_version": max(tried.version, credential.verified_secret_version or 0),
    }


def _tell(credential: Credential, tried: KeptSecret, error: str | None) -> None:
    actor = Actor.system(credential.organisation_id)
    details = {"secretVersion": tried.version}
    audit.record(actor, "CREDENTIAL_VERIFY", subject(credential), error=error, details=details)
