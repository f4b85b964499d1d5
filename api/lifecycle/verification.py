"""Verdicts about credentials, with what follows from them for their resources, in one transaction."""

import uuid

from api.clouds.base import Refused, Verified
from api.credentials import verdict
from api.credentials.verdict import Effect, KeptSecret
from api.database import write
from api.due import Claim
from api.resources import verdict as resources


def credential_accepted(claim: Claim, tried: KeptSecret, verified: Verified, look_again_seconds: float) -> None:
    """The cloud accepts the secret that was tried. Raises LostClaim."""
    with write():
        effect = verdict.accepted(claim, tried, verified, look_again_seconds)
        _follow(effect, tried.credential_id, "")


def credential_refused(claim: Claim, tried: KeptSecret, refusal: Refused, look_again_seconds: float) -> None:
    """The cloud refuses the secret that was tried. Raises LostClaim."""
    with write():
        effect = verdict.refused(claim, tried, refusal, look_again_seconds)
        _follow(effect, tried.credential_id, str(refusal))


def _follow(effect: Effect, credential_id: uuid.UUID, error: str) -> None:
    if effect is Effect.LOOK_AGAIN:
        resources.look_at_all(credential_id)
    elif effect is Effect.BAR:
        resources.bar(credential_id, error)
