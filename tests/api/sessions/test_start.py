"""POST /sessions: who is let in to what, and for how long."""

import uuid
from datetime import datetime
from typing import Any

import pytest

from api.access import hash_of
from api.accounts.models import ApiKey, Organisation
from api.audit_log.models import AuditEntry
from api.credentials.models import Credential
from api.database import clock, current_time, write
from api.due import Priority
from api.resources.models import Resource
from api.sessions.models import Session
from api.targets.models import Grant
from tests.api.conftest import BASE, Caller, unknown_id
from tests.api.sessions.conftest import (
    HOME,
    SECOND,
    MakeRole,
    Pipeline,
    at,
    make_pipeline,
    openable,
    session_of,
    start,
    started,
)
from tests.api.test_errors import check
from tests.rows import make_credential, make_resource


def length(shown: dict[str, Any]) -> float:
    """How long a session lasts, in minutes."""
    first, last = (datetime.fromisoformat(shown[name]) for name in ("createdAt", "expiresAt"))
    return (last - first).total_seconds() / 60


def make_free(organisation: Organisation) -> None:
    with write():
        Organisation.update(tier="FREE").where(Organisation.id == organisation.id).execute()


def test_an_administrator_is_let_in_to_everything(admin: Caller, resource: Resource, credential: Credential) -> None:
    second = openable(credential)
    make_resource(credential, deleting_since=current_time())

    answer = start(admin, reason="TICKET-421")

    shown = answer.json
    assert (answer.status_code, shown["status"], shown["startedAt"]) == (201, "PENDING", None)
    assert (shown["userId"], shown["userName"], shown["userEmail"]) == (
        str(admin.user.id),
        admin.user.name,
        admin.user.email,
    )
    assert (shown["ipv4Address"], shown["ipv6Address"], shown["reason"]) == (HOME, None, "TICKET-421")
    assert (shown["endedAt"], shown["endedReason"], answer.headers["ETag"]) == (None, None, '"1"')
    seen = [(ip["resourceId"], ip["resourceName"], ip["ipVersion"], ip["ipAddress"]) for ip in shown["resourceIps"]]
    assert seen == [(str(each.id), each.name, 4, HOME) for each in (resource, second)]
    assert {ip["status"] for ip in shown["resourceIps"]} == {"PENDING"}
    assert admin.get(f"/sessions/{shown['id']}").json == shown


def test_a_session_is_told_and_due_when_it_expires(admin: Caller, resource: Resource) -> None:
    shown = started(admin, reason="TICKET-421")

    session = session_of(shown)
    assert (session.due_at, session.due_priority) == (session.expires_at, Priority.REVOKE)
    event = AuditEntry.get(AuditEntry.event_type == "SESSION_START")
    assert (event.resource_type, event.resource_id, event.actor_email) == ("SESSION", shown["id"], admin.user.email)
    assert event.details == {
        "addresses": [HOME],
        "resources": [resource.name],
        "expiresAt": shown["expiresAt"],
        "reason": "TICKET-421",
    }


def test_a_user_is_let_in_to_what_the_roles_name(
    user: Caller, resource: Resource, credential: Credential, make_role: MakeRole
) -> None:
    openable(credential)
    make_role([user], [resource])

    shown = started(user)

    assert [ip["resourceId"] for ip in shown["resourceIps"]] == [str(resource.id)]
    assert shown["userId"] == str(user.user.id)


def test_who_has_no_role_is_let_in_to_nothing(
    user: Caller, pipeline: Pipeline, admin: Caller, resource: Resource
) -> None:
    for caller in (user, pipeline):
        check(start(caller), 400, "VALIDATION_ERROR")
        answer = start(caller, resourceIds=[str(resource.id)])
        check(answer, 404, "RESOURCE_NOT_FOUND")
        assert answer.json["message"] == f"Resource with ID {resource.id} not found"
    assert admin.get("/sessions").json == []


def test_an_organisation_without_resources_opens_nothing(admin: Caller) -> None:
    check(start(admin), 400, "VALIDATION_ERROR")


def test_only_what_is_named_is_opened_and_each_once(admin: Caller, resource: Resource, credential: Credential) -> None:
    openable(credential)

    shown = started(admin, resourceIds=[str(resource.id), str(resource.id)])

    assert [ip["resourceId"] for ip in shown["resourceIps"]] == [str(resource.id)]


@pytest.mark.parametrize("kind", ["unknown", "malformed", "another organisation's"])
def test_a_resource_that_is_not_there_opens_nothing(
    admin: Caller, outsider: Caller, resource: Resource, kind: str
) -> None:
    theirs = openable(make_credential(Organisation.get_by_id(outsider.user.organisation_id)))
    named = {"unknown": unknown_id(), "malformed": "nonsense", "another organisation's": str(theirs.id)}[kind]

    answer = start(admin, resourceIds=[str(resource.id), named])

    check(answer, 404, "RESOURCE_NOT_FOUND")
    assert answer.json["message"] == f"Resource with ID {named} not found"
    assert not Session.select().exists() and not Grant.select().exists()


def test_what_is_being_deleted_opens_no_session(admin: Caller, resource: Resource, credential: Credential) -> None:
    going = openable(credential, deleting_since=current_time())

    refusal = start(admin, resourceIds=[str(resource.id), str(going.id)])

    check(refusal, 409, "CONFLICT")
    told = f"The resource {going.name} ({going.id}) is being deleted, and lets nobody in. Leave it out."
    assert refusal.json["message"] == told


def test_who_administers_nothing_yet_is_told_to_add_something(admin: Caller, user: Caller) -> None:
    nothing = "There is no resource that you may open."

    assert start(admin).json["message"] == f"{nothing} Add one first."
    assert start(user).json["message"] == f"{nothing} An administrator gives you a role that names some."


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"is_active": False, "verification_error": "InvalidGroup.NotFound: gone"}, "InvalidGroup.NotFound: gone"),
        ({"is_active": False}, "the resource has not been verified yet"),
    ],
)
def test_a_resource_that_is_not_active_is_not_opened_and_says_why(
    admin: Caller, credential: Credential, columns: dict[str, Any], reason: str
) -> None:
    openable(credential, **columns)

    shown = started(admin)

    assert shown["status"] == "FAILED"
    assert [(ip["status"], ip["errorMessage"]) for ip in shown["resourceIps"]] == [("FAILED", reason)]


def test_one_that_cannot_be_opened_does_not_keep_the_others_closed(
    admin: Caller, resource: Resource, credential: Credential
) -> None:
    openable(credential, is_active=False)

    shown = started(admin)

    assert (shown["status"], [ip["status"] for ip in shown["resourceIps"]]) == ("PENDING", ["PENDING", "FAILED"])


def test_a_key_of_the_organisation_is_let_in_to_what_its_roles_name_under_its_own_name(
    pipeline: Pipeline, resource: Resource, credential: Credential, make_role: MakeRole
) -> None:
    second = openable(credential)
    make_role([pipeline], [resource], hours=1)

    shown = started(pipeline, durationHours=1)

    assert (shown["userId"], shown["userName"], shown["userEmail"]) == (None, "CI", "CI")
    assert [ip["resourceId"] for ip in shown["resourceIps"]] == [str(resource.id)]
    check(start(pipeline, resourceIds=[str(resource.id), str(second.id)]), 404, "RESOURCE_NOT_FOUND")
    for answer in (
        start(pipeline, durationMinutes=61),
        pipeline.post(f"/sessions/{shown['id']}/extend", json={"durationMinutes": 1}),
    ):
        check(answer, 400, "DURATION_EXCEEDED")
        assert answer.json["maxDurationMinutes"] == 60


def test_a_users_own_key_starts_the_users_session(
    user: Caller, client: Any, resource: Resource, make_role: Any
) -> None:
    make_role([user], [resource])
    text = f"egk_00000000_{'x' * 43}"
    ApiKey.create(
        organisation_id=user.user.organisation_id,
        user_id=user.user.id,
        created_by="",
        name="laptop",
        key_prefix="egk_0",
        key_hash=hash_of(text),
        scopes=["sessions:write"],
        created_at=current_time(),
    )

    answer = client.post(f"{BASE}/sessions", json={}, headers={"X-API-Key": text}, **at(HOME))

    assert (answer.status_code, answer.json["userId"], answer.json["userName"]) == (201, str(user.user.id), "Uma")
    assert user.get(f"/sessions/{answer.json['id']}").status_code == 200


# Durations


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(
    ("body", "minutes"),
    [
        ({}, 120),
        ({"durationMinutes": 30}, 30),
        ({"durationHours": 3}, 180),
        ({"durationHours": 0.5}, 30),
        ({"durationMinutes": 1}, 1),
        ({"durationHours": 24}, 1440),
        ({"durationHours": None, "durationMinutes": None}, 120),
    ],
)
def test_a_session_lasts_as_long_as_is_asked(
    admin: Caller, resource: Resource, body: dict[str, Any], minutes: float
) -> None:
    assert length(started(admin, **body)) == minutes


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("body", [{"durationHours": 24.1}, {"durationMinutes": 1441}, {"durationHours": 8000}])
def test_longer_than_the_tier_allows_is_refused_with_the_longest(
    admin: Caller, resource: Resource, body: dict[str, Any]
) -> None:
    answer = start(admin, **body)

    check(answer, 400, "DURATION_EXCEEDED")
    assert answer.json["maxDurationMinutes"] == 1440


def test_the_free_tier_ends_at_two_hours(admin: Caller, resource: Resource, organisation: Organisation) -> None:
    make_free(organisation)

    assert start(admin, durationMinutes=121).json["maxDurationMinutes"] == 120
    assert length(started(admin, durationMinutes=120)) == 120


def test_the_shortest_of_several_resources_counts(admin: Caller, resource: Resource, credential: Credential) -> None:
    openable(credential, max_session_minutes=15)

    assert start(admin, durationMinutes=16).json["maxDurationMinutes"] == 15
    assert length(started(admin)) == 15, "the usual length is no more than the longest"
    assert length(started(admin, resourceIds=[str(resource.id)])) == 120


def test_the_longest_of_a_users_roles_for_a_resource_counts(
    user: Caller, resource: Resource, make_role: MakeRole
) -> None:
    make_role([user], [resource], hours=1)
    assert start(user, durationMinutes=61).json["maxDurationMinutes"] == 60

    make_role([user], [resource], hours=3)
    assert start(user, durationMinutes=181).json["maxDurationMinutes"] == 180

    make_role([user], [resource])
    assert start(user, durationHours=25).json["maxDurationMinutes"] == 1440


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"durationHours": 1, "durationMinutes": 30}, "durationHours"),
        ({"durationMinutes": 0}, "durationMinutes"),
        ({"durationMinutes": -5}, "durationMinutes"),
        ({"durationMinutes": 0.5}, "durationMinutes"),
        ({"durationHours": 0.001}, "durationHours"),
        ({"durationMinutes": "30"}, "durationMinutes"),
        ({"durationMinutes": True}, "durationMinutes"),
        ({"durationHours": 1e300}, "durationHours"),
        ({"resourceIds": []}, "resourceIds"),
        ({"resourceIds": "all"}, "resourceIds"),
        ({"reason": ""}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"reason": "a\u202eb"}, "reason"),
        ({"ipv4Address": "2001:db8::1"}, "ipv4Address"),
        ({"ipv6Address": "203.0.113.7"}, "ipv6Address"),
        ({"ipv6Address": "::ffff:203.0.113.7"}, "ipv6Address"),
        ({"ipv4Address": "203.0.113.7/255.255.255.255"}, "ipv4Address"),
        ({"ipv4Address": "203.0.113.7/24"}, "ipv4Address"),
        ({"ipv6Address": "2001:db8::1%eth0"}, "ipv6Address"),
        ({"userId": "x"}, "userId"),
    ],
)
def test_bad_input_names_the_field_and_starts_nothing(
    admin: Caller, resource: Resource, body: dict[str, Any], field: str
) -> None:
    answer = start(admin, **body)

    check(answer, 400, "VALIDATION_ERROR")
    assert field in answer.json["details"]
    assert not Session.select().exists()


# Once


def test_a_start_that_is_sent_again_lets_in_once(admin: Caller, resource: Resource) -> None:
    key = {"Idempotency-Key": "once"}

    first, again = (admin.post("/sessions", json={}, headers=key, **at(HOME)) for _ in range(2))

    assert (first.status_code, again.status_code, again.json["id"]) == (201, 201, first.json["id"])
    assert Session.select().count() == 1


# Places


def test_one_more_than_the_tier_allows_is_refused(admin: Caller, resource: Resource) -> None:
    answers = [start(admin) for _ in range(6)]

    assert [answer.status_code for answer in answers] == [201] * 5 + [400]
    check(answers[5], 400, "SESSION_LIMIT_REACHED")
    assert answers[5].json["message"].startswith("You have 5 sessions open")


def test_the_free_tier_has_one_session(admin: Caller, resource: Resource, organisation: Organisation) -> None:
    make_free(organisation)
    started(admin)

    answer = start(admin)

    check(answer, 400, "SESSION_LIMIT_REACHED")
    assert answer.json["message"].startswith("You have 1 session open")


def test_what_has_ended_or_expired_takes_no_place(
    admin: Caller, user: Caller, resource: Resource, organisation: Organisation, make_role: MakeRole
) -> None:
    make_free(organisation)
    make_role([user], [resource])
    first = started(admin, durationMinutes=2)
    started(user)
    assert start(admin).status_code == 400

    clock.offset += 121 * SECOND
    second = started(admin)
    assert session_of(first).ended_at is None, "no worker has looked yet"
    admin.post(f"/sessions/{second['id']}/stop")

    assert start(admin).status_code == 201


def test_each_key_of_the_organisation_has_places_of_its_own(
    admin: Caller, resource: Resource, organisation: Organisation, make_role: MakeRole
) -> None:
    make_free(organisation)
    started(admin)
    keys = [make_pipeline(admin) for _ in range(2)]
    make_role(keys, [resource])

    assert [start(key).status_code for key in (*keys, keys[0])] == [201, 201, 400]


def test_a_session_is_named_by_a_new_id(admin: Caller, resource: Resource) -> None:
    assert uuid.UUID(started(admin)["id"]) != uuid.UUID(started(admin)["id"])
