"""What a look at a resource's object found, written down: the resource and the audit row in one transaction."""

import uuid
from dataclasses import dataclass

from api import audit, due
from api.actor import Actor
from api.clouds.base import Refused, Target
from api.credentials.models import Credential
from api.database import locked, now, write
from api.due import Claim, LostClaim, Priority
from api.resources.models import Resource
from api.resources.service import subject

BARRED = "credential is invalid: "
"""How the reason begins that is not the object's own."""
_NO_VERDICT_YET = "CredentialNotVerified"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a resource asks to be looked at. is_barred: its credential is invalid, so the cloud need not be asked."""

    credential_id: uuid.UUID
    revision: int
    target: Target
    is_barred: bool


def wanted(resource_id: uuid.UUID) -> Wanted | None:
    """What is to be looked at; None where the resource is gone."""
    resource = Resource.get_or_none(Resource.id == resource_id)
    if resource is None:
        return None
    credential = Credential.get_or_none(Credential.id == resource.credential_id)
    if credential is None:
        return None
    return Wanted(
        credential_id=resource.credential_id,
        revision=resource.revision,
        target=Target(resource.region, resource.resource_identifier, resource.resource_type),
        is_barred=credential.is_valid is False,
    )


def record(claim: Claim, asked: Wanted, refusal: Refused | None, look_again_seconds: float) -> None:
    """The cloud showed what was `asked`, or refused. Raises LostClaim.

    The credential has the last word: while it is invalid no resource of its is active, and while it has no verdict a
    resource gets none either. A refusal makes the credential due too, since the key may be at fault, but only where it
    is news; so does a resource that is barred for want of a permission, but only where somebody asked: two that look
    at each other would never come to rest.
    """
    with write():
        credential: Credential | None = locked(Credential.select().where(Credential.id == asked.credential_id)).first()
        resource = Resource.get_or_none(Resource.id == claim.row_id)
        if credential is None or resource is None:
            raise LostClaim
        if credential.is_valid is None:
            due.postpone(claim, _NO_VERDICT_YET)
            return
        if resource.revision != asked.revision:
            due.settle(claim, {}, look_again_seconds=0)
            return
        missing = list(refusal.missing) if refusal else []
        error = str(refusal) if refusal else None
        if credential.is_valid is False:
            error, missing = BARRED + str(credential.verification_error), []
        is_news = (resource.verified_revision, resource.is_active, resource.verification_error) != (
            resource.revision,
            error is None,
            error,
        )
        due.settle(claim, _verdict(asked, error, missing), look_again_seconds)
        if is_news or claim.priority is Priority.REQUESTED:
            _tell(resource, error)
        if is_news and refusal and credential.is_valid:
            due.want(Credential, Credential.id == credential.id, Priority.RECHECK)
        # What the others refuse, one that somebody has just added or changed may permit.
        if claim.priority is Priority.REQUESTED and credential.is_valid is False and credential.missing_permissions:
            due.want(Credential, Credential.id == credential.id, Priority.RECHECK)


def unreachable(claim: Claim, reason: str) -> None:
    """No verdict: the look is repeated with backoff. `reason` is a word for log and metrics. Raises LostClaim."""
    with write():
        due.postpone(claim, reason)


def bar(credential_id: uuid.UUID, error: str) -> str:
    """Turn the resources of a credential that is invalid inactive; why they are. Inside `write`, with it locked."""
    reason = BARRED + error
    ours = Resource.credential_id == credential_id
    for resource in Resource.select().where(ours, Resource.is_active):
        _tell(resource, reason)
    Resource.update(
        is_active=False,
        verification_error=reason,
        verified_revision=Resource.revision,
        last_verified_at=now(),
        updated_at=now(),
    ).where(ours).execute()
    return reason


def look_at_all(credential_id: uuid.UUID) -> None:
    """Have the resources of a credential looked at, since what it may do has changed. Inside `write`.

    Those that somebody asked for and that waited for the credential stay as urgent as they were.
    """
    due.want(Resource, Resource.credential_id == credential_id, Priority.RECHECK)


def look_at_refused(credential_id: uuid.UUID) -> None:
    """Have those resources of a credential looked at that the cloud refused. Inside `write`."""
    refused = Resource.verification_error.is_null(False)
    due.want(Resource, (Resource.credential_id == credential_id) & refused, Priority.RECHECK)


def _verdict(asked: Wanted, error: str | None, missing: list[str]) -> dict[str, object]:
    return {
        "is_active": error is None,
        "verification_error": error,
        "missing_permissions": missing,
        "verified_revision": asked.revision,
        "last_verified_at": now(),
        "updated_at": now(),
    }


def _tell(resource: Resource, error: str | None) -> None:
    audit.record(Actor.system(resource.organisation_id), "RESOURCE_VERIFY", subject(resource), error=error)
