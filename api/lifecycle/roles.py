"""Taking away what a role gives, with what was opened by it, in one transaction."""

import uuid

from api.actor import Actor
from api.database import write
from api.lifecycle.reach import end_beyond_reach
from api.roles import service as roles


def delete_role(actor: Actor, role_id: uuid.UUID) -> None:
    """Delete a role. Raises RoleNotFound, StaleObject."""
    with write():
        end_beyond_reach(actor, roles.remove(actor, role_id))


def take_resource(actor: Actor, role_id: uuid.UUID, resource_id: uuid.UUID) -> None:
    """Let a role's users open a resource no more. Raises RoleNotFound, ResourceNotFound, StaleObject."""
    with write():
        end_beyond_reach(actor, roles.take_resource(actor, role_id, resource_id))


def take_user(actor: Actor, role_id: uuid.UUID, user_id: uuid.UUID) -> None:
    """Take a role from somebody. Raises RoleNotFound, UserNotFound, StaleObject."""
    with write():
        roles.take_user(actor, role_id, user_id)
        end_beyond_reach(actor, [user_id])
