"""What administrators and operators do: people, roles, resources, credentials, static rules, suspension."""

import uuid
from typing import Any

from hypothesis import strategies as st

from api.accounts.service.users import UserChange
from api.errors import CredentialInUse, ResourceInUse, TooManyResources
from api.lifecycle import changing, deleting, people, roles, suspension
from api.roles import service as given_roles
from api.targets.models import Grant
from tests.proof.stories import stage
from tests.proof.stories.model import Door, House, Person
from tests.proof.stories.sky import GATES
from tests.proof.stories.story import NUMBERS, Story, action, pick

_PORTS = (22, 443)


class Houses(Story):
    """What they take away, somebody else gives back."""

    @action(who=NUMBERS, is_forced=st.booleans())
    def a_resource_is_deleted(self, who: int, is_forced: bool) -> bool:
        if not (doors := self._doors()):
            return False
        door = pick(doors, who)
        admin = self._admin(door.house)
        delete = deleting.delete_resource_by_force if is_forced else deleting.delete_resource
        try:
            is_done = self.world.done(lambda: delete(admin, door.id))
        except ResourceInUse:
            assert not is_forced
            return False
        if is_done:
            self.world.model.close_door(door, "RESOURCE_DELETED")
        return is_done

    @action(which=NUMBERS, is_forced=st.booleans())
    def a_credential_is_deleted(self, which: int, is_forced: bool) -> bool:
        house = pick(self.houses, which) if self.houses else None
        if house is None or not house.credentials:
            return False
        credential = pick(sorted(house.credentials), which)
        delete = deleting.delete_credential_by_force if is_forced else deleting.delete_credential
        try:
            is_done = self.world.done(lambda: delete(self._admin(house.id), credential))
        except CredentialInUse:
            assert not is_forced
            return False
        if is_done:
            house.credentials.discard(credential)
            self._close_all(house, credential)
        return is_done

    @action(which=NUMBERS, gate=st.sampled_from(GATES), port=st.sampled_from(_PORTS))
    def a_resource_is_added(self, which: int, gate: str, port: int) -> bool:
        house = pick(self.houses, which) if self.houses else None
        if house is None:
            return False
        if not house.credentials:
            stage.add_credential(self.world, house)
            return bool(house.credentials)
        count = len([door for door in self.world.model.doors_of(house) if not door.is_going])
        if house.sessions_each > 1 and count >= house.most_doors:
            return False  # no limit of the product: so many are enough
        try:
            door = stage.add_door(self.world, house, pick(sorted(house.credentials), which), gate, port)
        except TooManyResources:
            assert count >= house.most_doors, "TooManyResources although there is room"
            return False
        assert count < house.most_doors, "no TooManyResources although there is no room"
        return self._give(house, door)

    @action(which=NUMBERS, port=st.sampled_from(_PORTS))
    def a_resource_is_changed(self, which: int, port: int) -> bool:
        doors = [door for door in self._doors() if door.port != port]
        if not doors:
            return False
        door = pick(doors, which)
        asked = Grant.select().where(
            Grant.resource_id == door.id, Grant.ended_at.is_null(), Grant.rule_id.is_null(False)
        )
        closed = {(one.session_id or one.static_rule_id, one.address) for one in asked}
        wanted = {"config": {"port": port}}
        if not self.world.done(lambda: changing.change_resource(self._admin(door.house), door.id, wanted)):
            return False
        self._change(door, port, closed)
        return True

    @action(who=NUMBERS)
    def a_role_is_taken_from_somebody(self, who: int) -> bool:
        holders = [each for each in self._people() if each.id in self._house(each).have_role]
        if not holders:
            return False
        person = pick(holders, who)
        house = self._house(person)
        if not self.world.done(lambda: roles.take_user(self._admin(house.id), house.role, person.id)):
            return False
        house.have_role.discard(person.id)
        self.world.model.close_beyond_reach(person)
        return True

    @action(who=NUMBERS)
    def a_resource_is_taken_from_a_role(self, who: int) -> bool:
        doors = [door for door in self._doors() if door.id in self.world.model.houses[door.house].opened_by_role]
        if not doors:
            return False
        door = pick(doors, who)
        house = self.world.model.houses[door.house]
        if not self.world.done(lambda: roles.take_resource(self._admin(house.id), house.role, door.id)):
            return False
        house.opened_by_role.discard(door.id)
        for person in [each for each in self.world.model.people.values() if each.id in house.have_role]:
            self.world.model.close_beyond_reach(person)
        return True

    @action(lambda story: story.has_roles_to_give(), who=NUMBERS)
    def a_role_is_given(self, who: int) -> bool:
        lack = [each for each in self._people() if each.id not in self._house(each).have_role]
        closed = [each for each in self._doors() if each.id not in self.world.model.houses[each.house].opened_by_role]
        if closed and (who % 2 or not lack):
            door = pick(closed, who)
            return self._give(self.world.model.houses[door.house], door)
        if not lack:
            return False
        person = pick(lack, who)
        house = self._house(person)
        if not self.world.done(lambda: given_roles.give_user(self._admin(house.id), house.role, person.id)):
            return False
        house.have_role.add(person.id)
        return True

    @action(who=NUMBERS)
    def somebody_is_promoted_or_demoted(self, who: int) -> bool:
        if not (others := self._people()):
            return False
        person = pick(others, who)
        role = "USER" if person.is_admin else "ORG_ADMIN"
        if not self._change_user(person, UserChange(role=role)):
            return False
        person.is_admin = not person.is_admin
        if person.is_active:
            self.world.model.close_beyond_reach(person)
        return True

    @action(who=NUMBERS)
    def somebody_is_deactivated(self, who: int) -> bool:
        active = [each for each in self._people() if each.is_active]
        if not active:
            return False
        person = pick(active, who)
        if not self._change_user(person, UserChange(is_active=False)):
            return False
        person.is_active = False
        theirs = [stay for stay in self.world.model.going_on() if stay.person == person.id]
        self.world.model.end(theirs, "USER_DEACTIVATED")
        return True

    @action(lambda story: not all(each.is_active for each in story.world.model.people.values()), who=NUMBERS)
    def somebody_is_reactivated(self, who: int) -> bool:
        inactive = [each for each in self._people() if not each.is_active]
        if not inactive:
            return False
        person = pick(inactive, who)
        if not self._change_user(person, UserChange(is_active=True)):
            return False
        person.is_active = True
        self.world.model.close_beyond_reach(person)
        return True

    @action(which=NUMBERS)
    def an_organisation_is_suspended(self, which: int) -> bool:
        if not (houses := self.houses):
            return False
        house = pick(houses, which)
        if not self.world.done(lambda: suspension.suspend(house.slug)):
            return False
        self.world.model.suspend(house)
        return True

    @action(lambda story: len(story.houses) < len(story.world.model.houses), which=NUMBERS)
    def an_organisation_is_resumed(self, which: int) -> bool:
        suspended = [house for house in self.world.model.houses.values() if house.is_suspended]
        return bool(suspended) and self.resume(pick(suspended, which))

    def has_roles_to_give(self) -> bool:
        return any(each.id not in self._house(each).have_role for each in self._people()) or any(
            each.id not in self.world.model.houses[each.house].opened_by_role for each in self._doors()
        )

    def resume(self, house: House) -> bool:
        if not self.world.done(lambda: suspension.resume(house.slug)):
            return False
        house.is_suspended = False
        theirs = [each for each in self.world.model.standings.values() if each.house == house.id]
        self.world.model.let_in_again(theirs, self.world.moment)
        return True

    def _give(self, house: House, door: Door) -> bool:
        if door.id not in self.world.model.doors:
            return False  # whoever was to add it died
        if not self.world.done(lambda: given_roles.give_resource(self._admin(house.id), house.role, door.id)):
            return False
        house.opened_by_role.add(door.id)
        return True

    def _close_all(self, house: House, credential: uuid.UUID) -> None:
        theirs = {door.id for door in self.world.model.doors_of(house) if door.credential == credential}
        model = self.world.model
        model.close(lambda _, entry: entry[0] in theirs, "CREDENTIAL_DELETED")
        for door in theirs:
            model.close_door(model.doors[door], "CREDENTIAL_DELETED")

    def _change(self, door: Door, port: int, closed: set[tuple[Any, str]]) -> None:
        model = self.world.model
        model.close(lambda stay, entry: entry[0] == door.id and (stay.id, entry[1]) in closed, "RESOURCE_CHANGED")
        door.port = port
        naming = [each for each in model.standings.values() if door.id in each.doors]
        for standing in naming:
            if (standing.id, standing.address) in closed:
                standing.open.discard(door.id)
            if standing.is_in_force(self.world.moment):
                standing.open.add(door.id)

    def _change_user(self, person: Person, wanted: UserChange) -> bool:
        return self.world.done(lambda: people.change_user(self._admin(person.house), person.id, wanted))

    def _doors(self) -> list[Door]:
        awake = {house.id for house in self.houses}
        return [door for door in self.world.model.doors.values() if door.house in awake and not door.is_going]

    def _people(self) -> list[Person]:
        awake = {house.id for house in self.houses}
        return [each for each in self.world.model.people.values() if each.house in awake and not each.is_founder]

    def _house(self, person: Person) -> House:
        return self.world.model.houses[person.house]

    def _admin(self, house: uuid.UUID) -> Any:
        return self.world.admin(self.world.model.houses[house])
