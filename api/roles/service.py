"""What can be done with roles. Taking something away ends sessions, and is in `lifecycle`."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api import audit
from api.accounts import service as accounts
from api.accounts.service import api_keys, users
from api.actor import Actor
from api.conditional import check_if_match
from api.database import current_time, delete, write
from api.errors import Conflict, InvalidInput, RoleNotFound
from api.paging import Listing, Page, oldest_first
from api.resources import service as resources
from api.roles.models import Role, RoleApiKey, RoleResource, RoleUser

USERS_OWN = "This key is a user's: it opens what the user's roles name. Give the role to the user."

TAKEN = "A role with this name is in the organization already. Change that one, or choose another name."

_NAMES = {"name": "name", "description": "description", "max_session_hours": "maxSessionDurationHours"}


@dataclass(frozen=True, slots=True)
class NewRoleFields:
    """What a caller asks for."""

    name: str
    description: str | None = None
    max_session_hours: int | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """A role with what it opens and for whom."""

    role: Role
    resource_ids: Sequence[uuid.UUID]
    user_ids: Sequence[uuid.UUID]
    api_key_ids: Sequence[uuid.UUID]


def create(actor: Actor, wanted: NewRoleFields, role_id: uuid.UUID) -> Role:
    """Add a role, which nobody has and which opens nothing. Raises Conflict where the name is taken."""
    with write():
        accounts.locked_by(actor)
        _check_is_free(actor, wanted.name)
        moment = current_time()
        role = Role.create(
            id=role_id,
            organisation_id=actor.organisation,
            name=wanted.name,
            description=wanted.description,
            max_session_hours=wanted.max_session_hours,
            created_at=moment,
            updated_at=moment,
        )
        audit.record(actor, "ROLE_CREATE", subject(role))
    return role


def of(organisation_id: uuid.UUID, role_id: uuid.UUID) -> Role:
    """The organisation's role. Raises RoleNotFound, whether it is nobody's or somebody else's."""
    role: Role | None = Role.get_or_none(Role.organisation_id == organisation_id, Role.id == role_id)
    if role is None:
        raise RoleNotFound(role_id)
    return role


def listed(organisation_id: uuid.UUID, page: Page) -> Listing[Role]:
    """The organisation's roles, oldest first."""
    return oldest_first(Role.select().where(Role.organisation_id == organisation_id), page)


def overview(role: Role) -> Overview:
    """One role, as it is now."""
    return overviews([role])[0]


def overviews(roles: Sequence[Role]) -> list[Overview]:
    """The roles in their order, as they are now."""
    ids = [role.id for role in roles]
    opened = _by_role(RoleResource.select().where(RoleResource.role_id.in_(ids)), "resource_id")
    users_of = _by_role(RoleUser.select().where(RoleUser.role_id.in_(ids)), "user_id")
    keys_of = _by_role(RoleApiKey.select().where(RoleApiKey.role_id.in_(ids)), "api_key_id")
    return [Overview(role, *(found.get(role.id, ()) for found in (opened, users_of, keys_of))) for role in roles]


def change(actor: Actor, role_id: uuid.UUID, wanted: Mapping[str, Any]) -> Role:
    """Change what `wanted` names; None takes a value away. Sessions that are open stay as long as they were to.

    Raises RoleNotFound, StaleObject, Conflict.
    """
    with write():
        role = locked(actor, role_id)
        changed = {name: value for name, value in wanted.items() if getattr(role, name) != value}
        if "name" in changed:
            _check_is_free(actor, changed["name"])
        if changed:
            for name, value in changed.items():
                setattr(role, name, value)
            _touch(role)
            audit.record(
                actor, "ROLE_UPDATE", subject(role), details={"changed": sorted(_NAMES[name] for name in changed)}
            )
    return role


def locked(actor: Actor, role_id: uuid.UUID) -> Role:
    """The role, which nobody else changes until the open transaction ends; nor does anybody start a session meanwhile.

    Raises RoleNotFound, StaleObject.
    """
    role = _locked(actor, role_id)
    check_if_match(role.revision)
    return role


def give_resource(actor: Actor, role_id: uuid.UUID, resource_id: uuid.UUID) -> Role:
    """Let who has a role open a resource. Raises RoleNotFound, ResourceNotFound, StaleObject, Conflict."""
    with write():
        role = _locked(actor, role_id)
        resource = resources.named(actor.organisation, [resource_id])[0]
        check_if_match(role.revision)
        columns = {"organisation_id": role.organisation_id, "role_id": role.id, "resource_id": resource.id}
        if RoleResource.insert(**columns).on_conflict_ignore().as_rowcount().execute():
            _touch(role)
            audit.record(actor, "ROLE_RESOURCE_ADD", subject(role), details={"resource": resource.name})
    return role


def take_resource(actor: Actor, role_id: uuid.UUID, resource_id: uuid.UUID) -> Overview:
    """Let who has a role open a resource no more. Returns who has it. Inside `write`.

    Raises RoleNotFound, ResourceNotFound, StaleObject.
    """
    of(actor.organisation, role_id)
    resource = resources.of(actor.organisation, resource_id)
    role = locked(actor, role_id)
    if delete(RoleResource, RoleResource.role_id == role.id, RoleResource.resource_id == resource.id):
        _touch(role)
        audit.record(actor, "ROLE_RESOURCE_REMOVE", subject(role), details={"resource": resource.name})
    return overview(role)


def give_user(actor: Actor, role_id: uuid.UUID, user_id: uuid.UUID) -> Role:
    """Give somebody a role. Raises RoleNotFound, UserNotFound, StaleObject."""
    with write():
        role = _locked(actor, role_id)
        user = users.of(actor.organisation, user_id)
        check_if_match(role.revision)
        columns = {"organisation_id": role.organisation_id, "role_id": role.id, "user_id": user.id}
        if RoleUser.insert(**columns).on_conflict_ignore().as_rowcount().execute():
            _touch(role)
            audit.record(actor, "ROLE_USER_ADD", subject(role), details={"user": user.email})
    return role


def take_user(actor: Actor, role_id: uuid.UUID, user_id: uuid.UUID) -> None:
    """Take a role from somebody. Raises RoleNotFound, UserNotFound, StaleObject. Inside `write`."""
    of(actor.organisation, role_id)
    user = users.of(actor.organisation, user_id)
    role = locked(actor, role_id)
    if delete(RoleUser, RoleUser.role_id == role.id, RoleUser.user_id == user.id):
        _touch(role)
        audit.record(actor, "ROLE_USER_REMOVE", subject(role), details={"user": user.email})


def give_key(actor: Actor, role_id: uuid.UUID, key_id: uuid.UUID) -> Role:
    """Give a key of the organisation a role. Raises RoleNotFound, ApiKeyNotFound, InvalidInput, StaleObject."""
    with write():
        role = _locked(actor, role_id)
        key = api_keys.of(actor.organisation, key_id)
        if key.user_id is not None:
            raise InvalidInput(USERS_OWN)
        check_if_match(role.revision)
        columns = {"organisation_id": role.organisation_id, "role_id": role.id, "api_key_id": key.id}
        if RoleApiKey.insert(**columns).on_conflict_ignore().as_rowcount().execute():
            _touch(role)
            audit.record(actor, "ROLE_API_KEY_ADD", subject(role), details={"apiKey": key.name})
    return role


def take_key(actor: Actor, role_id: uuid.UUID, key_id: uuid.UUID) -> None:
    """Take a role from a key. Raises RoleNotFound, ApiKeyNotFound, StaleObject. Inside `write`."""
    of(actor.organisation, role_id)
    key = api_keys.of(actor.organisation, key_id)
    role = locked(actor, role_id)
    if delete(RoleApiKey, RoleApiKey.role_id == role.id, RoleApiKey.api_key_id == key.id):
        _touch(role)
        audit.record(actor, "ROLE_API_KEY_REMOVE", subject(role), details={"apiKey": key.name})


def forget_key(key_id: uuid.UUID) -> None:
    """Let a revoked key have no role any more, as a user who is deleted has none. Inside `write`."""
    delete(RoleApiKey, RoleApiKey.api_key_id == key_id)


def remove(actor: Actor, role_id: uuid.UUID) -> Overview:
    """Delete a role. Returns who had it. Raises RoleNotFound, StaleObject. Inside `write`."""
    role = locked(actor, role_id)
    had_it = overview(role)
    audit.record(actor, "ROLE_DELETE", subject(role))
    delete(Role, Role.id == role.id)
    return had_it


def subject(role: Role) -> audit.Subject:
    """How the audit trail names a role."""
    return audit.Subject("ROLE", role.id, role.name)


def _locked(actor: Actor, role_id: uuid.UUID) -> Role:
    """As `locked`, at whatever revision: what a role is given is looked for before its revision is compared.

    Nobody deletes a user or revokes a key meanwhile. Whoever locks resources too does that behind it.
    """
    accounts.locked_by(actor)
    return of(actor.organisation, role_id)


def _check_is_free(actor: Actor, name: str) -> None:
    if Role.select().where(Role.organisation_id == actor.organisation, Role.name == name).exists():
        raise Conflict(TAKEN)


def _touch(role: Role) -> None:
    role.revision += 1
    role.updated_at = current_time()
    role.save()


def _by_role(rows: Any, name: str) -> Mapping[uuid.UUID, Sequence[uuid.UUID]]:
    found: dict[uuid.UUID, list[uuid.UUID]] = {}
    for row in rows:
        found.setdefault(row.role_id, []).append(getattr(row, name))
    return {role_id: sorted(ids) for role_id, ids in found.items()}
