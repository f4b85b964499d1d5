"""/static-ip-rules: addresses that are let in for longer than a session."""

import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest

from api.accounts.models import Organisation
from api.audit_log.models import AuditEntry
from api.claims import claim
from api.credentials.models import Credential
from api.database import clock, current_time, now, write
from api.due import LEASE_SECONDS, Priority
from api.lifecycle.expiry import expire_static_rule
from api.resources.models import Resource
from api.static_rules.models import StaticRule, StaticRuleResource
from api.targets.models import Grant, Rule, Target
from api.targets.service import APPLIED
from tests.api.conftest import Caller, unknown_id
from tests.api.test_errors import check
from tests.rows import make_credential, make_resource, make_session

OFFICE = "203.0.113.0/28"
# Shorter than an access token is good for.
A_WHILE_SECONDS = 600


@pytest.fixture
def credential(admin: Caller) -> Credential:
    organisation = Organisation.get_by_id(admin.user.organisation_id)
    return make_credential(organisation, account="123456789012", is_valid=True)


@pytest.fixture
def resource(credential: Credential) -> Resource:
    return openable(credential)


def openable(credential: Credential, **columns: Any) -> Resource:
    return make_resource(credential, **{"is_active": True, "config": {"port": 443}, **columns})


def body(*resources: Resource, **more: Any) -> dict[str, Any]:
    return {"label": "Office", "ipAddress": OFFICE, "resourceIds": [str(each.id) for each in resources], **more}


def made(admin: Caller, *resources: Resource, **more: Any) -> dict[str, Any]:
    answer = admin.post("/static-ip-rules", json=body(*resources, **more))
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json
    return shown


def in_a_while() -> str:
    return (current_time() + timedelta(seconds=A_WHILE_SECONDS)).strftime("%Y-%m-%dT%H:%M:%SZ")


def live() -> set[tuple[uuid.UUID, str]]:
    """What is let in, by resource."""
    return {(grant.resource_id, grant.address) for grant in Grant.select().where(Grant.ended_at.is_null())}


def applied() -> None:
    """As a worker writes it down."""
    with write():
        Rule.update(is_added=True, is_seen=True, is_applied=True).execute()
        Grant.update(status=APPLIED, applied_at=now()).where(Grant.ended_at.is_null()).execute()
        Target.update(due_at=None).execute()


def expire() -> bool:
    """What a worker does with a static rule whose time is up; False where none is."""
    found = claim([StaticRule], list(Priority))
    if found is not None:
        expire_static_rule(found)
    return found is not None


def events() -> list[tuple[str, Any]]:
    rows = AuditEntry.select().where(AuditEntry.event_type.startswith("STATIC_IP_RULE_"))
    return [(row.event_type, row.details) for row in rows.order_by(AuditEntry.position)]


def ids(shown: Iterable[dict[str, Any]]) -> list[str]:
    return [each["id"] for each in shown]


def test_a_static_rule_lets_in_at_once(admin: Caller, resource: Resource, credential: Credential) -> None:
    second = openable(credential)

    answer = admin.post("/static-ip-rules", json=body(resource, second))

    shown = answer.json
    assert (answer.status_code, answer.headers["ETag"], shown["revision"]) == (201, '"1"', 1)
    assert (shown["label"], shown["ipAddress"], shown["expiresAt"]) == ("Office", OFFICE, None)
    assert shown["resourceIds"] == sorted([str(resource.id), str(second.id)])
    seen = {(ip["resourceId"], ip["resourceName"], ip["ipAddress"], ip["status"]) for ip in shown["resourceIps"]}
    assert seen == {(str(each.id), each.name, OFFICE, "PENDING") for each in (resource, second)}
    assert {target.due_priority for target in Target.select().where(Target.due_at <= now())} == {Priority.APPLY}
    assert admin.get(f"/static-ip-rules/{shown['id']}").json == shown
    assert admin.get("/static-ip-rules").json == [shown]
    kind, told = events()[0]
    assert (kind, told["address"], set(told["resources"])) == (
        "STATIC_IP_RULE_CREATE",
        OFFICE,
        {resource.name, second.name},
    )


@pytest.mark.parametrize(
    ("written", "kept"),
    [("203.0.113.7", "203.0.113.7"), ("203.0.113.7/32", "203.0.113.7"), ("2001:DB8::/48", "2001:db8::/48")],
)
def test_an_address_is_kept_in_one_spelling(admin: Caller, resource: Resource, written: str, kept: str) -> None:
    assert made(admin, resource, ipAddress=written)["ipAddress"] == kept


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(("changes", "field"), [
    ({"label": " "}, "label"),
    ({"ipAddress": "203.0.113.7/24"}, "ipAddress"),
    ({"ipAddress": "203.0.113.7:443"}, "ipAddress"),
    ({"ipAddress": "0.0.0.0/0"}, "ipAddress"),
    ({"ipAddress": "::/0"}, "ipAddress"),
    ({"ipAddress": "10.0.0.1"}, "ipAddress"),
    ({"ipAddress": "169.254.169.254"}, "ipAddress"),
    ({"ipAddress": "127.0.0.1"}, "ipAddress"),
    ({"ipAddress": None}, "ipAddress"),
    ({"ipAddress": 7}, "ipAddress"),
    ({"resourceIds": []}, "resourceIds"),
    ({"resourceIds": None}, "resourceIds"),
    ({"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt"),
    ({"expiresAt": "tomorrow"}, "expiresAt"),
    ({"port": 443}, "port"),
])  # fmt: skip
def test_bad_input_names_the_field_and_lets_nobody_in(
    admin: Caller, resource: Resource, changes: dict[str, Any], field: str
) -> None:
    check(answer := admin.post("/static-ip-rules", json={**body(resource), **changes}), 400, "VALIDATION_ERROR")
    assert field in answer.json["details"]
    shown = made(admin, resource)
    if field != "port":
        check(admin.patch(f"/static-ip-rules/{shown['id']}", json=changes), 400, "VALIDATION_ERROR")

    assert admin.get("/static-ip-rules").json == [shown]
    assert StaticRule.select().count() == 1


def test_a_private_address_is_let_in_where_the_operator_says_so(
    environment: dict[str, str], request: pytest.FixtureRequest
) -> None:
    environment["ENTRYGUARD_SESSION_ALLOWED_NETWORKS"] = "10.1.0.0/16"
    admin: Caller = request.getfixturevalue("admin")
    resource: Resource = request.getfixturevalue("resource")

    assert made(admin, resource, ipAddress="10.1.2.0/24")["ipAddress"] == "10.1.2.0/24"
    check(admin.post("/static-ip-rules", json=body(resource, ipAddress="10.0.0.0/8")), 400, "VALIDATION_ERROR")


def test_no_two_are_alike(admin: Caller, resource: Resource) -> None:
    made(admin, resource)
    other = made(admin, resource, label="Home")

    check(admin.post("/static-ip-rules", json=body(resource)), 409, "CONFLICT")
    check(admin.patch(f"/static-ip-rules/{other['id']}", json={"label": "Office"}), 409, "CONFLICT")
    made(admin, resource, ipAddress="203.0.113.7")


def test_of_many_at_once_one_is_made(admin: Caller, resource: Resource) -> None:
    wanted = body(resource)
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: admin.post("/static-ip-rules", json=wanted).status_code, range(16)))

    assert sorted(statuses) == [201] + [409] * 15
    assert Grant.select().count() == 1


def test_one_that_is_asked_for_twice_is_made_once(admin: Caller, resource: Resource) -> None:
    once = {"Idempotency-Key": "once"}

    first, second = (admin.post("/static-ip-rules", json=body(resource), headers=once) for _ in range(2))

    assert first.json == second.json
    assert Grant.select().count() == 1


@pytest.mark.parametrize("kind", ["unknown", "malformed", "another organisation's"])
def test_a_resource_that_is_not_there_lets_nobody_in(
    admin: Caller, outsider: Caller, resource: Resource, kind: str
) -> None:
    theirs = openable(make_credential(Organisation.get_by_id(outsider.user.organisation_id)))
    named = {"unknown": unknown_id(), "malformed": "nonsense", "another organisation's": str(theirs.id)}[kind]
    shown = made(admin, resource)
    wanted = {"resourceIds": [str(resource.id), named]}

    check(admin.post("/static-ip-rules", json=body(resource, label="Home", **wanted)), 404, "RESOURCE_NOT_FOUND")
    check(admin.patch(f"/static-ip-rules/{shown['id']}", json=wanted), 404, "RESOURCE_NOT_FOUND")
    assert live() == {(resource.id, OFFICE)}


def test_what_is_being_deleted_lets_nobody_in(admin: Caller, resource: Resource, credential: Credential) -> None:
    going = openable(credential, deleting_since=current_time())
    shown = made(admin, resource)

    check(admin.post("/static-ip-rules", json=body(going, label="Home")), 409, "CONFLICT")
    check(admin.patch(f"/static-ip-rules/{shown['id']}", json={"resourceIds": [str(going.id)]}), 409, "CONFLICT")


def test_one_rule_serves_a_session_and_a_static_rule(admin: Caller, resource: Resource) -> None:
    session = make_session(resource.organisation_id, resource, address="203.0.113.7/32")
    shown = made(admin, resource, ipAddress="203.0.113.7")
    applied()
    assert Rule.select().count() == 1

    assert admin.post(f"/sessions/{session.id}/stop").status_code == 200

    assert {grant.session_id: grant.kept_by for grant in Grant.select()} == {
        session.id: uuid.UUID(shown["id"]),
        None: None,
    }
    assert Target.get().due_at is None


# Changes


def test_a_resource_more_or_less_leaves_the_others_alone(
    admin: Caller, resource: Resource, credential: Credential
) -> None:
    second, third = openable(credential), openable(credential)
    shown = made(admin, resource, second)
    applied()
    before = Grant.get(Grant.resource_id == second.id).id

    wanted = {"resourceIds": [str(second.id), str(third.id)]}
    answer = admin.patch(f"/static-ip-rules/{shown['id']}", json=wanted)

    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    assert answer.json["resourceIds"] == sorted(wanted["resourceIds"])
    assert live() == {(second.id, OFFICE), (third.id, OFFICE)}
    assert Grant.get(Grant.resource_id == second.id).id == before
    seen = {ip["resourceId"]: ip["status"] for ip in answer.json["resourceIps"]}
    assert seen == {str(resource.id): "REMOVING", str(second.id): "APPLIED", str(third.id): "PENDING"}
    kind, told = events()[1]
    assert (kind, told["changed"]) == ("STATIC_IP_RULE_UPDATE", ["resourceIds"])


def test_another_address_takes_the_place_of_the_old_one(admin: Caller, resource: Resource) -> None:
    shown = made(admin, resource)
    applied()

    answer = admin.patch(f"/static-ip-rules/{shown['id']}", json={"ipAddress": "198.51.100.9"})

    assert answer.json["ipAddress"] == "198.51.100.9"
    assert live() == {(resource.id, "198.51.100.9/32")}
    assert {ip["ipAddress"]: ip["status"] for ip in answer.json["resourceIps"]} == {
        OFFICE: "REMOVING",
        "198.51.100.9": "PENDING",
    }
    assert {target.due_priority for target in Target.select()} == {Priority.REVOKE}


def test_another_label_leaves_what_is_let_in_alone(admin: Caller, resource: Resource) -> None:
    shown = made(admin, resource)
    applied()

    answer = admin.patch(f"/static-ip-rules/{shown['id']}", json={"label": "Head office"})

    assert (answer.json["label"], answer.json["revision"]) == ("Head office", 2)
    assert [ip["status"] for ip in answer.json["resourceIps"]] == ["APPLIED"]
    assert Target.get().due_at is None


def test_what_is_the_same_is_no_change(admin: Caller, resource: Resource) -> None:
    shown = made(admin, resource)

    assert admin.patch(f"/static-ip-rules/{shown['id']}", json=body(resource)).json == shown
    assert len(events()) == 1


def test_who_read_something_older_changes_nothing(admin: Caller, resource: Resource) -> None:
    path, stale = f"/static-ip-rules/{made(admin, resource)['id']}", {"If-Match": '"0"'}

    check(admin.patch(path, json={"label": "Home"}, headers=stale), 412, "PRECONDITION_FAILED")
    check(admin.delete(path, headers=stale), 412, "PRECONDITION_FAILED")
    assert live() == {(resource.id, OFFICE)}


def test_a_deleted_one_lets_in_no_more(admin: Caller, resource: Resource) -> None:
    shown = made(admin, resource)
    applied()

    assert admin.delete(f"/static-ip-rules/{shown['id']}").status_code == 204

    check(admin.get(f"/static-ip-rules/{shown['id']}"), 404, "STATIC_IP_RULE_NOT_FOUND")
    assert live() == set() and not StaticRuleResource.select().exists()
    assert (Grant.get().status, Target.get().due_priority) == ("REMOVING", Priority.REVOKE)
    assert events()[-1][0] == "STATIC_IP_RULE_DELETE"


# Expiry


def test_one_with_an_end_is_due_then_and_lets_in_no_more(admin: Caller, resource: Resource) -> None:
    shown = made(admin, resource, expiresAt=(end := in_a_while()))
    rule = StaticRule.get()
    assert (rule.due_at, rule.due_priority) == (datetime.fromisoformat(end), Priority.REVOKE)
    applied()

    assert not expire()
    assert live() == {(resource.id, OFFICE)}
    clock.offset += A_WHILE_SECONDS * 1_000_000

    assert expire()
    assert live() == set()
    assert [event for event, _ in events()] == ["STATIC_IP_RULE_CREATE", "STATIC_IP_RULE_EXPIRE"]
    assert admin.get(f"/static-ip-rules/{shown['id']}").json["resourceIds"] == [str(resource.id)]


def test_that_one_has_expired_is_told_once_also_where_the_worker_died(admin: Caller, resource: Resource) -> None:
    made(admin, resource, expiresAt=in_a_while())
    clock.offset += A_WHILE_SECONDS * 1_000_000
    assert claim([StaticRule], list(Priority)), "by a worker that dies"
    clock.offset += (LEASE_SECONDS + 1) * 1_000_000

    assert expire()
    clock.offset += (LEASE_SECONDS + 1) * 1_000_000

    assert not expire()
    assert [event for event, _ in events()].count("STATIC_IP_RULE_EXPIRE") == 1


def test_one_that_has_expired_lets_in_again_with_a_later_end(admin: Caller, resource: Resource) -> None:
    shown = made(admin, resource, expiresAt=in_a_while())
    clock.offset += A_WHILE_SECONDS * 1_000_000
    assert expire()

    renamed = admin.patch(f"/static-ip-rules/{shown['id']}", json={"label": "Head office"})
    assert renamed.status_code == 200 and live() == set()
    answer = admin.patch(f"/static-ip-rules/{shown['id']}", json={"expiresAt": in_a_while()})

    assert answer.status_code == 200
    assert live() == {(resource.id, OFFICE)}
    assert StaticRule.get().due_at == datetime.fromisoformat(answer.json["expiresAt"])


def test_a_later_end_that_comes_while_it_expires_counts(admin: Caller, resource: Resource) -> None:
    """A worker has the row already: what is wanted has moved since."""
    shown = made(admin, resource, expiresAt=in_a_while())
    with write():
        StaticRule.update(due_at=now()).execute()
    taken = claim([StaticRule], list(Priority))
    assert taken is not None
    answer = admin.patch(f"/static-ip-rules/{shown['id']}", json={"expiresAt": "2099-01-01T00:00:00Z"})

    expire_static_rule(taken)

    rule = StaticRule.get()
    assert (rule.due_at, rule.due_priority) == (datetime.fromisoformat(answer.json["expiresAt"]), Priority.REVOKE)
    assert live() == {(resource.id, OFFICE)}


def test_an_end_that_is_taken_away_is_due_no_more(admin: Caller, resource: Resource) -> None:
    shown = made(admin, resource, expiresAt=in_a_while())

    answer = admin.patch(f"/static-ip-rules/{shown['id']}", json={"expiresAt": None})

    assert answer.json["expiresAt"] is None
    assert StaticRule.get().due_at is None


# Others


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_stranger_cannot_tell_one_from_nothing(
    admin: Caller, outsider: Caller, resource: Resource, method: str
) -> None:
    theirs = made(admin, resource)["id"]

    answer = outsider.ask(method, f"/static-ip-rules/{theirs}", json={"label": "x"} if method == "PATCH" else None)

    check(answer, 404, "STATIC_IP_RULE_NOT_FOUND")
    assert outsider.get("/static-ip-rules").json == []
    assert admin.get(f"/static-ip-rules/{theirs}").status_code == 200


def test_a_user_lets_nobody_in_for_ever(admin: Caller, user: Caller, resource: Resource) -> None:
    check(user.post("/static-ip-rules", json=body(resource)), 403, "FORBIDDEN")
    check(user.get("/static-ip-rules"), 403, "FORBIDDEN")
    assert live() == set()


def test_they_come_in_pages(admin: Caller, resource: Resource) -> None:
    all_of_them = [made(admin, resource, label=str(number))["id"] for number in range(3)]

    first = admin.get("/static-ip-rules?limit=2")
    link = first.headers["Link"].partition(">")[0].removeprefix("</api/v1")

    assert ids([*first.json, *admin.get(link).json]) == all_of_them
