"""Who this installation is: a name of its own, by which its rules in the clouds are told from those of others."""

import uuid

import peewee

from api.database import database


class Installation(peewee.Model):
    """The one row, made with the tables."""

    id = peewee.UUIDField(primary_key=True)

    class Meta:
        database = database
        table_name = "installation"


def identity() -> uuid.UUID:
    """The installation's own id, which stands in the tag of each rule that it makes."""
    row: Installation = Installation.get()
    return row.id
