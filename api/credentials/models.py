"""Cloud credentials and their sealed secrets."""

from typing import Any

import peewee

from api.database import Instant, Json, database, now
from api.due import CLAIMS_PER_CREDENTIAL, DueModel, Priority


class Credential(DueModel):
    """A cloud credential and the last verdict about it. The secret itself is in `CredentialSecret`.

    secret_version: the newest secret that a caller sent. verified_secret_version: the newest that a verdict is about.
    candidate_*: the newest secret while it is VERIFYING, or why it was REJECTED. paused_until: the circuit breaker.
    """

    organisation_id = peewee.UUIDField()
    name = peewee.TextField()
    provider = peewee.TextField()
    credential_type = peewee.TextField()
    account = peewee.TextField(null=True)
    is_valid = peewee.BooleanField(null=True)
    last_verified_at = Instant(null=True)
    verification_error = peewee.TextField(null=True)
    missing_permissions = Json(null=True)
    secret_version = peewee.IntegerField(default=1)
    verified_secret_version = peewee.IntegerField(null=True)
    candidate_status = peewee.TextField(null=True)
    candidate_error = peewee.TextField(null=True)
    candidate_since = Instant(null=True)
    paused_until = Instant(null=True)
    revision = peewee.IntegerField(default=1)
    created_at = Instant()
    updated_at = Instant()
    deleting_since = Instant(null=True)

    class Meta:
        table_name = "credentials"

    @property
    def is_awaited(self) -> bool:
        """It is about to change by itself: a verdict about it or about a new secret is due, or its end is."""
        is_decided = self.is_valid is not None and self.candidate_status != "VERIFYING"
        return not is_decided or self.seen_revision < self.wanted_revision or self.deleting_since is not None


class CredentialSecret(peewee.Model):
    """A sealed secret. `state` is CURRENT (the one that serves) or CANDIDATE (being verified)."""

    credential_id = peewee.UUIDField()
    organisation_id = peewee.UUIDField()
    version = peewee.IntegerField()
    state = peewee.TextField()
    key_id = peewee.TextField()
    wrapped_key = peewee.BlobField()
    sealed_data = peewee.BlobField()
    created_at = Instant()

    class Meta:
        database = database
        primary_key = peewee.CompositeKey("credential_id", "version")
        table_name = "credential_secrets"


class ThroughCredential(DueModel):
    """A row whose work needs a credential: it waits for that credential's verdict, and for its turn with it."""

    credential_id = peewee.UUIDField()

    @classmethod
    def ready(cls) -> peewee.Node:
        """The credential has a verdict, is not paused, and fewer than `CLAIMS_PER_CREDENTIAL` claims use it."""
        can_ask: Any = cls.may_ask()
        ready: peewee.Node = can_ask & cls.has_turn()
        return ready

    @classmethod
    def may_ask(cls) -> peewee.Node:
        """The credential has a verdict and is not paused."""
        blocked = Credential.select(peewee.SQL("1")).where(
            Credential.id == cls.credential_id, Credential.is_valid.is_null() | (Credential.paused_until > now())
        )
        free: peewee.Node = ~peewee.fn.EXISTS(blocked)
        return free

    @classmethod
    def has_turn(cls, *among: Priority) -> peewee.Node:
        """Fewer than `CLAIMS_PER_CREDENTIAL` claims of this kind, and of these priorities if given, use it."""
        other = cls.alias()
        in_use = other.select(peewee.fn.COUNT(other.id)).where(
            other.credential_id == cls.credential_id, other.claimed_until > now()
        )
        if among:
            in_use = in_use.where(other.due_priority.in_(among))
        fewer: peewee.Node = in_use < CLAIMS_PER_CREDENTIAL
        return fewer


class TargetListing(ThroughCredential):
    """What a credential can see in one region, as it was when a worker last looked."""

    region = peewee.TextField()
    targets = Json(null=True)
    error = peewee.TextField(null=True)
    listed_at = Instant(null=True)

    class Meta:
        table_name = "target_listings"


class KeyCheck(peewee.Model):
    """What a key of the ring was like when it was first seen: shows a wrong key at the start, tells nothing of it."""

    key_id = peewee.TextField(primary_key=True)
    check_value = peewee.BlobField()

    class Meta:
        database = database
        table_name = "key_checks"
