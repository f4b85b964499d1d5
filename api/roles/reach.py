"""What somebody may open, and for how long."""

import uuid
from collections.abc import Mapping
from typing import Any

import peewee

from api.roles.models import Role, RoleApiKey, RoleResource, RoleUser


def reach_of(user_id: uuid.UUID) -> Mapping[uuid.UUID, int | None]:
    """The resources that a user's roles let him open, each with the most minutes that one of them allows.

    None: at least one of those roles sets no limit of its own. A session is started with the organisation held: whoever
    takes a part of this away locks the organisation first, and then sees every session that is to lose it.
    """
    return _reach(RoleUser, RoleUser.user_id == user_id)


def reach_of_key(key_id: uuid.UUID) -> Mapping[uuid.UUID, int | None]:
    """The same of a key of the organisation."""
    return _reach(RoleApiKey, RoleApiKey.api_key_id == key_id)


def _reach(given: Any, which: peewee.Node) -> Mapping[uuid.UUID, int | None]:
    has_no_limit = peewee.fn.COUNT(Role.max_session_hours) < peewee.fn.COUNT(Role.id)
    hours = peewee.Case(None, [(has_no_limit, None)], peewee.fn.MAX(Role.max_session_hours))
    rows: Any = (
        given.select(RoleResource.resource_id, hours)
        .join(RoleResource, on=(RoleResource.role_id == given.role_id))
        .join(Role, on=(Role.id == given.role_id))
        .where(which)
        .group_by(RoleResource.resource_id)
        .tuples()
    )
    return {resource_id: None if hours is None else hours * 60 for resource_id, hours in rows}
