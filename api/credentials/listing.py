"""What a credential can see in its cloud. Only workers call clouds, so a listing is asked for and waited for."""

import uuid
from collections.abc import Iterable
from typing import Any

from api import due
from api.clouds import CLOUDS, Seen
from api.credentials.models import Credential, TargetListing
from api.credentials.service import locked
from api.database import current_time, now, write
from api.due import Claim
from api.errors import Unavailable, VerificationFailed, refuse
from api.wait import LONGEST_SECONDS, WaitingRoom

FRESH_SECONDS = 60


def visible(
    credential: Credential, region: str | None, waiting_room: WaitingRoom, seconds: float = LONGEST_SECONDS
) -> list[dict[str, Any]]:
    """What the credential sees in `region`, as a worker found it within the last `FRESH_SECONDS`.

    Raises InvalidInput without a region where the cloud has them, CredentialNotFound where it was deleted meanwhile,
    VerificationFailed with the cloud's reason, Unavailable where no worker could answer in `seconds`.
    """
    if region is None and CLOUDS[credential.provider].needs_region:
        refuse({"region": [f"region is required for {credential.provider} credentials"]})
    listing = _asked(credential, region or "")
    if listing.seen_revision < listing.wanted_revision and not waiting_room.until_seen(listing, seconds):
        raise Unavailable("The cloud has not answered yet. Try again shortly.")
    found = TargetListing.get_or_none(TargetListing.id == listing.id)
    if found is None or found.targets is None:
        raise VerificationFailed(found.error if found else None)
    targets: list[dict[str, Any]] = found.targets
    return targets


def _asked(credential: Credential, region: str) -> TargetListing:
    with write():
        locked(credential.organisation_id, credential.id)  # so that nobody deletes it before it is referred to
        TargetListing.insert(
            id=uuid.uuid4(), organisation_id=credential.organisation_id, credential_id=credential.id, region=region
        ).on_conflict_ignore().execute()
        which = (TargetListing.credential_id == credential.id) & (TargetListing.region == region)
        listing = TargetListing.get(which)
        listed = listing.listed_at
        if listed is None or (current_time() - listed).total_seconds() > FRESH_SECONDS:
            due.want(TargetListing, which)
    return TargetListing.get(which)


def record(claim: Claim, resource_type: str, seen: Iterable[Seen]) -> None:
    """Keep what the cloud showed. Raises LostClaim."""
    targets = [
        {
            "resource_type": resource_type,
            "resource_identifier": each.identifier,
            "name": each.name,
            "description": each.description,
            "region": each.region,
        }
        for each in seen
    ]
    _keep(claim, targets, None)


def record_refusal(claim: Claim, error: str) -> None:
    """Keep why the cloud showed nothing. Raises LostClaim."""
    _keep(claim, None, error)


def _keep(claim: Claim, targets: list[dict[str, str | None]] | None, error: str | None) -> None:
    with write():
        due.settle(claim, {"targets": targets, "error": error, "listed_at": now()}, look_again_seconds=None)
