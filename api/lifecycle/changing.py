"""Changing a resource, with what follows for whom it lets in, in one transaction."""

import uuid
from collections.abc import Mapping
from typing import Any

from api.actor import Actor
from api.database import write
from api.resources import service as resources
from api.resources.models import Resource
from api.sessions import service as sessions
from api.static_rules import service as static_rules
from api.targets import service as targets
from api.targets.models import Grant

RESOURCE_CHANGED = "RESOURCE_CHANGED"

_WHAT_IS_OPENED = frozenset({"credential_id", "resource_identifier", "region", "config"})


def change_resource(actor: Actor, resource_id: uuid.UUID, wanted: Mapping[str, Any]) -> Resource:
    """Change a resource. Where it opens something else from then on, what it had opened is closed.

    Sessions lose it, for their users were let in to what it was; static rules name it still, and let in to what it is.
    Raises ResourceNotFound, StaleObject, InvalidInput, CredentialNotFound, Conflict.
    """
    with write():
        change = resources.change(actor, resource_id, wanted)
        if change.names & _WHAT_IS_OPENED:
            this, theirs = Resource.id == resource_id, Grant.resource_id == resource_id
            targets.hold([change.resource], theirs)
            static_rules.hold(this)
            # What could not be asked for is in no cloud, and waits for just such a change.
            sessions.end_grants(actor, theirs & Grant.rule_id.is_null(False), RESOURCE_CHANGED)
            sessions.try_again(change.resource)
            static_rules.let_in_again(this)
    return change.resource
