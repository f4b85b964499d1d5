"""Static rules: an address that is let in whoever sits there, until somebody says otherwise."""

import peewee

from api.database import Instant, database
from api.due import DueModel


class StaticRule(DueModel):
    """An address or a network that resources let in. It is due when it expires, if it does.

    deleting_since: it lets nobody in, and is there until the last of its rules is out of the cloud.
    """

    label = peewee.TextField()
    ip_address = peewee.TextField()
    expires_at = Instant(null=True)
    revision = peewee.IntegerField(default=1)
    created_at = Instant()
    updated_at = Instant()
    deleting_since = Instant(null=True)

    class Meta:
        table_name = "static_ip_rules"


class StaticRuleResource(peewee.Model):
    """A static rule lets its address in to this resource."""

    organisation_id = peewee.UUIDField()
    static_rule_id = peewee.UUIDField()
    resource_id = peewee.UUIDField()

    class Meta:
        database = database
        primary_key = peewee.CompositeKey("static_rule_id", "resource_id")
        table_name = "static_ip_rule_resources"
