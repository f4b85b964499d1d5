"""Organisations, their people, and what they sign in with."""

import peewee

from api.database import Instant, Json, Model


class Organisation(Model):
    """A customer: everything else belongs to one. `slug` names it at sign-in.

    The widest prefixes: how large a network a session may be for, where a carrier's NAT gives its people no address of
    their own.
    """

    slug = peewee.TextField(unique=True)
    name = peewee.TextField()
    tier = peewee.TextField()
    widest_ipv4_prefix = peewee.IntegerField(default=32)
    widest_ipv6_prefix = peewee.IntegerField(default=128)
    revision = peewee.IntegerField(default=1)
    created_at = Instant()
    updated_at = Instant()
    suspended_at = Instant(null=True)

    class Meta:
        table_name = "organisations"


class User(Model):
    """A person in one organisation. `email` is kept in lower case; `role` is ORG_ADMIN or USER."""

    organisation_id = peewee.UUIDField()
    email = peewee.TextField()
    name = peewee.TextField()
    password_hash = peewee.TextField(null=True)
    role = peewee.TextField()
    is_active = peewee.BooleanField(default=True)
    revision = peewee.IntegerField(default=1)
    created_at = Instant()
    updated_at = Instant()

    class Meta:
        table_name = "users"


class Login(Model):
    """One sign-in and the family of refresh tokens that came of it. `refresh_hash` is of the only one still good."""

    organisation_id = peewee.UUIDField()
    user_id = peewee.UUIDField()
    refresh_hash = peewee.BlobField()
    created_at = Instant()
    expires_at = Instant()
    ended_at = Instant(null=True)

    class Meta:
        table_name = "logins"


class ApiKey(Model):
    """A key for a pipeline. `user_id` is None where it belongs to the organisation; only the key's hash is kept."""

    organisation_id = peewee.UUIDField()
    user_id = peewee.UUIDField(null=True)
    created_by = peewee.TextField()
    name = peewee.TextField()
    key_prefix = peewee.TextField()
    key_hash = peewee.BlobField(unique=True)
    scopes = Json()
    allowed_cidrs = Json(null=True)
    created_at = Instant()
    expires_at = Instant(null=True)
    last_used_at = Instant(null=True)
    revoked_at = Instant(null=True)

    class Meta:
        table_name = "api_keys"

    @property
    def belongs_to(self) -> str:
        """USER: ends with its user. ORGANIZATION: outlives its maker."""
        return "ORGANIZATION" if self.user_id is None else "USER"


class SignInFailure(peewee.Model):
    """How often somebody has failed to sign in: `subject` is a keyed hash of a login name or of an address."""

    subject = peewee.BlobField(primary_key=True)
    failures = peewee.IntegerField()
    blocked_until = Instant()
    forgotten_at = Instant()

    class Meta:
        database = Model._meta.database
        table_name = "sign_in_failures"
