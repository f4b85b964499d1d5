"""Where rules are in the clouds, what they let through, and for whom."""

from collections.abc import Mapping
from typing import Any

import peewee

from api.clouds import Target as CloudTarget
from api.credentials.models import ThroughCredential
from api.database import Instant, Json, Model
from api.due import Priority


class Target(ThroughCredential):
    """One object in a cloud that rules are put on: the unit of work, claimed as a whole, so it has one writer.

    Resources that name the same object of the same account share it. `credential_id` is the one that was used last:
    the target waits for its turn. `region` is empty where the cloud has none. `free_rules`: see `Listing.free`.
    """

    provider = peewee.TextField()
    account = peewee.TextField()
    region = peewee.TextField()
    identifier = peewee.TextField()
    resource_type = peewee.TextField()
    free_rules = peewee.IntegerField(null=True)
    listed_at = Instant(null=True)

    class Meta:
        table_name = "targets"

    @classmethod
    def ready(cls) -> peewee.Node:
        """What is to be revoked waits for no verdict about its credential, nor until a cloud's silence is over, nor for
        other work with it."""
        is_revoke: Any = cls.due_priority == int(Priority.REVOKE)
        can_ask: Any = cls.may_ask()
        ready: peewee.Node = (is_revoke & cls.has_turn(Priority.REVOKE)) | (can_ask & cls.has_turn())
        return ready

    def in_cloud(self) -> CloudTarget:
        """By the names that the cloud knows it by."""
        return CloudTarget(self.region or None, self.identifier, self.resource_type)


class Rule(Model):
    """What is let through to a target, once, however many want it. It is wanted while a grant of it has not ended.

    It leaves the cloud through a credential of the account that it is in; then its row is deleted. `is_added`:
    committed as one that we add, after a listing without it. `asked_at`: since when a call that adds it may be under
    way, unanswered or not shown yet. `is_seen`: the last listing had it. `is_applied`: the audit trail has it as
    applied, and not yet as removed. `is_foreign`: somebody else's equal rule is there. `is_leaving`: a call that
    removes it may have been made, and nothing that was seen since says what has come of it; `twins`: see `Kept`.
    `error`: why it is not there, or not gone.
    """

    organisation_id = peewee.UUIDField()
    target_id = peewee.UUIDField()
    credential_id = peewee.UUIDField()
    address = peewee.TextField()
    protocol = peewee.TextField()
    ports = Json()
    options = Json()
    is_added = peewee.BooleanField(default=False)
    asked_at = Instant(null=True)
    is_seen = peewee.BooleanField(default=False)
    is_applied = peewee.BooleanField(default=False)
    is_foreign = peewee.BooleanField(default=False)
    is_leaving = peewee.BooleanField(default=False)
    twins = peewee.IntegerField(default=0)
    provider_ids = Json()
    error = peewee.TextField(null=True)
    created_at = Instant()

    class Meta:
        table_name = "rules"

    @classmethod
    def alike(cls, columns: Mapping[str, Any]) -> list[peewee.Node]:
        """The rules with these values."""
        fields = {name: getattr(cls, name) for name in columns}
        # As one value each: Peewee would take the list of ports for a row of several.
        return [
            field == peewee.Value(columns[name], converter=field.db_value, unpack=False)
            for name, field in fields.items()
        ]


class Grant(Model):
    """A session's, or a static rule's, share in a rule: what its user sees, with a history of its own.

    It ends with its session. `kept_by` is whose grant kept the rule where it was when this one ended. `rule_id` is None
    where there is no rule: it could not be asked for, or is gone.
    """

    organisation_id = peewee.UUIDField()
    session_id = peewee.UUIDField(null=True)
    static_rule_id = peewee.UUIDField(null=True)
    resource_id = peewee.UUIDField()
    resource_name = peewee.TextField()
    address = peewee.TextField()
    rule_id = peewee.UUIDField(null=True)
    status = peewee.TextField()
    provider_rule_id = peewee.TextField(null=True)
    error = peewee.TextField(null=True)
    kept_by = peewee.UUIDField(null=True)
    applied_at = Instant(null=True)
    ended_at = Instant(null=True)
    removed_at = Instant(null=True)
    created_at = Instant()

    class Meta:
        table_name = "grants"
