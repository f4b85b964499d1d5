"""What the rows say at the end of a run, and when they have come to rest."""

import uuid
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any

from api.database import connection
from api.sessions.models import Session
from api.targets.models import Grant, Rule
from api.targets.service import REMOVING
from benchmarks.storm.lateness import Wanted


def are_at_rest() -> bool:
    """Whether every session is over and no rule is left."""
    with connection():
        is_open = Session.select().where(Session.ended_at.is_null()).exists()
        is_leaving = Grant.select().where(Grant.status == REMOVING).exists()
        return not is_open and not is_leaving and not Rule.select().exists()


def sessions() -> int:
    with connection():
        return int(Session.select().count())


def rules() -> int:
    with connection():
        return int(Rule.select().count())


def wanted(resources: Mapping[int, str]) -> list[Wanted]:
    """From when to when each session let whom in where, by the promise: until its end, or until it was stopped."""
    targets = {uuid.UUID(resource): number for number, resource in resources.items()}
    with connection():
        ended: Any = Grant.select().where(Grant.ended_at.is_null(False))
        expiries: dict[Any, Any] = {session.id: session.expires_at for session in Session.select()}
        return [
            Wanted(
                (targets[grant.resource_id], str(ip_network(grant.address).network_address)),
                grant.created_at.timestamp(),
                min(grant.ended_at, expiries[grant.session_id]).timestamp(),
                # Who left the rule to another one that wanted it has not seen it go.
                grant.removed_at.timestamp() if grant.removed_at and not grant.kept_by else None,
            )
            for grant in ended
        ]
