"""Many who change things at once: nobody waits for somebody who waits for him."""

import random
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

import pytest

from api.accounts.models import Organisation, User
from api.actor import Actor
from api.credentials.models import Credential
from api.database import bind, connection, database, write
from api.due import LostClaim
from api.errors import EntryGuardError
from api.lifecycle.changing import change_resource
from api.lifecycle.roles import take_resource, take_user
from api.lifecycle.suspension import resume, suspend
from api.resources.models import Resource
from api.roles import service as roles
from api.sessions import service as sessions
from api.sessions import starting
from api.sessions.models import Session
from api.sessions.starting import NewSessionFields
from api.settings import Settings
from api.static_rules import service as static_rules
from api.static_rules.models import StaticRule
from api.static_rules.service import NewStaticRuleFields
from api.targets.models import Grant
from tests.api.accounts.acting import as_user
from tests.api.lifecycle.conftest import openable, person, role_of, rules_left, serve
from tests.rows import make_credential

SECONDS = 6
THREADS = 6
ADDRESSES = [f"81.2.69.{number}" for number in range(1, 5)]


@dataclass(frozen=True)
class Scene:
    """What all of them have to do with."""

    actor: Actor
    settings: Settings
    credentials: list[Credential]
    resources: list[Resource]
    people: list[User]
    role_id: uuid.UUID


@pytest.mark.engines("postgresql")
def test_nobody_waits_for_somebody_who_waits_for_him(
    db: str, by_ada: Actor, organisation: Organisation, settings: Settings
) -> None:
    bind(db, connections=THREADS + 2)
    with connection():
        credentials = [make_credential(organisation, account="123456789012", is_valid=True) for _ in range(2)]
        # Two resources on each of two objects: rules are shared, and so are targets.
        names = ["sg-0aaaaaaaaaaaaaaaa", "sg-0bbbbbbbbbbbbbbbb"]
        resources = [openable(each, resource_identifier=name) for each in credentials for name in names]
        people = [person(organisation) for _ in range(2)]
        role = role_of(people, resources)
    scene = Scene(by_ada, settings, credentials, resources, people, role.id)
    deadline = time.monotonic() + SECONDS

    def keep_doing(seed: int) -> int:
        choose, done = random.Random(seed), 0  # noqa: S311 - repeats what was seen, hides nothing
        deeds = _deeds(choose, scene)
        while time.monotonic() < deadline:
            with connection():
                try:
                    choose.choice(deeds)()
                    done += 1
                except (EntryGuardError, LostClaim):
                    continue  # somebody else was quicker: that is an answer, a deadlock is none
        return done

    with ThreadPoolExecutor(THREADS) as pool:
        done = list(pool.map(keep_doing, range(THREADS)))

    assert min(done) > 0 and sum(done) > 2 * THREADS
    with connection():
        if Organisation.get_by_id(organisation.id).suspended_at is None:
            suspend("acme")
        serve()
        assert not Grant.select().where(Grant.ended_at.is_null()).exists()
        assert rules_left() == 0
    database.close_all()


def _deeds(choose: random.Random, scene: Scene) -> list[Callable[[], object]]:
    actor, settings, resources, people = scene.actor, scene.settings, scene.resources, scene.people

    def some() -> list[Resource]:
        return choose.sample(resources, choose.randint(1, len(resources)))

    def static_rule() -> object:
        ids = [str(each.id) for each in some()]
        wanted = NewStaticRuleFields(str(uuid.uuid4()), ip_network(choose.choice(ADDRESSES)), ids)
        return static_rules.create(actor, wanted, uuid.uuid4(), settings)

    def stop() -> None:
        with write():
            sessions.end(actor, Session.user_id == choose.choice(people).id, "MANUAL")

    def move() -> object:
        changes: list[dict[str, Any]] = [
            {"config": {"port": choose.randint(1, 9)}},
            {"credential_id": str(choose.choice(scene.credentials).id)},
        ]
        change = choose.choice(changes)
        return change_resource(actor, choose.choice(resources).id, change)

    def give_and_take() -> object:
        which, who = choose.choice(resources).id, choose.choice(people).id
        take_resource(actor, scene.role_id, which)
        roles.give_resource(actor, scene.role_id, which)
        take_user(actor, scene.role_id, who)
        return roles.give_user(actor, scene.role_id, who)

    def pause() -> object:
        suspend("acme")
        return resume("acme")

    def start() -> object:
        caller = as_user(choose.choice(people), ip_address=choose.choice(ADDRESSES))
        wanted = NewSessionFields(resource_ids=[str(each.id) for each in some()])
        return starting.start(caller, wanted, uuid.uuid4(), settings)

    def end_static_rule() -> None:
        _end_static_rule(choose, scene)

    def other_resources() -> None:
        _change_static_rule(choose, scene, [str(each.id) for each in some()])

    return [static_rule, other_resources, end_static_rule, stop, move, give_and_take, pause, start, start, serve]


def _change_static_rule(choose: random.Random, scene: Scene, resource_ids: list[str]) -> None:
    if found := [row.id for row in StaticRule.select(StaticRule.id)]:
        wanted = {"resource_ids": resource_ids}
        static_rules.change(scene.actor, choose.choice(found), wanted, scene.settings)


def _end_static_rule(choose: random.Random, scene: Scene) -> None:
    if found := [row.id for row in StaticRule.select(StaticRule.id)]:
        static_rules.remove(scene.actor, choose.choice(found))
