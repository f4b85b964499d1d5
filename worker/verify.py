"""Asks the clouds what the rows want to know, and has the answers written down."""

import logging
import random
from collections.abc import Callable
from functools import partial

from api.clouds import CLOUDS, Endpoints, Refused, Unreachable
from api.credentials import listing
from api.credentials import verdict as credentials
from api.credentials.models import Credential, TargetListing
from api.credentials.verdict import KeptSecret
from api.database import current_time
from api.due import DueModel, LostClaim
from api.lifecycle import verification
from api.lifecycle.targets import targets_of
from api.network import may_be_called
from api.resources import verdict as resources
from api.resources.models import Resource
from api.settings import Settings
from worker.connections import Connections
from worker.lease import Lease

_LONGEST_REASON = 200
# How long a refusal that may pass is not yet believed of a secret that has just been sent.
SETTLING_SECONDS = 7
_UNSETTLED = "the cloud may not have heard of it yet"

_log = logging.getLogger(__name__)


class Verifier:
    """Serves claims on credentials, resources and listings. Safe for several threads."""

    def __init__(self, connections: Connections, reverify_seconds: float) -> None:
        self._connections = connections
        self._reverify_seconds = reverify_seconds
        self._actions: dict[type[DueModel], Callable[[Lease], None]] = {
            Credential: self._verify_credential,
            Resource: self._verify_resource,
            TargetListing: self._list_targets,
        }

    @property
    def models(self) -> tuple[type[DueModel], ...]:
        """The kinds of rows that `serve` knows what to do with."""
        return tuple(self._actions)

    def serve(self, lease: Lease) -> None:
        """Ask what the claimed row wants to know, and record it. Raises LostClaim, Stopping."""
        with lease.watching():
            self._actions[lease.claim.model](lease)

    def _verify_credential(self, lease: Lease) -> None:
        claim = lease.claim
        tried = _there(credentials.secret_to_try(claim.row_id))
        targets = targets_of(claim.row_id)
        try:
            verified = self._connections.to_cloud(tried).verify(targets)
        except Refused as refusal:
            self._connections.drop(tried)
            if may_settle(tried, refusal):
                credentials.unsettled(claim, f"{refusal.code}: {_UNSETTLED}")
                return
            verification.credential_refused(claim, tried, refusal, self._look_again_seconds())
        except Unreachable as failure:
            credentials.unreachable(claim, _reason(lease, failure))
        else:
            verification.credential_accepted(claim, tried, verified, self._look_again_seconds())

    def _verify_resource(self, lease: Lease) -> None:
        claim = lease.claim
        wanted = resources.wanted(claim.row_id)
        if wanted is None:
            raise LostClaim
        refusal = None
        if not wanted.is_barred:
            secret = _there(credentials.secret_in_use(wanted.credential_id))
            try:
                self._connections.to_cloud(secret).inspect(wanted.target)
            except Refused as refused:
                self._connections.drop(secret)
                if may_settle(secret, refused):
                    resources.unreachable(claim, f"{refused.code}: {_UNSETTLED}")
                    return
                refusal = refused
            except Unreachable as failure:
                resources.unreachable(claim, _reason(lease, failure))
                return
        verification.resource_seen(claim, wanted, refusal, self._look_again_seconds())

    def _list_targets(self, lease: Lease) -> None:
        claim = lease.claim
        asked = TargetListing.get_or_none(TargetListing.id == claim.row_id)
        if asked is None:
            raise LostClaim
        secret = _there(credentials.secret_in_use(asked.credential_id))
        try:
            seen = self._connections.to_cloud(secret).visible(asked.region or None)
        except Refused as refusal:
            self._connections.drop(secret)
            listing.record_refusal(claim, str(refusal))
        except Unreachable as failure:
            resources.unreachable(claim, _reason(lease, failure))
        else:
            resource_type = next(iter(CLOUDS[secret.provider].resource_types))
            listing.record(claim, resource_type, seen)

    def _look_again_seconds(self) -> float:
        """Spread, so that what was added together is not verified together for ever."""
        return self._reverify_seconds * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load, hides nothing


def endpoints_of(settings: Settings) -> Endpoints:
    """What the operator decided about calls to the clouds."""
    return Endpoints(
        aws=settings.aws_endpoint_url,
        aws_region=settings.aws_region,
        gcp_token=settings.gcp_token_url,
        gcp_compute=settings.gcp_compute_url,
        gcp_resource_manager=settings.gcp_resource_manager_url,
        azure_authority=settings.azure_authority_url,
        azure_resource_manager=settings.azure_resource_manager_url,
        ca_bundle=settings.ca_bundle,
        may_be_called=partial(may_be_called, allowed_private=settings.allowed_private_networks),
    )


def may_settle(tried: KeptSecret, refusal: Refused) -> bool:
    """A program that makes a key, a policy and a credential in one go is quicker than its cloud is with itself."""
    age_seconds = (current_time() - tried.sent_at).total_seconds()
    return refusal.code in CLOUDS[tried.provider].settling and age_seconds < SETTLING_SECONDS


def _there(secret: KeptSecret | None) -> KeptSecret:
    if secret is None:
        raise LostClaim
    return secret


def _reason(lease: Lease, failure: Unreachable) -> str:
    """A cloud's failure in our own words, also for the log."""
    reason = str(failure)[:_LONGEST_REASON]
    _log.warning("%s %s has no verdict: %s", lease.claim.model.__name__, lease.claim.row_id, reason)
    return reason
