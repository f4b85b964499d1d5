"""Sessions: who is let in, from where, and until when."""

import peewee

from api.database import Instant
from api.due import DueModel


class Session(DueModel):
    """A person, or an organisation's key, let in for a while. It is due when it expires.

    `status` follows from its grants. `started_at`: when its first rule was seen in a cloud. `ended_at`: when it was
    over, whatever may still have to be removed. `user_id` is None for a key's session; the names stay as they were.
    """

    user_id = peewee.UUIDField(null=True)
    api_key_id = peewee.UUIDField(null=True)
    user_name = peewee.TextField()
    user_email = peewee.TextField()
    ipv4_address = peewee.TextField(null=True)
    ipv6_address = peewee.TextField(null=True)
    reason = peewee.TextField(null=True)
    status = peewee.TextField()
    started_at = Instant(null=True)
    expires_at = Instant()
    ended_at = Instant(null=True)
    ended_reason = peewee.TextField(null=True)
    revision = peewee.IntegerField(default=1)
    created_at = Instant()

    class Meta:
        table_name = "sessions"
