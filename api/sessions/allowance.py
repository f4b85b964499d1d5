"""What somebody may open, and for how long."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from api.accounts import service as accounts
from api.actor import Actor
from api.errors import DurationExceeded, InvalidInput, ResourceNotFound
from api.identifiers import parse
from api.resources import service as existing
from api.resources.models import Resource
from api.roles.reach import reach_of, reach_of_key
from api.sessions.addresses import ADMIN
from api.targets.service import obstacle_to

Reach = Mapping[uuid.UUID, int | None]

_MINUTE = 60

_NO_RESOURCE = "There is no resource that you may open. Add one first."
_NOTHING = "There is no resource that you may open. An administrator gives you a role that names some."


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedDuration:
    """How long, in hours or in minutes; None of both: as long as usual."""

    duration_hours: float | None = None
    duration_minutes: float | None = None

    @property
    def seconds(self) -> int | None:
        """Raises InvalidInput where both are given."""
        if self.duration_hours is not None and self.duration_minutes is not None:
            reason = "durationHours and durationMinutes exclude each other"
            raise InvalidInput(reason, {"durationHours": [reason]})
        if self.duration_hours is not None:
            return round(self.duration_hours * 60 * _MINUTE)
        return None if self.duration_minutes is None else round(self.duration_minutes * _MINUTE)


@dataclass(frozen=True, slots=True)
class Allowance:
    """Resources that may be opened together, and the most minutes that a session on all of them may last."""

    resources: Sequence[Resource]
    longest_minutes: int

    def check(self, seconds: float) -> None:
        """Raises DurationExceeded for a session of that length."""
        if seconds > self.longest_minutes * _MINUTE:
            raise DurationExceeded(self.longest_minutes)


@dataclass(frozen=True, slots=True)
class Openable:
    """A resource that somebody may open, for so many minutes at most. obstacle: why not now, if so."""

    resource: Resource
    longest_minutes: int
    obstacle: str | None


def is_unlimited(actor: Actor) -> bool:
    """An administrator, or a key of one. A key of the organisation has roles, as a user has."""
    return actor.role == ADMIN


def allowed(actor: Actor, tier: str, resource_ids: Sequence[str] | None) -> Allowance:
    """What the caller may open: the named resources, or all that he reaches. They stay as they are in this transaction.

    Raises ResourceNotFound for one that is not there or that he does not reach; Conflict where one is being deleted;
    InvalidInput where he reaches none. Inside `write`.
    """
    reach = _reach(actor)
    if resource_ids is None:
        resources = existing.held(actor.organisation, None if reach is None else list(reach))
        resources = [resource for resource in resources if resource.deleting_since is None]
        if not resources:
            raise InvalidInput(_NO_RESOURCE if is_unlimited(actor) else _NOTHING)
    else:
        resources = existing.named(actor.organisation, [_reached(text, reach) for text in resource_ids])
    return Allowance(resources, _longest(resources, tier, reach or {}))


def openable(actor: Actor) -> list[Openable]:
    """What the caller may open, by name: all that he reaches, with those among it that cannot be opened now."""
    if actor.tier is None:  # EntryGuard itself
        return []
    reach = _reach(actor)
    return [
        Openable(resource, _longest([resource], actor.tier, reach or {}), obstacle_to(resource))
        for resource in existing.found(actor.organisation, reach)
    ]


def longest_of(actor: Actor, resource_ids: Iterable[uuid.UUID]) -> Mapping[uuid.UUID, int]:
    """The most minutes that a session of the caller's on each of the resources may last, as far as they are there."""
    tier, reach = actor.tier, _reach(actor) or {}
    if tier is None:  # EntryGuard itself
        return {}
    return {one.id: _longest([one], tier, reach) for one in existing.found(actor.organisation, resource_ids)}


def allowed_still(actor: Actor, tier: str, resource_ids: Sequence[uuid.UUID]) -> Allowance:
    """The same for the resources of a session that is open, as far as they are there. Inside `write`."""
    resources = existing.held(actor.organisation, resource_ids)
    return Allowance(resources, _longest(resources, tier, _reach(actor) or {}))


def _reach(actor: Actor) -> Reach | None:
    """What the caller's roles let him open; None: everything."""
    if is_unlimited(actor):
        return None
    if actor.user_id is not None:
        return reach_of(actor.user_id)
    return {} if actor.key_id is None else reach_of_key(actor.key_id)


def _reached(text: str, reach: Reach | None) -> uuid.UUID:
    resource_id = parse(text, ResourceNotFound)
    if reach is not None and resource_id not in reach:
        raise ResourceNotFound(text)
    return resource_id


def _longest(resources: Sequence[Resource], tier: str, reach: Reach) -> int:
    limits = [accounts.limits_of(tier).session_minutes]
    for resource in resources:
        limits += [limit for limit in (resource.max_session_minutes, reach.get(resource.id)) if limit is not None]
    return min(limits)
