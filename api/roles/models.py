"""Roles: which users, and keys of the organisation, may open which resources, and for how long."""

import peewee

from api.database import Instant, Model, database


class Role(Model):
    """A name for what some may open. `max_session_hours`: None where the tier's limit is enough."""

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
    """Who has the role may open this resource."""

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


class RoleApiKey(peewee.Model):
    """A key of the organisation has this role. A user's key has none: it opens what the user's roles name."""

    organisation_id = peewee.UUIDField()
    role_id = peewee.UUIDField()
    api_key_id = peewee.UUIDField()

    class Meta:
        database = database
        primary_key = peewee.CompositeKey("role_id", "api_key_id")
        table_name = "role_api_keys"
