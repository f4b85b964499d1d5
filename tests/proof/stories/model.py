"""What should be so, as those who ask for it know it: kept beside the product, and never read from its rows."""

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

Entry = tuple[uuid.UUID, str]
"""A door and an address that it lets in."""
Wanted = tuple[uuid.UUID | None, str, str, int]
"""A rule: whose it is, at which gate, from where, to which port."""


@dataclass
class Door:
    """A resource: a port of a gate. is_going: it was deleted, as far as it goes."""

    id: uuid.UUID
    house: uuid.UUID
    credential: uuid.UUID
    gate: str
    port: int
    is_going: bool = False


@dataclass
class Person:
    """Somebody of a house."""

    id: uuid.UUID
    house: uuid.UUID
    is_admin: bool
    is_active: bool = True
    is_founder: bool = False


@dataclass
class House:
    """An organisation, with the one role that its people may have, and its credentials."""

    id: uuid.UUID
    slug: str
    role: uuid.UUID
    sessions_each: int
    longest_minutes: int
    most_doors: int
    opened_by_role: set[uuid.UUID] = field(default_factory=set)
    have_role: set[uuid.UUID] = field(default_factory=set)
    credentials: set[uuid.UUID] = field(default_factory=set)
    is_suspended: bool = False


@dataclass
class Stay:
    """A session. ended: why, None while it goes on."""

    id: uuid.UUID
    house: uuid.UUID
    person: uuid.UUID
    addresses: set[str]
    open: set[Entry]
    created_at: datetime
    expires_at: datetime
    ended: str | None = None
    extended: int = 0
    moved: int = 0


@dataclass
class Standing:
    """A static rule. open: where it lets in now. is_told: its end was told of. expired: how often."""

    id: uuid.UUID
    house: uuid.UUID
    address: str
    doors: set[uuid.UUID]
    open: set[uuid.UUID]
    expires_at: datetime | None
    is_told: bool = False
    expired: int = 0

    def is_in_force(self, moment: datetime) -> bool:
        return self.expires_at is None or self.expires_at > moment


@dataclass
class Model:
    """All of it. deleted: the static rules that were."""

    houses: dict[uuid.UUID, House] = field(default_factory=dict)
    people: dict[uuid.UUID, Person] = field(default_factory=dict)
    doors: dict[uuid.UUID, Door] = field(default_factory=dict)
    stays: dict[uuid.UUID, Stay] = field(default_factory=dict)
    standings: dict[uuid.UUID, Standing] = field(default_factory=dict)
    deleted: set[uuid.UUID] = field(default_factory=set)

    def reach(self, person: Person) -> list[Door]:
        """The doors that somebody may open."""
        house = self.houses[person.house]
        theirs = [door for door in self.doors_of(house) if not door.is_going]
        if person.is_admin:
            return theirs
        return [door for door in theirs if person.id in house.have_role and door.id in house.opened_by_role]

    def doors_of(self, house: House) -> list[Door]:
        return [door for door in self.doors.values() if door.house == house.id]

    def going_on(self) -> list[Stay]:
        return [stay for stay in self.stays.values() if stay.ended is None]

    def live_of(self, person: Person, moment: datetime) -> int:
        """How many sessions somebody has, of those that count."""
        return sum(stay.person == person.id and stay.expires_at > moment for stay in self.going_on())

    def end(self, stays: Iterable[Stay], reason: str) -> None:
        for stay in stays:
            stay.ended, stay.open = reason, set()

    def close(self, is_closed: Callable[[Stay, Entry], bool], reason: str) -> None:
        """Close what sessions had opened; those that have nothing left end."""
        for stay in self.going_on():
            left = {entry for entry in stay.open if not is_closed(stay, entry)}
            if left != stay.open:
                stay.open = left
                self.end([stay] if not left else [], reason)

    def close_beyond_reach(self, person: Person) -> None:
        reached = {door.id for door in self.reach(person)}
        if not person.is_admin:
            self.close(lambda stay, entry: stay.person == person.id and entry[0] not in reached, "ROLE_REMOVED")

    def close_door(self, door: Door, reason: str) -> None:
        """A door is deleted."""
        door.is_going = True
        self.close(lambda _, entry: entry[0] == door.id, reason)
        for standing in self.standings.values():
            standing.open.discard(door.id)

    def suspend(self, house: House) -> None:
        house.is_suspended = True
        self.end([stay for stay in self.going_on() if stay.house == house.id], "ORGANIZATION_SUSPENDED")
        for standing in self.standings.values():
            if standing.house == house.id:
                standing.open = set()

    def let_in_again(self, standings: Iterable[Standing], moment: datetime) -> None:
        """What static rules name is opened, if they are in force."""
        for standing in standings:
            if standing.is_in_force(moment) and not self.houses[standing.house].is_suspended:
                standing.open = {
                    each for each in standing.doors if each in self.doors and not self.doors[each].is_going
                }

    def wanted(self) -> Counter[Wanted]:
        """What must be in the cloud: whose, at which gate, from where, to which port. Once, however many want it."""
        return Counter({self._rule(door, address) for door, address in self._entries()})

    def _entries(self) -> Iterator[Entry]:
        for stay in self.going_on():
            yield from stay.open
        for standing in self.standings.values():
            yield from ((door, standing.address) for door in standing.open)

    def _rule(self, door_id: uuid.UUID, address: str) -> Wanted:
        door = self.doors[door_id]
        return door.house, door.gate, address, door.port
