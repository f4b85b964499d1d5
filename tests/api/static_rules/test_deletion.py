"""Static rules that are deleted: they are shown for as long as a cloud still lets their address in."""

import uuid
from typing import Any

from api.claims import claim
from api.clouds.rules import State
from api.credentials.models import Credential
from api.database import clock, now, write
from api.due import Priority
from api.lifecycle import reconciliation
from api.lifecycle.changing import change_resource
from api.lifecycle.deleting import delete_resource_by_force
from api.lifecycle.expiry import expire_static_rule
from api.lifecycle.restoring import start_anew
from api.lifecycle.suspension import resume, suspend
from api.resources.models import Resource
from api.static_rules import service as static_rules
from api.static_rules.models import StaticRule, StaticRuleResource
from api.targets.models import Grant, Rule, Target
from api.targets.verdict import Outcome, Report
from tests.api.accounts.acting import as_user
from tests.api.conftest import Caller
from tests.api.lifecycle.conftest import serve
from tests.api.static_rules.conftest import (
    A_WHILE_SECONDS,
    OFFICE,
    body,
    events,
    expire,
    in_a_while,
    live,
    made,
    openable,
)
from tests.api.test_errors import check
from tests.rows import make_session
from worker.sweep import Sweeper, _sweep

REFUSAL = "UnauthorizedOperation: no"


def let_in(admin: Caller, *resources: Resource, **more: Any) -> str:
    """One whose address is in the cloud."""
    shown = made(admin, *resources, **more)
    serve()
    return f"/static-ip-rules/{shown['id']}"


def deleted(admin: Caller, *resources: Resource, **more: Any) -> str:
    """The same, and no worker has served since it was deleted."""
    path = let_in(admin, *resources, **more)
    answer = admin.delete(path)
    assert (answer.status_code, answer.data) == (204, b"")
    return path


def cloud_refuses() -> None:
    """A worker asks it to remove the rule, in vain."""
    taken = claim([Target], list(Priority))
    assert taken is not None
    kept = Outcome(State.PRESENT, was_wanted=False, is_ours=True, was_ours=True, error=REFUSAL)
    reconciliation.record(taken, Report({Rule.get().id: kept}), 600)


def test_one_that_the_cloud_will_not_give_up_is_shown_as_overdue(admin: Caller, resource: Resource) -> None:
    path = deleted(admin, resource)
    cloud_refuses()
    clock.offset += 121 * 1_000_000

    answer = admin.get(path)

    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    shown = answer.json
    assert shown["deletingSince"] == shown["updatedAt"]
    assert (shown["ipAddress"], shown["resourceIds"]) == (OFFICE, [str(resource.id)])
    there = [(ip["status"], ip["errorMessage"], ip["overdueSince"]) for ip in shown["resourceIps"]]
    since = Grant.get().ended_at
    assert there == [("REMOVING", REFUSAL, f"{since:%Y-%m-%dT%H:%M:%SZ}")]
    assert admin.get("/static-ip-rules").json == [shown]


def test_one_is_gone_with_the_last_of_its_rules(admin: Caller, resource: Resource, credential: Credential) -> None:
    path = deleted(admin, resource, openable(credential))
    assert live() == set() and admin.get(path).json["deletingSince"] is not None
    first, last = (target.id for target in Target.select().order_by(Target.id))

    for target in (first, last):
        with write():
            Target.update(due_at=now()).where(Target.id == target).execute()
            Target.update(due_at=None).where(Target.id != target).execute()
        assert admin.get(path).status_code == 200
        serve()

    check(admin.get(path), 404, "STATIC_IP_RULE_NOT_FOUND")
    assert admin.get("/static-ip-rules").json == [] and not StaticRuleResource.select().exists()
    assert [event for event, _ in events()] == ["STATIC_IP_RULE_CREATE", "STATIC_IP_RULE_DELETE"]


def test_one_that_let_nobody_in_is_gone_at_once(admin: Caller, credential: Credential) -> None:
    paths = [
        f"/static-ip-rules/{made(admin, openable(credential, is_active=False))['id']}",
        f"/static-ip-rules/{made(admin, openable(credential), label='never applied')['id']}",
    ]

    for path in paths:
        assert admin.delete(path).status_code == 204
        check(admin.get(path), 404, "STATIC_IP_RULE_NOT_FOUND")


def test_one_whose_rule_stays_for_somebody_else_is_gone_at_once(admin: Caller, resource: Resource) -> None:
    make_session(resource.organisation_id, resource, address=OFFICE)

    path = deleted(admin, resource)

    check(admin.get(path), 404, "STATIC_IP_RULE_NOT_FOUND")


def test_one_that_waits_for_what_it_let_in_before_is_shown_too(admin: Caller, resource: Resource) -> None:
    path = let_in(admin, resource)
    assert admin.patch(path, json={"ipAddress": "198.51.100.9"}).status_code == 200

    assert admin.delete(path).status_code == 204

    assert [ip["ipAddress"] for ip in admin.get(path).json["resourceIps"]] == [OFFICE]
    serve()
    check(admin.get(path), 404, "STATIC_IP_RULE_NOT_FOUND")


def test_what_is_being_deleted_takes_no_change(admin: Caller, resource: Resource) -> None:
    path = deleted(admin, resource)
    shown, after = admin.get(path).json, len(events())

    for method, change in (("PATCH", {"label": "Home"}), ("DELETE", None)):
        check(answer := admin.ask(method, path, json=change), 409, "CONFLICT")
        assert answer.json["message"] == static_rules.BEING_DELETED

    assert admin.get(path).json == shown and len(events()) == after


def test_what_is_being_deleted_is_not_in_the_way_of_another_like_it(admin: Caller, resource: Resource) -> None:
    path = deleted(admin, resource)

    again = made(admin, resource)
    check(admin.post("/static-ip-rules", json=body(resource)), 409, "CONFLICT")
    other = admin.delete(f"/static-ip-rules/{again['id']}")
    third = made(admin, resource)

    assert other.status_code == 204 and again["resourceIps"][0]["status"] == "PENDING"
    assert {each["id"] for each in admin.get("/static-ip-rules").json} >= {third["id"]}
    serve()
    serve()
    check(admin.get(path), 404, "STATIC_IP_RULE_NOT_FOUND")
    shown = admin.get("/static-ip-rules").json
    assert [(each["id"], each["resourceIps"][0]["status"]) for each in shown] == [(third["id"], "APPLIED")]


def test_what_is_being_deleted_lets_in_no_more_whatever_lets_in_again(admin: Caller, resource: Resource) -> None:
    path = deleted(admin, resource)

    change_resource(as_user(admin.user), resource.id, {"config": {"port": 8443}})
    assert live() == set()
    suspend("acme")
    resume("acme")

    assert live() == set() and admin.get(path).json["deletingSince"] is not None


def test_what_another_resource_lets_in_again_is_not_what_is_deleted(
    admin: Caller, resource: Resource, credential: Credential
) -> None:
    going = openable(credential)
    let_in(admin, resource)
    let_in(admin, going, label="Home")
    delete_resource_by_force(as_user(admin.user), going.id)

    change_resource(as_user(admin.user), resource.id, {"config": {"port": 8443}})
    assert live() == {(resource.id, OFFICE)}
    suspend("acme")
    resume("acme")

    assert live() == {(resource.id, OFFICE)}


def test_what_is_being_deleted_is_left_to_the_installation_that_let_it_in(admin: Caller, resource: Resource) -> None:
    path = deleted(admin, resource)

    start_anew()
    _sweep(Sweeper(lambda: None), 0)

    assert live() == set()
    check(admin.get(path), 404, "STATIC_IP_RULE_NOT_FOUND")


def test_what_is_being_deleted_is_named_to_who_deletes_its_resource(admin: Caller, resource: Resource) -> None:
    path = deleted(admin, resource)

    refusal = admin.delete(f"/resources/{resource.id}")
    check(refusal, 400, "RESOURCE_IN_USE")
    assert "in use by static rule Office (being deleted)." in refusal.json["message"]
    delete_resource_by_force(as_user(admin.user), resource.id)
    serve()

    check(admin.get(path), 404, "STATIC_IP_RULE_NOT_FOUND")
    check(admin.get(f"/resources/{resource.id}"), 404, "RESOURCE_NOT_FOUND")


def test_what_is_being_deleted_expires_no_more(admin: Caller, resource: Resource) -> None:
    path = deleted(admin, resource, expiresAt=in_a_while())
    clock.offset += A_WHILE_SECONDS * 1_000_000

    assert not expire()

    assert StaticRule.get().due_at is None
    assert admin.get(path).status_code == 200
    assert "STATIC_IP_RULE_EXPIRE" not in [event for event, _ in events()]


def test_an_end_that_was_claimed_before_the_deletion_is_told_of_no_more(admin: Caller, resource: Resource) -> None:
    path = let_in(admin, resource, expiresAt=in_a_while())
    clock.offset += A_WHILE_SECONDS * 1_000_000
    taken = claim([StaticRule], list(Priority))
    assert taken is not None
    assert admin.delete(path).status_code == 204

    expire_static_rule(taken)

    rule = StaticRule.get()
    assert (rule.due_at, rule.claim_token) == (None, None)
    assert "STATIC_IP_RULE_EXPIRE" not in [event for event, _ in events()]
    serve()
    check(admin.get(path), 404, "STATIC_IP_RULE_NOT_FOUND")


def test_what_nobody_finished_is_finished_later(admin: Caller, resource: Resource) -> None:
    """Whoever saw the last rule go died before he deleted what had waited for it."""
    stands = let_in(admin, resource, ipAddress="198.51.100.9")
    path = deleted(admin, resource)
    with write():
        Grant.update(rule_id=None, status="REMOVED", removed_at=now()).where(Grant.ended_at.is_null(False)).execute()
    assert admin.get(path).status_code == 200

    _sweep(Sweeper(lambda: None), 0)

    check(admin.get(path), 404, "STATIC_IP_RULE_NOT_FOUND")
    assert admin.get(stands).json["deletingSince"] is None


def test_what_is_being_deleted_is_answered_to_who_asks_for_it_again(admin: Caller, resource: Resource) -> None:
    once = {"Idempotency-Key": str(uuid.uuid4())}
    first = admin.post("/static-ip-rules", json=body(resource), headers=once).json
    serve()
    assert admin.delete(f"/static-ip-rules/{first['id']}").status_code == 204

    again = admin.post("/static-ip-rules", json=body(resource), headers=once)

    assert (again.status_code, again.json["id"]) == (201, first["id"]) and again.json["deletingSince"] is not None
