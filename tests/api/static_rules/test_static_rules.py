"""/static-ip-rules: addresses that are let in for longer than a session: made, listed, and whose they are."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from api.accounts.models import Organisation
from api.credentials.models import Credential
from api.database import current_time, now
from api.due import Priority
from api.resources.models import Resource
from api.static_rules.models import StaticRule
from api.targets.models import Grant, Rule, Target
from tests.api.conftest import Caller, unknown_id
from tests.api.static_rules.conftest import OFFICE, applied, body, events, live, made, openable
from tests.api.test_errors import check
from tests.rows import make_credential, make_session


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


def test_what_it_opens_is_told_in_the_order_in_which_it_was_added(admin: Caller, credential: Credential) -> None:
    resources = [openable(credential) for _ in range(6)]

    made(admin, *reversed(resources))

    assert events()[0][1]["resources"] == [each.name for each in resources]


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
    refusal = admin.post("/static-ip-rules", json=body(resource, ipAddress="10.0.0.0/8"))
    check(refusal, 400, "VALIDATION_ERROR")
    reason = (
        "10.0.0.0/8 is no public address, and this server is not told to let it in: ask its operator "
        "(ENTRYGUARD_SESSION_ALLOWED_NETWORKS, or ENTRYGUARD_TRUSTED_PROXIES where it is a proxy's)"
    )
    assert refusal.json["message"] == f"ipAddress: {reason}"
    assert refusal.json["details"] == {"ipAddress": [reason]}


def test_no_two_are_alike(admin: Caller, outsider: Caller, resource: Resource) -> None:
    made(outsider, openable(make_credential(Organisation.get_by_id(outsider.user.organisation_id))))
    made(admin, resource)
    other = made(admin, resource, label="Home")

    refusal = admin.post("/static-ip-rules", json=body(resource))
    check(refusal, 409, "CONFLICT")
    assert refusal.json["message"].endswith("already. Change that one, or choose another label.")
    check(admin.patch(f"/static-ip-rules/{other['id']}", json={"label": "Office"}), 409, "CONFLICT")
    third = made(admin, resource, ipAddress="203.0.113.7")
    check(admin.patch(f"/static-ip-rules/{third['id']}", json={"ipAddress": OFFICE}), 409, "CONFLICT")


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

    refusal = admin.post(
        "/static-ip-rules", json=body(resource, label="Home", resourceIds=[str(resource.id), str(going.id)])
    )
    check(refusal, 409, "CONFLICT")
    assert f"{going.name} ({going.id})" in refusal.json["message"] and resource.name not in refusal.json["message"]
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

    assert [each["id"] for each in (*first.json, *admin.get(link).json)] == all_of_them
