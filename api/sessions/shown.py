"""A session as its user sees it: with what became of each address on each resource."""

from collections.abc import Sequence
from dataclasses import dataclass

from api.database import current_time
from api.sessions.models import Session
from api.targets import service as targets
from api.targets.shown import ResourceIp, seen


@dataclass(frozen=True, slots=True)
class Overview:
    """A session with its addresses on its resources, those that are gone among them."""

    session: Session
    resource_ips: Sequence[ResourceIp]


def overview(session: Session) -> Overview:
    """One session, as it is now."""
    return overviews([session])[0]


def overviews(sessions: Sequence[Session]) -> list[Overview]:
    """The sessions in their order, as they are now."""
    moment = current_time()
    grants = targets.grants_of(session.id for session in sessions)
    return [Overview(session, [seen(grant, moment) for grant in grants[session.id]]) for session in sessions]
