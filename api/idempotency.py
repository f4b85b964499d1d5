"""Idempotency keys: a POST that is sent again because its answer was lost makes nothing twice.

What is kept is the key, a keyed hash of the body and the object's id: never a body or an answer.
"""

import peewee

from api.database import Instant, database


class IdempotencyKey(peewee.Model):
    """The object that a caller's key on a route made."""

    caller = peewee.TextField()
    route = peewee.TextField()
    key = peewee.TextField()
    body_hash = peewee.BlobField()
    object_id = peewee.UUIDField()
    created_at = Instant()

    class Meta:
        database = database
        primary_key = peewee.CompositeKey("caller", "route", "key")
        table_name = "idempotency_keys"
