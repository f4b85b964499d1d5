"""Sessions as their users meet them: listed, shown, stopped, extended."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest

from api.audit_log.models import AuditEntry
from api.credentials.models import Credential
from api.database import clock
from api.due import STUCK_SECONDS
from api.resources.models import Resource
from tests.api.conftest import BASE, Caller, unknown_id
from tests.api.sessions.conftest import (
    SECOND,
    MakeRole,
    Pipeline,
    at,
    grants_of,
    make_pipeline,
    openable,
    session_of,
    settle_grants,
    start,
    started,
)
from tests.api.test_errors import check

DEEDS = [("GET", ""), ("POST", "/stop"), ("POST", "/extend"), ("PUT", "/ip")]


@pytest.fixture
def uma(user: Caller, resource: Resource, make_role: MakeRole) -> Caller:
    """Somebody who may open the resource."""
    make_role([user], [resource])
    return user


@pytest.fixture
def pipelines(admin: Caller, resource: Resource, make_role: MakeRole) -> list[Pipeline]:
    """Two keys of the organisation that may open the resource."""
    keys = [make_pipeline(admin) for _ in range(2)]
    make_role(keys, [resource])
    return keys


def ask(caller: Caller, method: str, session_id: str, deed: str = "", **options: Any) -> Any:
    bodies = {"/extend": {"durationMinutes": 5}, "/ip": {"ipv4Address": "8.8.8.8"}}
    if deed in bodies:
        options["json"] = bodies[deed]
    return caller.ask(method, f"/sessions/{session_id}{deed}", **options)


def extend(caller: Caller, session_id: str, **body: Any) -> Any:
    return caller.post(f"/sessions/{session_id}/extend", json=body)


def stopped(caller: Caller, session_id: str) -> Any:
    answer = caller.post(f"/sessions/{session_id}/stop")
    assert answer.status_code == 200, answer.text
    return answer.json


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


# Who sees what


@pytest.mark.parametrize(("method", "deed"), DEEDS)
def test_a_session_is_its_users_and_the_administrators(
    uma: Caller, admin: Caller, outsider: Caller, method: str, deed: str
) -> None:
    ours, theirs = started(admin)["id"], started(uma)["id"]

    for caller, session_id in ((uma, ours), (outsider, theirs), (uma, unknown_id()), (uma, "nonsense")):
        answer = ask(caller, method, session_id, deed)
        check(answer, 404, "SESSION_NOT_FOUND")
        assert answer.json["message"] == f"Session with ID {session_id} not found"
    assert ask(admin, method, theirs, deed).status_code == 200


@pytest.mark.parametrize(("method", "deed"), DEEDS)
def test_a_stranger_may_nothing(client: Any, db: str, method: str, deed: str) -> None:
    for path in (f"/sessions/{unknown_id()}{deed}", "/sessions"):
        method = method if path != "/sessions" else "POST"
        check(client.open(f"{BASE}{path}", method=method), 401, "UNAUTHORIZED")


@pytest.mark.parametrize(("method", "deed"), DEEDS)
def test_a_session_of_a_key_is_the_keys_and_the_administrators(
    uma: Caller, admin: Caller, pipelines: list[Pipeline], method: str, deed: str
) -> None:
    ours, other = pipelines
    own = started(ours)["id"]

    for caller, session_id in (
        (other, own),
        (uma, own),
        *((ours, started(each)["id"]) for each in (admin, uma, other)),
    ):
        check(ask(caller, method, session_id, deed), 404, "SESSION_NOT_FOUND")
    assert admin.get(f"/sessions/{own}").status_code == 200
    assert ask(ours, method, own, deed, **at("8.8.8.8")).status_code == 200


def test_a_key_of_the_organisation_lists_its_own(uma: Caller, admin: Caller, pipelines: list[Pipeline]) -> None:
    ours, other = pipelines
    first, _, third, _, _ = (started(caller) for caller in (ours, other, ours, uma, admin))

    assert [shown["id"] for shown in ours.get("/sessions").json] == [third["id"], first["id"]]
    assert len(admin.get("/sessions").json) == 5


def test_a_user_lists_his_own_and_an_administrator_all(uma: Caller, admin: Caller, outsider: Caller) -> None:
    first, second, third = started(uma), started(admin), started(uma)

    assert [shown["id"] for shown in uma.get("/sessions").json] == [third["id"], first["id"]]
    assert admin.get("/sessions").json == [third, second, first]
    assert outsider.get("/sessions").json == []


def test_a_list_comes_in_pages_the_last_one_first(admin: Caller, resource: Resource) -> None:
    ids = [started(admin)["id"] for _ in range(5)]

    first = admin.get("/sessions?limit=2")
    link = re.fullmatch(rf'<{BASE}(/sessions\?[^>]+)>; rel="next"', first.headers["Link"])
    assert link
    second = admin.get(link[1])

    assert [shown["id"] for shown in (*first.json, *second.json)] == [*reversed(ids)][:4]


def test_a_list_can_be_of_one_state(admin: Caller, resource: Resource) -> None:
    active, other = started(admin), started(admin)
    settle_grants(active["id"], "APPLIED")

    assert [shown["id"] for shown in admin.get("/sessions?status=ACTIVE").json] == [active["id"]]
    assert [shown["id"] for shown in admin.get("/sessions?status=PENDING").json] == [other["id"]]
    assert admin.get("/sessions?status=EXPIRED").json == []
    check(admin.get("/sessions?status=OPEN"), 400, "VALIDATION_ERROR")


# States


def test_a_session_is_active_when_all_its_addresses_are_seen(
    admin: Caller, resource: Resource, credential: Credential
) -> None:
    second = openable(credential)
    session_id = started(admin)["id"]

    settle_grants(session_id, "APPLIED", resource, provider_rule_id="sgr-1")
    shown = admin.get(f"/sessions/{session_id}").json
    assert (shown["status"], [ip["status"] for ip in shown["resourceIps"]]) == ("PARTIAL", ["APPLIED", "PENDING"])
    assert shown["startedAt"] and shown["resourceIps"][0]["providerRuleId"] == "sgr-1"

    clock.offset += 5_000_000
    settle_grants(session_id, "APPLIED", second)
    again = admin.get(f"/sessions/{session_id}").json
    assert (again["status"], again["startedAt"]) == ("ACTIVE", shown["startedAt"])

    settle_grants(session_id, "FAILED", error="RulesPerSecurityGroupLimitExceeded: full")
    failed = admin.get(f"/sessions/{session_id}").json
    assert (failed["status"], failed["resourceIps"][0]["errorMessage"]) == (
        "FAILED",
        "RulesPerSecurityGroupLimitExceeded: full",
    )


def test_a_session_that_is_active_at_once_has_started(admin: Caller, resource: Resource) -> None:
    session_id = started(admin)["id"]

    settle_grants(session_id, "APPLIED")

    shown = admin.get(f"/sessions/{session_id}").json
    assert shown["status"] == "ACTIVE" and shown["startedAt"]


def test_what_is_not_removed_after_two_minutes_is_shown_as_overdue(admin: Caller, resource: Resource) -> None:
    session_id = started(admin)["id"]
    stopped(admin, session_id)
    settle_grants(session_id, "REMOVING")
    ended = admin.get(f"/sessions/{session_id}").json
    assert (ended["status"], ended["resourceIps"][0]["overdueSince"]) == ("EXPIRING", None)

    clock.offset += STUCK_SECONDS * SECOND

    (grant,) = grants_of(session_id)
    overdue_since = admin.get(f"/sessions/{session_id}").json["resourceIps"][0]["overdueSince"]
    assert grant.ended_at and moment(overdue_since) == grant.ended_at.replace(microsecond=0)


# Stopping


def test_a_session_is_stopped_by_its_user(uma: Caller) -> None:
    session_id = started(uma)["id"]

    answer = uma.post(f"/sessions/{session_id}/stop")

    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    shown = answer.json
    assert (shown["endedReason"], shown["status"]) == ("MANUAL", "CANCELLED"), "no cloud was asked yet: nothing is left"
    assert shown["endedAt"] and session_of(shown).due_at is None
    event = AuditEntry.get(AuditEntry.event_type == "SESSION_STOP")
    assert (event.resource_id, event.actor_email, event.details) == (
        session_id,
        uma.user.email,
        {"endedReason": "MANUAL"},
    )


@pytest.mark.parametrize(("method", "deed"), DEEDS[1:])
def test_what_has_ended_is_not_changed(admin: Caller, resource: Resource, method: str, deed: str) -> None:
    session_id = started(admin)["id"]
    before = stopped(admin, session_id)

    check(ask(admin, method, session_id, deed), 409, "CONFLICT")

    assert admin.get(f"/sessions/{session_id}").json == before


@pytest.mark.parametrize(
    ("method", "deed", "told"),
    [
        ("POST", "/stop", "The session has ended already."),
        ("POST", "/extend", "The session has ended. Start another one."),
        ("PUT", "/ip", "The session has ended. Start another one."),
    ],
)
def test_who_changes_what_has_ended_is_told_what_to_do(
    admin: Caller, resource: Resource, method: str, deed: str, told: str
) -> None:
    session_id = started(admin)["id"]
    stopped(admin, session_id)

    assert ask(admin, method, session_id, deed).json["message"] == told


@pytest.mark.parametrize(("method", "deed"), DEEDS[2:])
def test_what_has_run_out_is_not_brought_back(admin: Caller, resource: Resource, method: str, deed: str) -> None:
    """Whether or not a worker has ended it yet."""
    session_id = started(admin, durationMinutes=2)["id"]
    clock.offset += 121 * SECOND

    check(ask(admin, method, session_id, deed), 409, "CONFLICT")


@pytest.mark.parametrize(("method", "deed"), DEEDS[1:])
def test_who_has_read_another_revision_changes_nothing(
    admin: Caller, resource: Resource, method: str, deed: str
) -> None:
    shown = started(admin)

    check(ask(admin, method, shown["id"], deed, headers={"If-Match": '"7"'}), 412, "PRECONDITION_FAILED")
    assert admin.get(f"/sessions/{shown['id']}").json == shown
    assert ask(admin, method, shown["id"], deed, headers={"If-Match": '"1"'}).headers["ETag"] == '"2"'


# Extending


def test_an_extension_lets_it_end_later(uma: Caller) -> None:
    shown = started(uma, durationMinutes=30)

    answer = extend(uma, shown["id"], durationMinutes=45)

    assert (answer.status_code, answer.json["revision"]) == (200, 2)
    assert moment(answer.json["expiresAt"]) == moment(shown["expiresAt"]) + timedelta(minutes=45)
    session = session_of(shown)
    assert (session.due_at, session.due_priority, session.wanted_revision) == (session.expires_at, 0, 2)
    event = AuditEntry.get(AuditEntry.event_type == "SESSION_EXTEND")
    assert event.details == {"expiresAt": answer.json["expiresAt"]}


def test_from_start_to_end_it_is_no_longer_than_a_new_one_may_be(
    uma: Caller, admin: Caller, resource: Resource, make_role: MakeRole
) -> None:
    shown = started(admin, durationHours=23)
    assert extend(admin, shown["id"], durationHours=1).status_code == 200
    answer = extend(admin, shown["id"], durationMinutes=1)
    check(answer, 400, "DURATION_EXCEEDED")
    assert answer.json["maxDurationMinutes"] == 1440


def test_a_users_roles_and_the_resource_limit_an_extension(
    user: Caller, admin: Caller, resource: Resource, make_role: MakeRole
) -> None:
    make_role([user], [resource], hours=1)
    shown = started(user, durationMinutes=50)

    assert extend(user, shown["id"], durationMinutes=11).json["maxDurationMinutes"] == 60
    assert admin.patch(f"/resources/{resource.id}", json={"maxSessionMinutes": 55}).status_code == 200
    assert extend(user, shown["id"], durationMinutes=6).json["maxDurationMinutes"] == 55
    assert extend(user, shown["id"], durationMinutes=5).status_code == 200


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(
    "body", [{}, {"durationMinutes": 0}, {"durationMinutes": -1}, {"durationHours": 1, "durationMinutes": 1}]
)
def test_an_extension_by_nothing_is_refused(admin: Caller, resource: Resource, body: dict[str, Any]) -> None:
    shown = started(admin)

    check(extend(admin, shown["id"], **body), 400, "VALIDATION_ERROR")
    assert admin.get(f"/sessions/{shown['id']}").json == shown


def test_an_extension_that_is_sent_again_counts_once(admin: Caller, resource: Resource) -> None:
    shown = started(admin, durationMinutes=30)
    path, key = f"/sessions/{shown['id']}/extend", {"Idempotency-Key": "once"}

    first, again = (admin.post(path, json={"durationMinutes": 10}, headers=key) for _ in range(2))

    assert first.json["expiresAt"] == again.json["expiresAt"]
    assert moment(again.json["expiresAt"]) == moment(shown["expiresAt"]) + timedelta(minutes=10)


def test_the_start_of_a_session_is_limited_like_any_write(admin: Caller, resource: Resource) -> None:
    answer = start(admin)

    assert {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"} <= set(answer.headers.keys())
