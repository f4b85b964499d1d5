"""What somebody may open, and for how long."""

import uuid
from collections.abc import Mapping
from typing import Any

import peewee

from api.roles.models import Role, RoleResource, RoleUser


def reach_of(user_id: uuid.UUID) -> Mapping[uuid.UUID, int | None]:
    """The resources that a user's roles let him open, each with the most minutes that one of them allows.

    None: at least one of those roles sets no limit of its own. A session is started with the organisation held: whoever
    takes a part of this away locks the organisation first, and then sees every session that is to lose it.
    """
    has_no_limit = peewee.fn.COUNT(Role.max_session_hours) < peewee.fn.COUNT(Role.id)
    hours = peewee.Case(None, [(has_no_limit, None)], peewee.fn.MAX(Role.max_session_hours))
    rows: Any = (
        RoleUser.select(RoleResource.resource_id, hours)
        .join(RoleResource, on=(RoleResource.role_id == RoleUser.role_id))
        .join(Role, on=(Role.id == RoleUser.role_id))
        .where(RoleUser.user_id == user_id)
        .group_by(RoleResource.resource_id)
        .tuples()
    )
    return {resource_id: None if hours is None else hours * 60 for resource_id, hours in rows}
