"""What is locked: the rows that a deed concerns, and no others, so that whoever does something else goes on.

In which order, and that each is, `tests/lock_order.py` looks at in every test.
"""

import uuid
from dataclasses import dataclass
from typing import Any

import pytest

from api.accounts.models import Organisation
from api.actor import Actor
from api.claims import claim
from api.credentials.models import Credential
from api.database import write
from api.due import Priority, Turn
from api.lifecycle.changing import change_resource
from api.lifecycle.suspension import resume, suspend
from api.network import parse_network
from api.resources.models import Resource
from api.sessions import service as sessions
from api.sessions.models import Session
from api.settings import Settings
from api.static_rules import service as static_rules
from api.static_rules.models import StaticRule
from api.static_rules.service import NewStaticRuleFields
from api.targets.models import Grant, Target
from tests.api.lifecycle.conftest import openable, opened, person, serve, static_rule
from tests.api.lifecycle.test_changing import offer, see
from tests.lock_order import LockOrder
from tests.rows import make_credential, make_organisation

pytestmark = pytest.mark.engines("sqlite")

_TABLES = (Credential, Resource, Target, StaticRule, Session)


@dataclass(frozen=True)
class Opened:
    """One object in a cloud, with somebody and an office that are let in to it."""

    credential: Credential
    resource: Resource
    target: Target
    rule: StaticRule
    session: Session


@dataclass(frozen=True)
class Scene:
    """Two that have nothing to do with each other."""

    actor: Actor
    order: LockOrder
    here: Opened
    there: Opened

    def locked(self) -> dict[str, set[str]]:
        """Which of the rows have been locked, by table."""
        told = {
            table: {
                where
                for where, opened in (("here", self.here), ("there", self.there))
                for row in (opened.credential, opened.resource, opened.target, opened.rule, opened.session)
                if isinstance(row, table) and row.id in self.order.of(table)
            }
            for table in _TABLES
        }
        return {table.__name__: names for table, names in told.items() if names}


def opening(organisation: Organisation, account: str) -> Opened:
    credential = make_credential(organisation, account=account, is_valid=True)
    resource = openable(credential)
    session = opened(person(organisation), resource)
    rule = static_rule(resource, address="81.2.69.144", label=account)
    return Opened(credential, resource, Target.get(Target.account == account), rule, session)


@pytest.fixture
def scene(by_ada: Actor, organisation: Organisation, lock_order: LockOrder) -> Scene:
    over = opened(person(organisation), openable(make_credential(organisation, account="0", is_valid=True)))
    here, there = opening(organisation, "123456789012"), opening(organisation, "210987654321")
    gone = opened(person(organisation), here.resource, address="81.2.69.145")
    serve()
    for session in (over, gone):
        sessions.stop(by_ada, session.id)
    lock_order.forget()
    return Scene(by_ada, lock_order, here, there)


def test_the_stop_of_a_session_locks_what_it_had_open(scene: Scene) -> None:
    sessions.stop(scene.actor, scene.here.session.id)

    assert scene.locked() == {"Target": {"here"}, "Session": {"here"}}
    assert len(scene.order.of(Session)) == 1


def test_the_end_of_sessions_locks_what_they_had_open(scene: Scene) -> None:
    with write():
        sessions.end(scene.actor, Session.id == scene.here.session.id, "EXPIRED")

    assert scene.locked() == {"Target": {"here"}, "Session": {"here"}}


def test_the_change_of_a_resource_locks_whom_it_lets_in(scene: Scene) -> None:
    change_resource(scene.actor, scene.here.resource.id, {"config": {"port": 8443}})

    only = {"here"}
    assert scene.locked() == {"Resource": only, "Target": only, "StaticRule": only, "Session": only}
    assert len(scene.order.of(Session)) == 1, "and no session that has ended"


def test_a_static_rule_is_let_in_with_the_organisation_and_what_it_names_locked(
    scene: Scene, settings: Settings
) -> None:
    wanted = NewStaticRuleFields("Lab", parse_network("81.2.69.150"), [str(scene.here.resource.id)])

    static_rules.create(scene.actor, wanted, uuid.uuid4(), settings)

    assert scene.locked() == {"Credential": {"here"}, "Resource": {"here"}, "Target": {"here"}}
    assert scene.order.of(Organisation) == {scene.actor.organisation_id}


@pytest.mark.parametrize(
    ("wanted", "also"),
    [({"ip_address": parse_network("81.2.69.150")}, set()), ({"resource_ids": ["there"]}, {"there"})],
)
def test_the_change_of_a_static_rule_locks_what_it_named_and_what_it_names(
    scene: Scene, settings: Settings, wanted: dict[str, Any], also: set[str]
) -> None:
    if "resource_ids" in wanted:
        wanted = {"resource_ids": [str(scene.there.resource.id)]}

    static_rules.change(scene.actor, scene.here.rule.id, wanted, settings)

    both = {"here"} | also
    assert scene.locked() == {"Credential": both, "Resource": both, "Target": both}


def test_the_end_of_a_static_rule_locks_what_it_had_open(scene: Scene) -> None:
    static_rules.remove(scene.actor, scene.here.rule.id)

    assert scene.locked() == {"Target": {"here"}, "StaticRule": {"here"}}


def test_a_suspension_locks_all_that_is_open_and_what_comes_after_it_all_that_is_named(scene: Scene) -> None:
    both = {"here", "there"}
    suspend("acme")
    assert scene.locked() == {"Target": both, "Session": both}

    scene.order.forget()
    resume("acme")

    assert scene.locked() == {"Credential": both, "Resource": both, "Target": both, "StaticRule": both}


def test_who_waits_for_a_resource_is_locked_when_it_is_seen(scene: Scene, organisation: Organisation) -> None:
    mine, another = (openable(scene.here.credential, is_active=False) for _ in range(2))
    waiting, _ = (opened(person(organisation), each) for each in (mine, another))
    scene.order.forget()

    see(mine)

    assert scene.order.of(Session) == {waiting.id}
    assert len(scene.order.of(Target)) == 1


def test_a_credential_that_moves_to_another_account_locks_what_goes_through_it(
    scene: Scene, organisation: Organisation
) -> None:
    credential = make_credential(organisation, account="111111111111", is_valid=True)
    moved = openable(credential)
    waits = static_rule(moved, address="81.2.69.144", label="moved")
    refused = opened(person(organisation), moved)
    with write():
        Grant.update(status="FAILED", error="the cloud refused it").where(Grant.resource_id == moved.id).execute()
    scene.order.forget()

    offer(credential, "999999999999")

    assert scene.locked() == {}
    assert (scene.order.of(StaticRule), scene.order.of(Session)) == ({waits.id}, {refused.id})
    theirs = Target.select().where(Target.account.in_(["111111111111", "999999999999"]))
    assert scene.order.of(Target) == {target.id for target in theirs}


def test_a_claim_locks_the_turn_of_its_organisation_alone(scene: Scene) -> None:
    make_organisation(id=uuid.UUID(int=0))  # the first that is found where nobody says whose
    sessions.stop(scene.actor, scene.here.session.id)

    assert claim([Target], list(Priority)) is not None

    assert scene.order.of(Turn) == {scene.actor.organisation_id}
