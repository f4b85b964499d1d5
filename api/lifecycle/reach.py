"""What people and keys have open and may not open any more."""

import uuid
from collections.abc import Collection
from typing import Any

import peewee

from api.accounts.models import User
from api.accounts.service.users import ADMIN
from api.actor import Actor
from api.roles.models import RoleApiKey, RoleResource, RoleUser
from api.sessions import service as sessions
from api.sessions.models import Session
from api.targets.models import Grant

ROLE_REMOVED = "ROLE_REMOVED"


def end_beyond_reach(actor: Actor, user_ids: Collection[uuid.UUID] = (), key_ids: Collection[uuid.UUID] = ()) -> None:
    """End what the sessions of these users, and of these keys of the organisation, let in and none of their roles does.

    Inside `write`, with the organisation locked: nobody of it starts a session meanwhile.
    """
    users = User.select(User.id).where(User.id.in_(list(user_ids)), User.role != ADMIN)
    beyond = [
        *_beyond(Session.user_id.in_(users), RoleUser, RoleUser.user_id == Session.user_id),
        *_beyond(Session.api_key_id.in_(list(key_ids)), RoleApiKey, RoleApiKey.api_key_id == Session.api_key_id),
    ]
    sessions.end_grants(actor, Grant.id.in_(beyond), ROLE_REMOVED)


def _beyond(whose: peewee.Node, given: Any, is_theirs: peewee.Node) -> list[uuid.UUID]:
    """The grants of these sessions that have not ended, and that no role lets in which is given to their holders."""
    reached = (
        RoleResource.select(peewee.SQL("1"))
        .join(given, on=(given.role_id == RoleResource.role_id))
        .where(is_theirs, RoleResource.resource_id == Grant.resource_id)
    )
    found: Any = (
        Grant.select(Grant.id)
        .join(Session, on=(Session.id == Grant.session_id))
        .where(whose, Grant.ended_at.is_null(), ~peewee.fn.EXISTS(reached))
    )
    return [grant.id for grant in found]
