"""Verdicts about credentials, with what follows from them for their resources, in one transaction."""

from api.clouds.base import Refused, Verified
from api.credentials import verdict
from api.credentials.models import Credential
from api.credentials.service import OTHER_ACCOUNT
from api.credentials.verdict import Effect, KeptSecret
from api.database import locked, write
from api.due import Claim
from api.resources import verdict as resources
from api.resources.models import Resource
from api.resources.verdict import Wanted
from api.sessions import service as sessions
from api.targets import service as targets

_OF_ANOTHER_ACCOUNT = Refused(OTHER_ACCOUNT, "rules are applied that only a secret of the account in use can remove")


def credential_accepted(claim: Claim, tried: KeptSecret, verified: Verified, look_again_seconds: float) -> None:
    """The cloud accepts the secret that was tried; one of another account is refused while rules are applied.

    Raises LostClaim.
    """
    with write():
        if _would_strand_rules(tried, verified):
            credential_refused(claim, tried, _OF_ANOTHER_ACCOUNT, look_again_seconds)
            return
        if verdict.accepted(claim, tried, verified, look_again_seconds) is Effect.LOOK_AGAIN:
            resources.look_at_all(tried.credential_id)
            targets.look_at_all(tried.credential_id)


def credential_refused(claim: Claim, tried: KeptSecret, refusal: Refused, look_again_seconds: float) -> None:
    """The cloud refuses the secret that was tried. Raises LostClaim."""
    with write():
        if verdict.refused(claim, tried, refusal, look_again_seconds) is Effect.BAR:
            resources.bar(tried.credential_id, str(refusal))


def resource_seen(claim: Claim, asked: Wanted, refusal: Refused | None, look_again_seconds: float) -> None:
    """The cloud showed what was `asked`, or refused. What could not be opened is tried again. Raises LostClaim."""
    with write():
        resources.record(claim, asked, refusal, look_again_seconds)
        sessions.follow(targets.try_again(Resource.get_by_id(claim.row_id)))


def _would_strand_rules(tried: KeptSecret, verified: Verified) -> bool:
    """The credential would be of another account than rules that are in a cloud, and reach them no more."""
    credential = locked(Credential.select().where(Credential.id == tried.credential_id)).first()
    if credential is None or credential.account in (None, verified.account):
        return False
    return targets.has_rules_of_credential(credential.id)
