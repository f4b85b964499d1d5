"""Verdicts about credentials, with what follows from them for their resources, in one transaction."""

from api.clouds.base import Refused, Verified
from api.credentials import verdict
from api.credentials.verdict import Effect, KeptSecret
from api.database import write
from api.due import Claim
from api.resources import verdict as resources


def credential_accepted(claim: Claim, tried: KeptSecret, verified: Verified, look_again_seconds: float) -> None:
    """The cloud accepts the secret that was tried. Raises LostClaim."""
    with write():
        if verdict.accepted(claim, tried, verified, look_again_seconds) is Effect.LOOK_AGAIN:
            resources.look_at_all(tried.credential_id)


def credential_refused(claim: Claim, tried: KeptSecret, refusal: Refused, look_again_seconds: float) -> None:
    """The cloud refuses the secret that was tried. Raises LostClaim."""
    with write():
        if verdict.refused(claim, tried, refusal, look_again_seconds) is Effect.BAR:
            resources.bar(tried.credential_id, str(refusal))
