"""Verdicts about credentials, with what follows from them for their resources, in one transaction."""

from api.actor import Actor
from api.clouds.base import Refused, Verified
from api.credentials import verdict
from api.credentials.models import Credential
from api.credentials.service import OTHER_ACCOUNT
from api.credentials.verdict import Effect, KeptSecret
from api.database import locked, write
from api.due import Claim, Priority
from api.lifecycle.changing import RESOURCE_CHANGED
from api.resources import verdict as resources
from api.resources.models import Resource
from api.resources.verdict import Wanted
from api.sessions import service as sessions
from api.static_rules import service as static_rules
from api.targets import restored
from api.targets import service as targets
from api.targets.models import Grant

_OF_ANOTHER_ACCOUNT = Refused(OTHER_ACCOUNT, "rules are applied that only a secret of the account in use can remove")


def credential_accepted(claim: Claim, tried: KeptSecret, verified: Verified, look_again_seconds: float) -> None:
    """The cloud accepts the secret that was tried; one of another account is refused while rules are applied.

    Raises LostClaim.
    """
    with write():
        moves = _is_of_another_account(tried, verified)
        # They would be reached no more.
        if moves and targets.has_rules_of_credential(tried.credential_id):
            credential_refused(claim, tried, _OF_ANOTHER_ACCOUNT, look_again_seconds)
            return
        if verdict.accepted(claim, tried, verified, look_again_seconds) is Effect.LOOK_AGAIN:
            resources.look_at_all(tried.credential_id)
            if moves:
                _let_in_again(tried)
            targets.look_at_all(tried.credential_id)
        elif claim.priority is Priority.REQUESTED:
            # It may have been refused one thing only, which somebody has mended since.
            resources.look_at_refused(tried.credential_id)


def credential_refused(claim: Claim, tried: KeptSecret, refusal: Refused, look_again_seconds: float) -> None:
    """The cloud refuses the secret that was tried; who waits is told. Raises LostClaim."""
    with write():
        if verdict.refused(claim, tried, refusal, look_again_seconds) is Effect.BAR:
            targets.bar(tried.credential_id, resources.bar(tried.credential_id, str(refusal)))


def resource_seen(claim: Claim, asked: Wanted, refusal: Refused | None, look_again_seconds: float) -> None:
    """The cloud showed what was `asked`, or refused. What could not be opened is tried again. Raises LostClaim."""
    with write():
        was_active = Resource.select().where(Resource.id == claim.row_id, Resource.is_active).exists()
        resources.record(claim, asked, refusal, look_again_seconds)
        resource = Resource.get_by_id(claim.row_id)
        sessions.try_again(resource)
        if resource.is_active and not was_active:
            restored.look_where_nobody_could(resource)


def _is_of_another_account(tried: KeptSecret, verified: Verified) -> bool:
    credential = locked(Credential.select().where(Credential.id == tried.credential_id)).first()
    return credential is not None and credential.account not in (None, verified.account)


def _let_in_again(tried: KeptSecret) -> None:
    """The resources of a credential are objects of another account from now on: as if each of them had changed."""
    theirs = Resource.credential_id == tried.credential_id
    # What could not be asked for is on no account's target, and is still to be.
    which = Grant.resource_id.in_(Resource.select(Resource.id).where(theirs)) & Grant.rule_id.is_null(False)
    targets.hold(Resource.select().where(theirs), which)
    static_rules.hold(theirs)
    sessions.end_grants(Actor.system(tried.organisation_id), which, RESOURCE_CHANGED)
    static_rules.let_in_again(theirs)
