"""How each story begins: two organisations with people, credentials and resources on the same two gates."""

import copy
import uuid
from typing import Any

from api.accounts.models import Organisation, User
from api.accounts.tiers import limits_of
from api.credentials import service as credentials
from api.credentials.service import NewCredentialFields
from api.database import current_time, write
from api.due import Turn
from api.resources import service as resources
from api.resources.models import Resource
from api.resources.service import NewResourceFields
from api.roles import service as roles
from api.roles.service import NewRoleFields
from tests.proof.stories.model import Door, House, Person
from tests.proof.stories.world import World

# FREE lets everybody have one session, PAID five.
_TIERS = ("FREE", "PAID")
_DOORS = {
    "FREE": (("north", 443, 0), ("north", 443, 1), ("south", 22, 0)),
    "PAID": (("north", 443, 0), ("south", 443, 0)),
}
_PEOPLE = 3
_MOST_DOORS = 4


def build(world: World) -> None:
    """Make what is there at the beginning, verified."""
    for tier in _TIERS:
        _build_house(world, tier)
    world.serve()
    assert {row.is_active for row in Resource.select()} == {True}


def _build_house(world: World, tier: str) -> None:
    moment, limits = current_time(), limits_of(tier)
    house = House(
        id=uuid.uuid4(),
        slug=f"house-{tier.lower()}",
        role=uuid.uuid4(),
        sessions_each=limits.sessions_per_user,
        longest_minutes=limits.session_minutes,
        most_doors=limits.resources or _MOST_DOORS,
    )
    with write():
        written = {"tier": tier, "created_at": moment, "updated_at": moment}
        Organisation.create(id=house.id, slug=house.slug, name=house.slug, **written)
        Turn.create(organisation_id=house.id)
    world.model.houses[house.id] = house
    people = [_add_person(world, house, number) for number in range(_PEOPLE)]
    admin = world.actor(people[0])
    roles.create(admin, NewRoleFields("Staff"), house.role)
    made = [add_credential(world, house) for _ in range(1 + max(which for _, _, which in _DOORS[tier]))]
    for gate, port, which in _DOORS[tier]:
        door = add_door(world, house, made[which], gate, port)
        roles.give_resource(admin, house.role, door.id)
        house.opened_by_role.add(door.id)
    for person in people[1:]:
        roles.give_user(admin, house.role, person.id)
        house.have_role.add(person.id)


def _add_person(world: World, house: House, number: int) -> Person:
    moment, is_admin = current_time(), number == 0
    person = Person(uuid.uuid4(), house.id, is_admin, is_founder=is_admin)
    with write():
        User.create(
            id=person.id,
            organisation_id=house.id,
            email=f"{person.id}@example.com",
            name=f"person {number}",
            password_hash="nobody signs in",
            role="ORG_ADMIN" if is_admin else "USER",
            created_at=moment,
            updated_at=moment,
        )
    world.model.people[person.id] = person
    return person


def add_credential(world: World, house: House) -> uuid.UUID:
    credential_id, data = uuid.uuid4(), world.ground.new_key()
    wanted = NewCredentialFields("key", "NIMBUS", "SKY_KEY", data)
    if world.done(lambda: credentials.create(world.admin(house), wanted, world.server, credential_id)):
        house.credentials.add(credential_id)
    return credential_id


def add_door(world: World, house: House, credential: uuid.UUID, gate: str, port: int) -> Door:
    """Raises TooManyResources."""
    door = Door(uuid.uuid4(), house.id, credential, gate, port)
    wanted = NewResourceFields(f"{gate} {port}", str(credential), "NIMBUS", "GATE", gate, config={"port": port})
    if world.done(lambda: resources.create(world.admin(house), wanted, door.id)):
        world.model.doors[door.id] = door
    return door


def kept(world: World) -> dict[str, Any]:
    """What is so outside of the database, to begin other stories with."""
    return copy.deepcopy({"model": world.model, "rights": world.ground.sky.rights})


def begin(world: World, before: dict[str, Any]) -> None:
    again = copy.deepcopy(before)
    world.model, world.ground.sky.rights = again["model"], again["rights"]
