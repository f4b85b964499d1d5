"""What people have open and may not open any more."""

import uuid
from collections.abc import Collection
from typing import Any

import peewee

from api.accounts.models import User
from api.accounts.service.users import ADMIN
from api.actor import Actor
from api.roles.models import RoleResource, RoleUser
from api.sessions import service as sessions
from api.sessions.models import Session
from api.targets.models import Grant

ROLE_REMOVED = "ROLE_REMOVED"


def end_beyond_reach(actor: Actor, user_ids: Collection[uuid.UUID]) -> None:
    """End what these users' sessions let in and none of their roles does.

    Inside `write`, with the organisation locked: nobody of it starts a session meanwhile.
    """
    reached = (
        RoleResource.select(peewee.SQL("1"))
        .join(RoleUser, on=(RoleUser.role_id == RoleResource.role_id))
        .where(RoleUser.user_id == Session.user_id, RoleResource.resource_id == Grant.resource_id)
    )
    open_to_them: Any = (
        Grant.select(Grant.id)
        .join(Session, on=(Session.id == Grant.session_id))
        .join(User, on=(User.id == Session.user_id))
        .where(User.id.in_(list(user_ids)), User.role != ADMIN, Grant.ended_at.is_null())
    )
    beyond = [grant.id for grant in open_to_them.where(~peewee.fn.EXISTS(reached))]
    sessions.end_grants(actor, Grant.id.in_(beyond), ROLE_REMOVED)
