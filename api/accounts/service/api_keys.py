"""API keys: what a pipeline identifies itself with."""

import ipaddress
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from api import audit, idempotency
from api.access import hash_of
from api.accounts.models import ApiKey, User
from api.accounts.service import organisations
from api.actor import Actor
from api.conditional import check_if_match
from api.database import current_time, now, write
from api.errors import ApiKeyNotFound, Conflict, InvalidInput, NotAllowed
from api.paging import Listing, Page, oldest_first

USER = "USER"
ORGANIZATION = "ORGANIZATION"
# A key never changes, so neither does its revision.
REVISION = 1

_RANDOM_BYTES = 32
_PREFIX_BYTES = 4


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key to make. belongs_to: None for the caller's own, or whosoever the key that asks belongs to."""

    name: str
    scopes: list[str]
    expires_at: datetime | None = None
    allowed_cidrs: list[str] | None = None
    belongs_to: str | None = None


@dataclass(frozen=True, slots=True)
class MadeApiKey:
    """A new key with its text, which is not kept."""

    row: ApiKey
    plain_text: str = field(repr=False)


def create(actor: Actor, wanted: NewApiKey, request: idempotency.Asked | None = None) -> MadeApiKey:
    """Make a key. Raises NotAllowed where a key asks for more than it has, InvalidInput for an expiry in the past."""
    return idempotency.once(request, lambda key_id: _add(actor, wanted, key_id), _cannot_repeat)


def listed(actor: Actor, page: Page) -> Listing[ApiKey]:
    """The organisation's keys, oldest first, without those that were revoked."""
    return oldest_first(ApiKey.select().where(_held_by(actor.organisation)), page)


def of(organisation_id: uuid.UUID, key_id: uuid.UUID) -> ApiKey:
    """The organisation's key. Raises ApiKeyNotFound, whether it is nobody's, somebody else's or revoked."""
    key: ApiKey | None = ApiKey.get_or_none(_held_by(organisation_id), ApiKey.id == key_id)
    if key is None:
        raise ApiKeyNotFound(key_id)
    return key


def revoke(actor: Actor, key_id: uuid.UUID) -> None:
    """End a key; it stops at the next request. What it has open ends in `lifecycle`.

    Raises ApiKeyNotFound, StaleObject; NotAllowed as `create`.
    """
    with write():
        organisations.locked_by(actor)
        key = of(actor.organisation, key_id)
        check_if_match(REVISION)
        _check_scopes(actor, key.scopes)
        _revoke(actor, key)


def revoke_all_of(actor: Actor, user: User) -> None:
    """End a person's own keys. Inside `write`."""
    for key in ApiKey.select().where(ApiKey.user_id == user.id, ApiKey.revoked_at.is_null()):
        _revoke(actor, key)


def _add(actor: Actor, wanted: NewApiKey, key_id: uuid.UUID) -> MadeApiKey:
    organisations.locked_by(actor)
    _check_scopes(actor, wanted.scopes)
    moment = current_time()
    if wanted.expires_at is not None and wanted.expires_at <= moment:
        raise InvalidInput("expiresAt must be in the future", {"expiresAt": ["must be in the future"]})
    _check_not_beyond_maker(actor, wanted)
    prefix = f"egk_{secrets.token_hex(_PREFIX_BYTES)}"
    plain_text = f"{prefix}_{secrets.token_urlsafe(_RANDOM_BYTES)}"
    key = ApiKey.create(
        id=key_id,
        organisation_id=actor.organisation,
        user_id=_owner(actor, wanted),
        created_by=actor.email or "",
        name=wanted.name,
        key_prefix=prefix,
        key_hash=hash_of(plain_text),
        scopes=sorted(wanted.scopes),
        allowed_cidrs=wanted.allowed_cidrs,
        created_at=moment,
        expires_at=wanted.expires_at,
    )
    audit.record(actor, "API_KEY_CREATE", _subject(key), details={"scopes": key.scopes, "keyPrefix": key.key_prefix})
    return MadeApiKey(key, plain_text)


def _cannot_repeat(_: uuid.UUID) -> MadeApiKey:
    raise Conflict(
        "This request made an API key already, and its text is shown only once. Revoke that key, make another."
    )


def _owner(actor: Actor, wanted: NewApiKey) -> uuid.UUID | None:
    """The user that the key ends with, or None. A user's key makes no key that outlives the user."""
    if actor.key_id is None:
        return None if wanted.belongs_to == ORGANIZATION else actor.user_id
    belongs_to = ORGANIZATION if actor.user_id is None else USER
    if wanted.belongs_to not in (None, belongs_to):
        raise NotAllowed(f"An API key of {belongs_to} makes only keys of {belongs_to}")
    return actor.user_id


def _check_scopes(actor: Actor, scopes: Iterable[str]) -> None:
    """A key makes and revokes only keys with its own scopes, or fewer."""
    if actor.scopes is not None and (missing := sorted(set(scopes) - actor.scopes)):
        raise NotAllowed(f"API key lacks scope {', '.join(missing)}")


def _check_not_beyond_maker(actor: Actor, wanted: NewApiKey) -> None:
    """A key that is made by another neither outlives it nor works from elsewhere."""
    if actor.key_id is None:
        return
    maker = ApiKey.get_by_id(actor.key_id)
    if maker.expires_at is not None and (wanted.expires_at is None or wanted.expires_at > maker.expires_at):
        raise NotAllowed("An API key makes no key that expires later than itself")
    if maker.allowed_cidrs is not None and not _all_inside(wanted.allowed_cidrs, maker.allowed_cidrs):
        raise NotAllowed("An API key makes no key for other networks than its own")


def _all_inside(inner: list[str] | None, outer: list[str]) -> bool:
    if inner is None:
        return False
    outside: list[Any] = [ipaddress.ip_network(network) for network in outer]
    return all(
        any(mine.version == theirs.version and mine.subnet_of(theirs) for theirs in outside)
        for mine in map(ipaddress.ip_network, inner)
    )


def _held_by(organisation_id: uuid.UUID) -> Any:
    return (ApiKey.organisation_id == organisation_id) & ApiKey.revoked_at.is_null()


def _revoke(actor: Actor, key: ApiKey) -> None:
    ApiKey.update(revoked_at=now()).where(ApiKey.id == key.id).execute()
    audit.record(actor, "API_KEY_REVOKE", _subject(key), details={"keyPrefix": key.key_prefix})


def _subject(key: ApiKey) -> audit.Subject:
    return audit.Subject("API_KEY", key.id, key.name)
