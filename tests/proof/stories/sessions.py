"""What people do with their own sessions."""

import uuid
from collections.abc import Callable, Sequence
from ipaddress import ip_network
from typing import Any

from hypothesis import strategies as st

from api.actor import Actor
from api.errors import DurationExceeded, SessionLimitReached
from api.sessions import changing, service, starting
from api.sessions.addresses import WantedAddresses
from api.sessions.allowance import WantedDuration
from api.sessions.models import Session
from api.sessions.starting import NewSessionFields
from tests.proof.stories.model import Door, Person, Stay
from tests.proof.stories.story import ADDRESSES, MARGIN, NUMBERS, Story, action, minutes, network, pick

_LENGTHS = st.sampled_from((1, 5, 60, 120))


class Sessions(Story):
    """Starting, ending, extending, moving."""

    @action(who=NUMBERS, where=NUMBERS, which=NUMBERS, length=_LENGTHS)
    def somebody_opens(self, who: int, where: int, which: int, length: int) -> bool:
        if not self.people:
            return False
        person = pick(self.people, who)
        return self._start(person, [pick(ADDRESSES, where)], which, length)

    @action(lambda story: bool(story.stays), who=NUMBERS, beside=NUMBERS, which=NUMBERS, length=_LENGTHS)
    def somebody_opens_where_another_is(self, who: int, beside: int, which: int, length: int) -> bool:
        stay = pick(self.stays, beside)
        others = [each for each in self.people if each.house == stay.house and each.id != stay.person]
        if not others:
            return False
        return self._start(pick(others, who), [min(stay.addresses)], which, length)

    @action(who=NUMBERS, which=NUMBERS, length=_LENGTHS)
    def an_administrator_opens_both_ways(self, who: int, which: int, length: int) -> bool:
        admins = [each for each in self.people if each.is_admin]
        return bool(admins) and self._start(pick(admins, who), list(ADDRESSES[1:]), which, length)

    @action(lambda story: bool(story.stays), who=NUMBERS)
    def somebody_stops(self, who: int) -> bool:
        return self._stop(pick(self.stays, who))

    @action(lambda story: bool(story.stays), who=NUMBERS, where=NUMBERS, which=NUMBERS)
    def somebody_starts_over(self, who: int, where: int, which: int) -> bool:
        """What has ended takes no place, though its rules are still there."""
        stay = pick(self.stays, who)
        person = self.world.model.people[stay.person]
        return self._stop(stay) and person in self.people and self._start(person, [pick(ADDRESSES, where)], which, 60)

    @action(lambda story: bool(story.stays), who=NUMBERS, more=st.sampled_from((1, 30, 60, 240)))
    def somebody_extends(self, who: int, more: int) -> bool:
        stay = pick(self.stays, who)
        house = self.world.model.houses[stay.house]
        lasts = stay.expires_at + minutes(more) - stay.created_at
        fits = lasts <= minutes(house.longest_minutes)
        wanted = WantedDuration(duration_minutes=more)
        deed = self._expecting(DurationExceeded, fits, lambda: changing.extend(self._for(stay), stay.id, wanted))
        if not (self.world.done(deed) and fits):
            return False
        stay.expires_at += minutes(more)
        stay.extended += 1
        return True

    @action(lambda story: bool(story.stays), who=NUMBERS, where=NUMBERS)
    def somebody_moves(self, who: int, where: int) -> bool:
        stay, address = pick(self.stays, who), pick(ADDRESSES, where)
        wanted = WantedAddresses(**_fields([address]))
        settings = self.world.settings
        if not self.world.done(lambda: changing.change_addresses(self._for(stay), stay.id, wanted, settings)):
            return False
        after = {network(address)}
        if stay.addresses == after:
            return False
        doors = {door for door, _ in stay.open}
        stay.open = {(door, each) for door in doors for each in after}
        stay.addresses, stay.moved = after, stay.moved + 1
        return True

    def _stop(self, stay: Stay) -> bool:
        if not self.world.done(lambda: service.stop(self._for(stay), stay.id)):
            return False
        self.world.model.end([stay], "MANUAL")
        return True

    def _start(self, person: Person, addresses: Sequence[str], which: int, length: int) -> bool:
        model, world = self.world.model, self.world
        is_near = any(abs(stay.expires_at - world.moment) < MARGIN for stay in model.going_on())
        if is_near or not (reach := model.reach(person)):
            return False
        doors = reach if which % 3 == 0 else [pick(reach, which)]
        has_place = model.live_of(person, world.moment) < model.houses[person.house].sessions_each
        wanted = NewSessionFields(
            duration_minutes=length, resource_ids=[str(door.id) for door in doors], **_fields(addresses)
        )
        session_id, actor = uuid.uuid4(), world.actor(person, addresses[0].partition("/")[0])
        begin = self._expecting(
            SessionLimitReached, has_place, lambda: starting.start(actor, wanted, session_id, world.settings)
        )
        if not (world.done(begin) and has_place):
            return False
        self._note(person, session_id, addresses, doors)
        return True

    def _note(self, person: Person, session_id: uuid.UUID, addresses: Sequence[str], doors: Sequence[Door]) -> None:
        row = Session.get_by_id(session_id)
        written = {network(address) for address in addresses}
        self.world.model.stays[session_id] = Stay(
            id=session_id,
            house=person.house,
            person=person.id,
            addresses=written,
            open={(door.id, address) for door in doors for address in written},
            created_at=row.created_at,
            expires_at=row.expires_at,
        )

    def _expecting(self, error: type[Exception], is_allowed: bool, deed: Callable[[], object]) -> Callable[[], None]:
        """The deed, which is refused with this error where it is not allowed, and nowhere else."""

        def attempt() -> None:
            try:
                deed()
            except error:
                assert not is_allowed, f"{error.__name__} although there is room"
            else:
                assert is_allowed, f"no {error.__name__} although there is no room"

        return attempt

    def _for(self, stay: Stay) -> Actor:
        return self.world.admin(self.world.model.houses[stay.house])


def _fields(addresses: Sequence[str]) -> dict[str, Any]:
    networks = [ip_network(address) for address in addresses]
    return {f"ipv{each.version}_address": each for each in networks}
