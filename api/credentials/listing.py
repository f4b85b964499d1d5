"""What a credential can see in its cloud. Only workers call clouds, so a listing is asked for and waited for."""

import uuid
from typing import Any

from api import due
from api.clouds import CLOUDS
from api.credentials.models import Credential, TargetListing
from api.database import current_time, write
from api.errors import InvalidInput, Unavailable, VerificationFailed
from api.wait import WaitingRoom

FRESH_SECONDS = 60


def visible(credential: Credential, region: str | None, waiting_room: WaitingRoom) -> list[dict[str, Any]]:
    """What the credential sees in `region`, as a worker found it within the last `FRESH_SECONDS`.

    Raises InvalidInput without a region where the cloud has them, VerificationFailed with the cloud's reason, Unavailable
    where no worker could answer in time.
    """
    if region is None and CLOUDS[credential.provider].needs_region:
        raise InvalidInput(f"region is required for {credential.provider} credentials", {"region": ["region is required"]})
    listing = _asked(credential, region or "")
    if listing.seen_revision < listing.wanted_revision and not waiting_room.until_seen(listing):
        raise Unavailable("The cloud has not answered yet. Try again shortly.")
    found = TargetListing.get_or_none(TargetListing.id == listing.id)
    if found is None or found.targets is None:
        raise VerificationFailed(found.error if found else "the credential was deleted")
    targets: list[dict[str, Any]] = found.targets
    return targets


def _asked(credential: Credential, region: str) -> TargetListing:
    with write():
        TargetListing.insert(
            id=uuid.uuid4(), organisation_id=credential.organisation_id, credential_id=credential.id, region=region
        ).on_conflict_ignore().execute()
        which = (TargetListing.credential_id == credential.id) & (TargetListing.region == region)
        listing = TargetListing.get(which)
        listed = listing.listed_at
        if listed is None or (current_time() - listed).total_seconds() > FRESH_SECONDS:
            due.want(TargetListing, which)
    return TargetListing.get(which)
