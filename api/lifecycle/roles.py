"""Taking away what a role gives, with what was opened by it, in one transaction."""

import uuid

from api.actor import Actor
from api.database import write
from api.lifecycle.reach import end_beyond_reach
from api.roles import service as roles


def delete_role(actor: Actor, role_id: uuid.UUID) -> None:
    """Delete a role. Raises RoleNotFound, StaleObject."""
    with write():
        had_it = roles.remove(actor, role_id)
        end_beyond_reach(actor, had_it.user_ids, had_it.api_key_ids)


def take_resource(actor: Actor, role_id: uuid.UUID, resource_id: uuid.UUID) -> None:
    """Let who has a role open a resource no more. Raises RoleNotFound, ResourceNotFound, StaleObject."""
    with write():
        have_it = roles.take_resource(actor, role_id, resource_id)
        end_beyond_reach(actor, have_it.user_ids, have_it.api_key_ids)


def take_user(actor: Actor, role_id: uuid.UUID, user_id: uuid.UUID) -> None:
    """Take a role from somebody. Raises RoleNotFound, UserNotFound, StaleObject."""
    with write():
        roles.take_user(actor, role_id, user_id)
        end_beyond_reach(actor, [user_id])


def take_key(actor: Actor, role_id: uuid.UUID, key_id: uuid.UUID) -> None:
    """Take a role from a key of the organisation. Raises RoleNotFound, ApiKeyNotFound, StaleObject."""
    with write():
        roles.take_key(actor, role_id, key_id)
        end_beyond_reach(actor, key_ids=[key_id])
