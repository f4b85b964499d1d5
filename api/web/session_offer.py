"""What somebody is offered to open: from where, what, and for how long."""

import hashlib
from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass
from ipaddress import ip_network

from api.actor import Actor
from api.credentials import service as credentials
from api.network import Address, obstacle_to
from api.paging import Page
from api.sessions import service
from api.sessions.addresses import ADMIN, detected
from api.sessions.allowance import Openable, openable
from api.sessions.shown import overview
from api.settings import Settings
from api.web.durations import Duration, choices

# What a page shows without unfolding it.
_FEW = 8


@dataclass(frozen=True, slots=True)
class Offer:
    """address_obstacle: why nobody is let in from the caller's own address. chosen: the ids of what is checked.

    has_credentials: what is to be opened can be added; asked where there is nothing to open.
    """

    address: Address
    address_obstacle: str | None
    may_name_another: bool
    resources: Sequence[Openable]
    chosen: Collection[str]
    durations: Sequence[Duration]
    has_credentials: bool

    @property
    def openable(self) -> list[Openable]:
        """What can be opened now."""
        return [one for one in self.resources if not one.obstacle]

    @property
    def is_long(self) -> bool:
        """There are too many resources to show them at once."""
        return len(self.resources) > _FEW

    @property
    def digest(self) -> str:
        """The same for offers that look the same, whatever is checked."""
        seen = [(one.resource.id.int, one.resource.name, one.longest_minutes, one.obstacle) for one in self.resources]
        told = (str(self.address), self.address_obstacle, self.may_name_another, self.has_credentials, seen)
        return hashlib.sha256(repr(told).encode()).hexdigest()[:16]

    @property
    def has_place(self) -> bool:
        """There is an address that somebody can be let in from."""
        return not self.address_obstacle or self.may_name_another

    @property
    def limits_differ(self) -> bool:
        """One resource may be opened for longer than another."""
        return len({one.longest_minutes for one in self.openable}) > 1


def offer(actor: Actor, settings: Settings, chosen: Collection[str] | None = None) -> Offer:
    """What the caller may open. chosen: what is checked of it; None for what he most likely wants."""
    address, resources = detected(actor), openable(actor)
    limits = {str(one.resource.id): one.longest_minutes for one in resources if not one.obstacle}
    checked = limits.keys() & set(_likely(actor, limits.keys()) if chosen is None else chosen)
    limit = min((limits[which] for which in checked or limits), default=0)
    return Offer(
        address=address,
        address_obstacle=obstacle_to(ip_network(address), settings.session_allowed_networks),
        may_name_another=actor.role == ADMIN,
        resources=resources,
        chosen=checked,
        durations=choices(limits.values(), limit, settings.session_min_seconds),
        has_credentials=not resources and bool(credentials.listed(actor.organisation, Page(limit=1)).rows),
    )


def _likely(actor: Actor, openable_now: Set[str]) -> Collection[str]:
    """What was opened last and can be opened now; else all, as the API does it, where that is little to look at."""
    last = service.last_of(actor)
    opened = set() if last is None else {str(one.resource_id) for one in overview(last).resource_ips}
    return openable_now & opened or (openable_now if len(openable_now) <= _FEW else ())
