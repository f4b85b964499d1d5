"""Idempotency keys: a POST that is sent again because its answer was lost makes nothing twice.

What is kept is the key, a keyed hash of the body and the object's id: never a body or an answer.
"""

import hashlib
import hmac
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import flask
import peewee

from api.actor import Actor
from api.database import Instant, database, delete, now, write
from api.errors import Conflict, InvalidInput
from api.server import current_server

KEPT_SECONDS = 24 * 3600
_KEY = re.compile(r"[\x21-\x7e]{1,255}")

Made = TypeVar("Made")


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


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that carries a key: who sends what where."""

    caller: str
    route: str
    key: str
    body_hash: bytes


def asked(actor: Actor, key: str | None = None) -> Asked | None:
    """The request at hand, with the key in its header or one that stood elsewhere in it.

    Raises InvalidInput for a key that is not printable, or has over 255 letters.
    """
    key = flask.request.headers.get("Idempotency-Key", key)
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise InvalidInput("Idempotency-Key must have 1 to 255 printable ASCII characters without spaces.")
    secret = current_server().settings.audit_key.reveal()
    body_hash = hmac.digest(secret, b"idempotency\0" + flask.request.get_data(), hashlib.sha256)
    return Asked(actor.caller, f"{flask.request.method} {flask.request.path.rstrip('/')}", key, body_hash)


def once(request: Asked | None, make: Callable[[uuid.UUID], Made], find: Callable[[uuid.UUID], Made]) -> Made:
    """Make an object under a new id, or find the one that the same request made before. One transaction.

    Two at the same time wait for each other, so that the second finds what the first made. Raises Conflict where the
    key was used for another body.
    """
    object_id = uuid.uuid4()
    if request is None:
        with write():
            return make(object_id)
    with write():
        _forget_old(request)
        if _remember(request, object_id):
            return make(object_id)
    known = IdempotencyKey.get(_is(request))
    if not hmac.compare_digest(bytes(known.body_hash), request.body_hash):
        raise Conflict("This Idempotency-Key was used for another body within 24 hours. Take a new one.")
    return find(known.object_id)


def _is(request: Asked) -> peewee.Node:
    return (
        (IdempotencyKey.caller == request.caller)
        & (IdempotencyKey.route == request.route)
        & (IdempotencyKey.key == request.key)
    )


def _remember(request: Asked, object_id: uuid.UUID) -> bool:
    inserted = (
        IdempotencyKey.insert(
            caller=request.caller,
            route=request.route,
            key=request.key,
            body_hash=request.body_hash,
            object_id=object_id,
            created_at=now(),
        )
        .on_conflict_ignore()
        .as_rowcount()
        .execute()
    )
    return bool(inserted)


def _forget_old(request: Asked) -> None:
    delete(IdempotencyKey, _is(request), IdempotencyKey.created_at < now(-KEPT_SECONDS))
