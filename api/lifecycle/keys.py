"""Revoking a key, with its roles and what it has open, in one transaction."""

import uuid

from api.accounts.service import api_keys
from api.actor import Actor
from api.database import write
from api.lifecycle.reach import end_beyond_reach
from api.roles import service as roles


def revoke_key(actor: Actor, key_id: uuid.UUID) -> None:
    """Revoke a key, which has no role any more. Raises ApiKeyNotFound, StaleObject, NotAllowed."""
    with write():
        api_keys.revoke(actor, key_id)
        roles.forget_key(key_id)
        end_beyond_reach(actor, key_ids=[key_id])
