"""Cloud resources: what sessions open."""

import peewee

from api.credentials.models import ThroughCredential
from api.database import Instant, Json


class Resource(ThroughCredential):
    """A security group, firewall, network security group or route, reached through a credential.

    is_active: a credential that is valid has seen it. verified_revision: the revision that the last verdict is about.
    """

    name = peewee.TextField()
    provider = peewee.TextField()
    resource_type = peewee.TextField()
    resource_identifier = peewee.TextField()
    region = peewee.TextField(null=True)
    config = Json(null=True)
    max_session_minutes = peewee.IntegerField(null=True)
    is_active = peewee.BooleanField(default=False)
    last_verified_at = Instant(null=True)
    verification_error = peewee.TextField(null=True)
    missing_permissions = Json(null=True)
    revision = peewee.IntegerField(default=1)
    verified_revision = peewee.IntegerField(null=True)
    created_at = Instant()
    updated_at = Instant()
    deleting_since = Instant(null=True)

    class Meta:
        table_name = "resources"

    @property
    def is_unverified(self) -> bool:
        """Nobody has seen yet what it names now, nor that it is not there."""
        return not self.is_active and self.verified_revision != self.revision

    @property
    def is_awaited(self) -> bool:
        """It is about to change by itself: a verdict is due, or its end is."""
        return self.is_unverified or self.seen_revision < self.wanted_revision or self.deleting_since is not None
