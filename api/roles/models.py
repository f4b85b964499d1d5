"""Roles: which users may open which resources, and for how long."""

import peewee

from api.database import Instant, Model, database


class Role(Model):
    """A name for what some users may open. `max_session_hours`: None where the tier's limit is enough."""

    organisation_id = peewee.UUIDField()
    name = peewee.TextField()
    description = peewee.TextField(null=True)
    max_session_hours = peewee.IntegerField(null=True)
    revision = peewee.IntegerField(default=1)
    created_at = Instant()
    updated_at = Instant()

    class Meta:
        table_name = "roles"


class RoleResource(peewee.Model):
    """A role's users may open this resource."""

    organisation_id = peewee.UUIDField()
    role_id = peewee.UUIDField()
    resource_id = peewee.UUIDField()

    class Meta:
        database = database
        primary_key = peewee.CompositeKey("role_id", "resource_id")
        table_name = "role_resources"


class RoleUser(peewee.Model):
    """Somebody has this role."""

    organisation_id = peewee.UUIDField()
    role_id = peewee.UUIDField()
    user_id = peewee.UUIDField()

    class Meta:
        database = database
        primary_key = peewee.CompositeKey("role_id", "user_id")
        table_name = "role_users"
