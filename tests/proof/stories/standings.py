"""Static rules: made, given another end, deleted."""

import uuid
from datetime import datetime
from ipaddress import ip_network

from hypothesis import strategies as st

from api.static_rules import service
from api.static_rules.service import NewStaticRuleFields
from tests.proof.stories.model import Standing
from tests.proof.stories.story import ADDRESSES, NUMBERS, Story, action, minutes, network, pick

_ENDS = st.sampled_from((None, 1, 10, 120))
_MOST = 4


class Standings(Story):
    """They want rules of their own, or share those of sessions."""

    @action(which=NUMBERS, where=NUMBERS, lasts=_ENDS)
    def a_static_rule_is_made(self, which: int, where: int, lasts: int | None) -> bool:
        if not self.houses or len(self.world.model.standings) >= _MOST:
            return False
        house, address = pick(self.houses, which), pick(ADDRESSES, where)
        doors = {door.id for door in self.world.model.doors_of(house) if not door.is_going}
        if not doors:
            return False
        wanted = NewStaticRuleFields(
            label=str(uuid.uuid4()),
            ip_address=ip_network(address),
            resource_ids=[str(door) for door in doors],
            expires_at=self._end(lasts),
        )
        rule_id, admin, settings = uuid.uuid4(), self.world.admin(house), self.world.settings
        if not self.world.done(lambda: service.create(admin, wanted, rule_id, settings)):
            return False
        made = Standing(rule_id, house.id, network(address), doors, set(doors), wanted.expires_at)
        self.world.model.standings[rule_id] = made
        return True

    @action(lambda story: bool(story.world.model.standings), which=NUMBERS, lasts=_ENDS)
    def a_static_rule_gets_another_end(self, which: int, lasts: int | None) -> bool:
        if not (standings := self._standings()):
            return False
        standing, end = pick(standings, which), self._end(lasts)
        house = self.world.model.houses[standing.house]
        if end == standing.expires_at:
            return False
        admin, settings = self.world.admin(house), self.world.settings
        if not self.world.done(lambda: service.change(admin, standing.id, {"expires_at": end}, settings)):
            return False
        standing.expires_at, standing.is_told = end, False
        self.world.model.let_in_again([standing], self.world.moment)
        return True

    @action(lambda story: bool(story.world.model.standings), which=NUMBERS)
    def a_static_rule_is_deleted(self, which: int) -> bool:
        if not (standings := self._standings()):
            return False
        standing = pick(standings, which)
        admin = self.world.admin(self.world.model.houses[standing.house])
        if not self.world.done(lambda: service.remove(admin, standing.id)):
            return False
        del self.world.model.standings[standing.id]
        self.world.model.deleted.add(standing.id)
        return True

    def _end(self, lasts: int | None) -> datetime | None:
        return None if lasts is None else self.world.moment + minutes(lasts)

    def _standings(self) -> list[Standing]:
        awake = {house.id for house in self.houses}
        return [each for each in self.world.model.standings.values() if each.house in awake]
