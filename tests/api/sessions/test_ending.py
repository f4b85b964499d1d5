"""How sessions end, and what follows from what becomes of their grants."""

import uuid
from datetime import timedelta
from typing import Any

import pytest

from api.actor import Actor
from api.audit_log.models import AuditEntry
from api.claims import claim
from api.credentials.models import Credential
from api.database import clock, current_time, write
from api.due import LEASE_SECONDS, Claim, LostClaim, Priority
from api.resources.models import Resource
from api.sessions import service
from api.sessions.models import Session
from api.targets.models import Grant, Rule, Target
from tests.api.accounts.acting import columns
from tests.api.conftest import Caller
from tests.api.sessions.conftest import SECOND, grants_of, openable, session_of, settle_grants, start, started


@pytest.fixture
def system(admin: Caller) -> Actor:
    return Actor.system(admin.user.organisation_id)


def added(*sessions: str) -> None:
    """A worker has added the rules of these sessions."""
    with write():
        Rule.update(is_added=True, is_seen=True).execute()
        Target.update(due_at=None).execute()
    for session_id in sessions:
        settle_grants(session_id, "APPLIED")


def due_session() -> Claim:
    taken = claim((Session,), (Priority.REVOKE,))
    assert taken is not None
    return taken


def told(event_type: str) -> list[Any]:
    return list(AuditEntry.select().where(AuditEntry.event_type == event_type))


def test_a_session_whose_time_is_up_expires(admin: Caller, resource: Resource) -> None:
    shown = started(admin, durationMinutes=2)
    added(shown["id"])
    assert claim((Session,), (Priority.REVOKE,)) is None
    clock.offset += 121 * SECOND

    service.expire(due_session())

    now = admin.get(f"/sessions/{shown['id']}").json
    assert (now["status"], now["endedReason"], now["resourceIps"][0]["status"]) == ("EXPIRING", "EXPIRED", "REMOVING")
    session, target = session_of(shown), Target.get()
    assert (session.due_at, session.claim_token) == (None, None)
    assert (target.due_priority, target.due_at <= current_time()) == (Priority.REVOKE, True)
    assert [(event.organisation_id, event.actor_type, event.details) for event in told("SESSION_EXPIRE")] == [
        (admin.user.organisation_id, "SYSTEM", {"endedReason": "EXPIRED"})
    ]


def test_a_session_is_over_at_the_very_moment_that_it_was_to_last_until(
    admin: Caller, resource: Resource, standing_clock: None
) -> None:
    shown = started(admin, durationMinutes=2)
    clock.offset += 120 * SECOND

    service.expire(due_session())

    assert session_of(shown).ended_reason == "EXPIRED"


def test_a_session_that_expires_leaves_the_others_as_they_are(admin: Caller, resource: Resource) -> None:
    shown, other = started(admin, durationMinutes=2), started(admin, durationMinutes=10)
    clock.offset += 121 * SECOND
    taken = due_session()
    with write():
        postponed = current_time() + timedelta(seconds=30)
        Session.update(due_at=postponed, last_failure="x").where(Session.id == uuid.UUID(other["id"])).execute()
    before = columns(session_of(other))

    service.expire(taken)

    assert session_of(shown).ended_reason == "EXPIRED"
    assert columns(session_of(other)) == before


def test_a_session_that_a_dead_worker_was_to_end_expires_and_is_nobodys(admin: Caller, resource: Resource) -> None:
    shown = started(admin, durationMinutes=2)
    clock.offset += 121 * SECOND
    due_session()
    clock.offset += (LEASE_SECONDS + 1) * SECOND
    heirs = due_session()
    assert heirs.inherited

    service.expire(heirs)

    session = session_of(shown)
    assert (session.ended_reason, session.due_at, session.claim_token) == ("EXPIRED", None, None)


def test_an_extension_that_comes_while_it_expires_counts(admin: Caller, resource: Resource) -> None:
    """A worker has the row already: what is wanted has moved since."""
    shown = started(admin, durationMinutes=2)
    with write():
        Session.update(due_at=current_time()).execute()
    taken = due_session()
    admin.post(f"/sessions/{shown['id']}/extend", json={"durationMinutes": 10})

    service.expire(taken)

    session = session_of(shown)
    assert (session.ended_at, session.due_at, session.claim_token) == (None, session.expires_at, None)
    assert session.due_priority == Priority.REVOKE
    assert told("SESSION_EXPIRE") == []


def test_a_stop_that_comes_while_it_expires_counts_once(admin: Caller, resource: Resource) -> None:
    shown = started(admin, durationMinutes=2)
    clock.offset += 121 * SECOND
    taken = due_session()
    admin.post(f"/sessions/{shown['id']}/stop")

    service.expire(taken)

    session = session_of(shown)
    assert (session.ended_reason, session.due_at) == ("MANUAL", None)
    assert told("SESSION_EXPIRE") == [] and len(told("SESSION_STOP")) == 1


def test_a_claim_that_was_lost_expires_nothing(admin: Caller, resource: Resource) -> None:
    shown = started(admin, durationMinutes=2)
    clock.offset += 121 * SECOND
    taken = due_session()
    with write():
        Session.update(claim_token=uuid.uuid4()).execute()

    with pytest.raises(LostClaim):
        service.expire(taken)

    assert session_of(shown).ended_at is None and told("SESSION_EXPIRE") == []


def test_what_is_left_of_an_expired_session_says_how_it_ended(admin: Caller, resource: Resource, system: Actor) -> None:
    expired, stopped = started(admin), started(admin)
    added(expired["id"], stopped["id"])
    with write():
        service.end(system, Session.id == uuid.UUID(expired["id"]), "EXPIRED")
    with write():
        service.end(system, Session.id == uuid.UUID(stopped["id"]), "USER_DEACTIVATED")
    for shown in (expired, stopped):
        settle_grants(shown["id"], "REMOVED")

    assert (session_of(expired).status, session_of(stopped).status) == ("EXPIRED", "CANCELLED")
    assert session_of(stopped).ended_reason == "USER_DEACTIVATED"


def test_all_that_match_end_at_once_and_nothing_else(
    admin: Caller, outsider: Caller, resource: Resource, system: Actor
) -> None:
    mine = [started(admin) for _ in range(3)]
    admin.post(f"/sessions/{mine[0]['id']}/stop")

    with write():
        service.end(system, Session.user_id == admin.user.id, "USER_DEACTIVATED")
        service.end(system, Session.user_id == outsider.user.id, "USER_DEACTIVATED")

    assert [session_of(shown).ended_reason for shown in mine] == ["MANUAL", "USER_DEACTIVATED", "USER_DEACTIVATED"]
    assert len(told("SESSION_STOP")) == 3
    assert Rule.select().count() == 0, "no cloud was asked yet, so nothing is left to be removed"


def test_a_rule_goes_with_the_last_session_that_wants_it(admin: Caller, resource: Resource, system: Actor) -> None:
    first, second = started(admin), started(admin)
    added(first["id"], second["id"])

    with write():
        service.end(system, Session.id == uuid.UUID(first["id"]), "MANUAL")
    gone = admin.get(f"/sessions/{first['id']}").json
    assert (gone["status"], gone["resourceIps"][0]["keptBy"]) == ("CANCELLED", second["id"])
    assert Target.get().due_at is None, "nothing is to be done for it"

    with write():
        service.end(system, Session.id == uuid.UUID(second["id"]), "MANUAL")
    last = admin.get(f"/sessions/{second['id']}").json
    assert (last["status"], last["resourceIps"][0]["keptBy"]) == ("EXPIRING", None)
    assert Target.get().due_priority == Priority.REVOKE


def test_a_rule_that_is_wanted_again_while_it_goes_ends_the_first_session(
    admin: Caller, resource: Resource, system: Actor
) -> None:
    first = started(admin)
    added(first["id"])
    with write():
        service.end(system, Session.id == uuid.UUID(first["id"]), "MANUAL")

    second = started(admin)
    added()
    settle_grants(second["id"], "APPLIED")

    assert Rule.select().count() == 1
    assert session_of(first).status in ("EXPIRING", "CANCELLED")


def test_a_session_that_loses_a_resource_goes_on_with_the_others(
    admin: Caller, resource: Resource, credential: Credential, system: Actor
) -> None:
    second = openable(credential)
    shown = started(admin)
    added(shown["id"])

    with write():
        service.end_grants(system, Grant.resource_id == resource.id, "RESOURCE_DELETED")

    session = session_of(shown)
    assert (session.ended_at, session.status) == (None, "ACTIVE")
    assert [(one.resource_id, one.status) for one in grants_of(shown["id"])] == [
        (resource.id, "REMOVING"),
        (second.id, "APPLIED"),
    ]

    with write():
        service.end_grants(system, Grant.resource_id == second.id, "RESOURCE_DELETED")

    session = session_of(shown)
    assert (session.ended_reason, session.status, session.due_at) == ("RESOURCE_DELETED", "EXPIRING", None)
    assert len(told("SESSION_STOP")) == 1


def test_what_nobody_waits_for_is_not_asked_for_when_it_can_be_opened(
    admin: Caller, resource: Resource, credential: Credential
) -> None:
    started(admin)

    with write():
        service.try_again(openable(credential))

    assert [target.identifier for target in Target.select()] == [resource.resource_identifier]


def test_an_ended_session_takes_no_place(admin: Caller, resource: Resource, system: Actor) -> None:
    ids = [started(admin)["id"] for _ in range(5)]
    added(*ids)

    with write():
        service.end(system, Session.id == uuid.UUID(ids[0]), "MANUAL")

    assert session_of({"id": ids[0]}).status == "CANCELLED"
    assert start(admin).status_code == 201
