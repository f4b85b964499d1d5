"""Changing and removing people, with what they have open, in one transaction."""

import uuid

from api.accounts.models import User
from api.accounts.service import users
from api.accounts.service.users import UserChange
from api.actor import Actor
from api.database import write
from api.lifecycle.reach import end_beyond_reach
from api.sessions import service as sessions
from api.sessions.models import Session

USER_DEACTIVATED = "USER_DEACTIVATED"


def change_user(actor: Actor, user_id: uuid.UUID, wanted: UserChange) -> User:
    """Change a person. Who is deactivated has nothing open any more, who is demoted no more than the roles give.

    Raises UserNotFound, StaleObject, LastAdmin, NotAllowed.
    """
    with write():
        user = users.change(actor, user_id, wanted)
        if not user.is_active:
            sessions.end(actor, Session.user_id == user.id, USER_DEACTIVATED)
        else:
            end_beyond_reach(actor, [user.id])
    return user


def remove_user(actor: Actor, user_id: uuid.UUID) -> None:
    """Delete a person, and end what they have open. Raises UserNotFound, StaleObject, LastAdmin, NotAllowed."""
    with write():
        users.remove(actor, user_id)
        sessions.end(actor, Session.user_id == user_id, USER_DEACTIVATED)
