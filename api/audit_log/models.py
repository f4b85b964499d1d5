"""The audit trail."""

import peewee

from api.database import Instant, Json, Model


class AuditEntry(Model):
    """One thing that happened. The database refuses to change or delete it. `position` orders entries."""

    position = peewee.BigIntegerField()
    organisation_id = peewee.UUIDField(null=True)
    event_type = peewee.TextField()
    actor_type = peewee.TextField()
    actor_email = peewee.TextField(null=True)
    ip_address = peewee.TextField(null=True)
    resource_type = peewee.TextField(null=True)
    resource_id = peewee.TextField(null=True)
    resource_name = peewee.TextField(null=True)
    result = peewee.TextField()
    error_message = peewee.TextField(null=True)
    details = Json(null=True)
    request_id = peewee.TextField(null=True)
    created_at = Instant()

    class Meta:
        table_name = "audit_log"
