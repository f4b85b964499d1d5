"""Sessions as the page's tables show them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING

from api.actor import Actor
from api.database import current_time
from api.network import Address, parse_network
from api.sessions.addresses import ADMIN, detected
from api.sessions.allowance import longest_of
from api.sessions.shown import Overview, overviews
from api.targets.shown import ResourceIp
from api.web.durations import Duration, choices
from api.web.session_words import remedy

if TYPE_CHECKING:
    from api.sessions.models import Session

_NAMED_AT_MOST = 8
_CHANGING = frozenset({"PENDING", "REMOVING"})


@dataclass(frozen=True, slots=True)
class State:
    """What became of some resources, which is the same for all of them. remedy: what to do about the error."""

    names: Sequence[str]
    status: str
    error: str | None
    overdue_since: datetime | None
    remedy: str | None

    @property
    def written(self) -> str:
        """Their names, or the first few of them."""
        return named(self.names)


@dataclass(frozen=True, slots=True)
class Row:
    """A session that has not ended, or is being closed. is_elsewhere: its holder, who asks, is at no address of it."""

    session: "Session"
    seconds_left: int
    states: Sequence[State]
    extensions: Sequence[Duration]
    is_own: bool
    is_elsewhere: bool

    @property
    def is_open(self) -> bool:
        return self.session.ended_at is None

    @property
    def is_changing(self) -> bool:
        """It is about to change by itself."""
        return any(state.status in _CHANGING for state in self.states)


def rows(actor: Actor, sessions: "Sequence[Session]") -> list[Row]:
    """Unfinished sessions, as they are now, for somebody who may see them."""
    moment, found = current_time(), overviews(sessions)
    limits = longest_of(actor, {one.resource_id for each in found for one in each.resource_ips})
    return [
        Row(
            session=each.session,
            seconds_left=max(0, round((each.session.expires_at - moment).total_seconds())),
            states=_states(each, is_admin=actor.role == ADMIN),
            extensions=_extensions(each, [limits[one.resource_id] for one in _left(each) if one.resource_id in limits]),
            is_own=_is_own(actor, each.session),
            is_elsewhere=_is_own(actor, each.session) and not _lets_in(each.session, detected(actor)),
        )
        for each in found
    ]


def digest(shown: Sequence[Row], *more: object) -> str:
    """The same for rows that look the same, but for the time that is left."""
    seen = [
        (row.session.id, row.session.status, row.session.revision, row.is_open, row.is_elsewhere, row.states)
        for row in shown
    ]
    return hashlib.sha256(repr((seen, more)).encode()).hexdigest()[:16]


def resources_of(overview: Overview) -> str:
    """The names of what a session opened, or the first few of them."""
    return named(list(dict.fromkeys(one.resource_name for one in overview.resource_ips)))


def named(names: Sequence[str]) -> str:
    """Names in a line, the first few of many."""
    more = len(names) - _NAMED_AT_MOST
    return ", ".join(names[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


def _left(overview: Overview) -> list[ResourceIp]:
    """What is there, or is to be there; all of it where everything is gone."""
    return [one for one in overview.resource_ips if one.status != "REMOVED"]


def _states(overview: Overview, *, is_admin: bool) -> list[State]:
    def alike(one: ResourceIp) -> tuple[str, str, str]:
        return (one.status, one.error_message or "", str(one.overdue_since or ""))

    return [
        _state(list(group), is_admin=is_admin) for _, group in groupby(sorted(_left(overview), key=alike), key=alike)
    ]


def _state(alike: Sequence[ResourceIp], *, is_admin: bool) -> State:
    first = alike[0]
    is_wrong = first.error_message is not None or first.overdue_since is not None
    return State(
        names=list(dict.fromkeys(one.resource_name for one in alike)),
        status=first.status,
        error=first.error_message,
        overdue_since=first.overdue_since,
        remedy=remedy(first.status, is_admin=is_admin) if is_wrong else None,
    )


def _extensions(overview: Overview, limits: Sequence[int]) -> list[Duration]:
    session = overview.session
    lasts = (session.expires_at - session.created_at).total_seconds()
    more = min(limits, default=0) - -(-lasts // 60)
    if more < 1:
        return []
    all_of_it = choices([int(more)], int(more))
    return [one for one in all_of_it if one.is_usual] or all_of_it


def _is_own(actor: Actor, session: "Session") -> bool:
    return session.user_id is not None and session.user_id == actor.user_id


def _lets_in(session: "Session", address: Address) -> bool:
    written = filter(None, (session.ipv4_address, session.ipv6_address))
    return any(address in parse_network(network) for network in written)
