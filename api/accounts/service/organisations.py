"""Organisations: made, shown, changed."""

import dataclasses
import re
import secrets
import unicodedata
import uuid
from dataclasses import dataclass
from typing import Any

import peewee

from api import audit
from api.accounts.models import ApiKey, Organisation, User
from api.accounts.tiers import Limits, limits_of
from api.actor import Actor
from api.conditional import check_if_match
from api.database import current_time, database, held, lock, now, write
from api.due import Turn
from api.errors import NotAllowed, Unauthenticated
from api.schemas import camel_case

_LONGEST_SLUG = 40
_TRIES = 5


@dataclass(frozen=True, slots=True)
class OrganisationChange:
    """What a caller changes; None leaves it as it is."""

    name: str | None = None
    widest_ipv4_prefix: int | None = None
    widest_ipv6_prefix: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """How much an organisation has of what can be counted."""

    users: int
    api_keys: int
    credentials: int
    resources: int


@dataclass(frozen=True, slots=True)
class Overview:
    """An organisation with what its tier allows and what it uses."""

    organisation: Organisation
    limits: Limits
    usage: Usage


def create_organisation(actor: Actor, name: str, tier: str) -> Organisation:
    """Make an organisation, with a slug of its name, and its place in the order in which work is served."""
    with write():
        organisation = _inserted(name, tier)
        Turn.insert(organisation_id=organisation.id).execute()
        creator = dataclasses.replace(actor, organisation_id=organisation.id)
        audit.record(creator, "ORGANIZATION_UPDATE", subject(organisation), details={"created": True, "tier": tier})
    return organisation


def overview(actor: Actor) -> Overview:
    """The caller's organisation."""
    return _overview(Organisation.get(Organisation.id == actor.organisation))


def change(actor: Actor, wanted: OrganisationChange) -> Overview:
    """Change the caller's organisation; its slug stays. Raises StaleObject."""
    with write():
        organisation = locked_by(actor)
        check_if_match(organisation.revision)
        given = {name: value for name, value in dataclasses.asdict(wanted).items() if value is not None}
        changes = {name: value for name, value in given.items() if getattr(organisation, name) != value}
        if changes:
            for name, value in changes.items():
                setattr(organisation, name, value)
            organisation.revision += 1
            organisation.updated_at = current_time()
            organisation.save()
            audit.record(
                actor, "ORGANIZATION_UPDATE", subject(organisation), details={"changed": list(map(camel_case, changes))}
            )
    return _overview(organisation)


def subject(organisation: Organisation) -> audit.Subject:
    """How the audit trail names an organisation."""
    return audit.Subject("ORGANIZATION", organisation.id, organisation.name)


def locked_organisation(organisation_id: uuid.UUID) -> Organisation:
    """The organisation; nobody else changes its members until the open transaction ends."""
    lock(Organisation(id=organisation_id))
    organisation: Organisation = Organisation.get(Organisation.id == organisation_id)
    return organisation


def locked_by(actor: Actor) -> Organisation:
    """The same of who acts. Raises NotAllowed, Unauthenticated where he administers it no more, or it is suspended.

    Who waits here while he is demoted could else undo just that.
    """
    organisation = locked_organisation(actor.organisation)
    # Whoever runs the server adds an administrator to a suspended one too.
    if organisation.suspended_at is not None and actor.kind != "SYSTEM":
        raise Unauthenticated
    if as_now(actor).role != actor.role:
        raise NotAllowed
    return organisation


def held_organisation(organisation_id: uuid.UUID) -> Organisation:
    """The organisation, which until the open transaction ends is neither suspended nor changed in its members.

    Others may hold it too. Raises Unauthenticated where it is suspended.
    """
    query = Organisation.select().where(Organisation.id == organisation_id, Organisation.suspended_at.is_null())
    organisation: Organisation | None = held(query).first()
    if organisation is None:
        raise Unauthenticated
    return organisation


def as_now(actor: Actor) -> Actor:
    """The actor with the role that he has by now, and keeps until the open transaction ends: his organisation is held.

    Raises Unauthenticated where he is no more, or deactivated; where it is a key, also where that is not in force.
    """
    if actor.key_id is not None and not ApiKey.select().where(ApiKey.id == actor.key_id, _in_force()).exists():
        raise Unauthenticated
    if actor.user_id is None:
        return actor
    user = User.select(User.role).where(User.id == actor.user_id, User.is_active).first()
    if user is None:
        raise Unauthenticated
    return dataclasses.replace(actor, role=user.role)


def _in_force() -> Any:
    """Of keys: neither revoked nor expired."""
    return ApiKey.revoked_at.is_null() & (ApiKey.expires_at.is_null() | (ApiKey.expires_at > now()))


def _inserted(name: str, tier: str) -> Organisation:
    moment = current_time()
    slug = _slug_of(name)
    for _ in range(_TRIES):
        try:
            with database.atomic():  # PostgreSQL goes on after a refused insert only outside of its savepoint
                return Organisation.create(slug=slug, name=name, tier=tier, created_at=moment, updated_at=moment)
        except peewee.IntegrityError:
            slug = f"{_slug_of(name)}-{secrets.token_hex(3)}"
    raise RuntimeError(f"no free slug in {_TRIES} tries")


def _slug_of(name: str) -> str:
    """`Löwe & Söhne` as `lowe-sohne`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_LONGEST_SLUG].strip("-") or "organization"


def _overview(organisation: Organisation) -> Overview:
    mine = User.organisation_id == organisation.id
    usage = Usage(
        users=User.select().where(mine, User.is_active).count(),
        api_keys=ApiKey.select().where(ApiKey.organisation_id == organisation.id, _in_force()).count(),
        credentials=_held("credentials", organisation),
        resources=_held("resources", organisation),
    )
    return Overview(organisation, limits_of(organisation.tier), usage)


def _held(table: str, organisation: Organisation) -> int:
    """How many rows a room has that stands on this one, so that only its table can be named here. What is being deleted
    counts no more.
    """
    rows = peewee.Table(table).bind(database.obj)
    organisation_id = peewee.Value(organisation.id, converter=User.organisation_id.db_value)
    mine = (rows.c.organisation_id == organisation_id) & rows.c.deleting_since.is_null()
    return int(rows.select(peewee.fn.COUNT(rows.c.id)).where(mine).scalar())
