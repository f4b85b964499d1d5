"""PUT /sessions/{id}/ip: the same session, from another network."""

from typing import Any

import pytest

from api.audit_log.models import AuditEntry
from api.credentials.models import Credential
from api.database import current_time, write
from api.resources.models import Resource
from api.targets.models import Grant, Rule
from tests.api.conftest import Caller
from tests.api.sessions.conftest import (
    ELSEWHERE,
    HOME,
    HOME_6,
    MakeRole,
    at,
    grants_of,
    openable,
    settle_grants,
    start,
    started,
)
from tests.api.test_errors import check


@pytest.fixture
def uma(user: Caller, resource: Resource, make_role: MakeRole) -> Caller:
    """Somebody who may open the resource."""
    make_role([user], [resource])
    return user


def move(caller: Caller, session_id: str, address: str, /, **body: Any) -> Any:
    return caller.ask("PUT", f"/sessions/{session_id}/ip", json=body, **at(address))


def seen_in_the_cloud(session_id: str) -> None:
    """A worker has added the rules."""
    with write():
        Rule.update(is_added=True, is_seen=True).execute()
    settle_grants(session_id, "APPLIED")


def live(session_id: str) -> list[tuple[str, str]]:
    return [(grant.address, grant.status) for grant in grants_of(session_id) if grant.ended_at is None]


def test_who_has_moved_is_let_in_there_and_no_longer_here(uma: Caller) -> None:
    shown = started(uma)
    seen_in_the_cloud(shown["id"])

    answer = move(uma, shown["id"], ELSEWHERE)

    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    now = answer.json
    assert (now["id"], now["ipv4Address"], now["status"]) == (shown["id"], ELSEWHERE, "PENDING")
    assert (now["expiresAt"], now["endedAt"]) == (shown["expiresAt"], None)
    assert [(ip["ipAddress"], ip["status"]) for ip in now["resourceIps"]] == [
        (HOME, "REMOVING"),
        (ELSEWHERE, "PENDING"),
    ]
    event = AuditEntry.get(AuditEntry.event_type == "SESSION_UPDATE")
    assert event.details["addresses"] == {"from": [HOME], "to": [ELSEWHERE]}
    assert event.details["reason"] == "ADDRESS_CHANGED"


def test_what_stays_the_same_is_left_alone(admin: Caller, resource: Resource, credential: Credential) -> None:
    openable(credential)
    shown = started(admin, HOME, ipv4Address=HOME, ipv6Address=HOME_6)
    seen_in_the_cloud(shown["id"])
    kept = [grant.id for grant in grants_of(shown["id"]) if grant.address == f"{HOME}/32"]

    now = move(admin, shown["id"], HOME, ipv4Address=HOME, ipv6Address="2001:db8::8").json

    assert (now["ipv4Address"], now["ipv6Address"]) == (HOME, "2001:db8::8")
    assert sorted(live(shown["id"])) == [("2001:db8::8/128", "PENDING")] * 2 + [(f"{HOME}/32", "APPLIED")] * 2
    still = [grant.id for grant in grants_of(shown["id"]) if grant.address == f"{HOME}/32" and grant.ended_at is None]
    assert sorted(still) == sorted(kept)


def test_who_is_where_he_was_changes_nothing(uma: Caller) -> None:
    shown = started(uma)

    answer = move(uma, shown["id"], HOME)

    assert (answer.status_code, answer.json) == (200, shown)
    assert not AuditEntry.select().where(AuditEntry.event_type == "SESSION_UPDATE").exists()


def test_a_user_moves_to_no_address_but_his_own(uma: Caller) -> None:
    shown = started(uma)

    check(move(uma, shown["id"], HOME, ipv4Address=ELSEWHERE), 403, "FORBIDDEN")
    check(move(uma, shown["id"], "10.0.0.1"), 400, "VALIDATION_ERROR")
    assert live(shown["id"]) == [(f"{HOME}/32", "PENDING")]


def test_an_administrator_must_name_where_somebody_else_is(uma: Caller, admin: Caller) -> None:
    shown = started(uma)

    check(move(admin, shown["id"], "198.51.100.200"), 400, "VALIDATION_ERROR")
    now = move(admin, shown["id"], "198.51.100.200", ipv4Address=ELSEWHERE).json

    assert (now["ipv4Address"], now["userId"]) == (ELSEWHERE, str(uma.user.id))


def test_a_rule_that_another_session_wants_stays_for_it(uma: Caller) -> None:
    first, second = started(uma), started(uma)
    seen_in_the_cloud(first["id"])

    now = move(uma, first["id"], ELSEWHERE).json

    assert [(ip["status"], ip["keptBy"]) for ip in now["resourceIps"]] == [("REMOVED", second["id"]), ("PENDING", None)]
    assert Rule.select().count() == 2


def test_who_comes_back_is_let_in_again(uma: Caller) -> None:
    shown = started(uma)
    seen_in_the_cloud(shown["id"])
    move(uma, shown["id"], ELSEWHERE)

    move(uma, shown["id"], HOME)

    assert [address for address, _ in live(shown["id"])] == [f"{HOME}/32"]
    assert Grant.select().count() == 3


def test_what_is_being_deleted_is_not_opened_again(admin: Caller, resource: Resource, credential: Credential) -> None:
    """Deleted by force after the session was read, and before its resources are held."""
    going = openable(credential)
    shown = started(admin)
    with write():
        Resource.update(deleting_since=current_time()).where(Resource.id == going.id).execute()

    moved = move(admin, shown["id"], ELSEWHERE).json

    assert [ip["resourceId"] for ip in moved["resourceIps"] if ip["ipAddress"] == ELSEWHERE] == [str(resource.id)]


def test_it_takes_no_further_place(admin: Caller, resource: Resource) -> None:
    ids = [started(admin)["id"] for _ in range(5)]

    assert move(admin, ids[0], ELSEWHERE).status_code == 200
    check(start(admin), 400, "SESSION_LIMIT_REACHED")
