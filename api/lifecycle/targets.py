"""Which objects in the clouds a credential is for."""

import uuid

from api.clouds.base import Target
from api.resources.models import Resource


def targets_of(credential_id: uuid.UUID) -> list[Target]:
    """What the credential's resources name, each once, the oldest first."""
    rows = (
        Resource.select(Resource.region, Resource.resource_identifier, Resource.resource_type)
        .where(Resource.credential_id == credential_id)
        .order_by(Resource.created_at, Resource.id)
    )
    targets = (Target(row.region, row.resource_identifier, row.resource_type) for row in rows)
    return list(dict.fromkeys(targets))
