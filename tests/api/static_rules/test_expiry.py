"""Static rules with an end: it comes once, and can be moved."""

from datetime import UTC, datetime, timedelta

import pytest

from api.actor import Actor
from api.claims import claim
from api.credentials.models import Credential
from api.database import clock, current_time, now, write
from api.due import LEASE_SECONDS, Priority, postpone
from api.lifecycle.expiry import expire_static_rule
from api.resources.models import Resource
from api.static_rules.models import StaticRule
from tests.api.accounts import acting
from tests.api.accounts.acting import tells, told
from tests.api.conftest import Caller
from tests.api.static_rules.conftest import (
    A_WHILE_SECONDS,
    OFFICE,
    applied,
    body,
    events,
    expire,
    in_a_while,
    live,
    made,
    openable,
)
from tests.api.test_errors import check


def test_one_with_an_end_is_due_then_and_lets_in_no_more(admin: Caller, resource: Resource) -> None:
    shown = made(admin, resource, expiresAt=(end := in_a_while()))
    rule = StaticRule.get()
    assert (rule.due_at, rule.due_priority) == (datetime.fromisoformat(end), Priority.REVOKE)
    assert events()[0][1]["expiresAt"] == end
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


def test_the_trail_tells_which_has_expired(admin: Caller, resource: Resource) -> None:
    shown = made(admin, resource, expiresAt=in_a_while())
    clock.offset += A_WHILE_SECONDS * 1_000_000

    assert expire()

    [event] = acting.events("STATIC_IP_RULE_EXPIRE")
    subject = ("STATIC_IP_RULE", shown["id"], "Office")
    assert told(event) == tells(Actor.system(admin.user.organisation_id), "STATIC_IP_RULE_EXPIRE", subject)


def test_it_expires_at_its_very_end(admin: Caller, resource: Resource, standing_clock: None) -> None:
    shown = made(admin, resource, expiresAt=in_a_while())
    left = datetime.fromisoformat(shown["expiresAt"]) - current_time()
    clock.offset += left // timedelta(microseconds=1)

    assert expire() and live() == set()


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


def test_the_moment_of_an_end_is_behind_it(admin: Caller, resource: Resource, standing_clock: None) -> None:
    end = datetime.fromisoformat(in_a_while())
    shown = made(admin, resource, expiresAt=(written := end.strftime("%Y-%m-%dT%H:%M:%SZ")))
    clock.offset += (end - current_time()) // timedelta(microseconds=1)
    assert expire()

    admin.patch(f"/static-ip-rules/{shown['id']}", json={"label": "Head office"})
    assert live() == set()
    refusal = admin.post("/static-ip-rules", json=body(resource, label="Home", expiresAt=written))

    check(refusal, 400, "VALIDATION_ERROR")
    assert refusal.json["message"] == "expiresAt must be in the future"
    assert refusal.json["details"] == {"expiresAt": ["must be in the future"]}


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


def test_an_end_that_is_not_reached_any_more_since_the_clock_went_back_still_comes(
    admin: Caller, resource: Resource
) -> None:
    made(admin, resource, expiresAt=in_a_while())
    clock.offset += A_WHILE_SECONDS * 1_000_000
    taken = claim([StaticRule], list(Priority))
    assert taken is not None
    clock.offset -= A_WHILE_SECONDS * 1_000_000

    expire_static_rule(taken)

    assert StaticRule.get().due_priority == Priority.REVOKE
    assert not expire() and live() == {(resource.id, OFFICE)}
    clock.offset += A_WHILE_SECONDS * 1_000_000
    assert expire() and live() == set()


def test_one_that_has_expired_stays_closed_whatever_else_is_in_force(
    admin: Caller, resource: Resource, credential: Credential
) -> None:
    shown, second = made(admin, resource, expiresAt=in_a_while()), openable(credential)
    made(admin, second, label="Home")
    clock.offset += A_WHILE_SECONDS * 1_000_000
    assert expire()

    admin.patch(f"/static-ip-rules/{shown['id']}", json={"label": "Head office"})

    assert live() == {(second.id, OFFICE)}


def test_an_end_that_is_taken_away_while_it_expires_comes_no_more(admin: Caller, resource: Resource) -> None:
    shown = made(admin, resource, expiresAt=in_a_while())
    clock.offset += A_WHILE_SECONDS * 1_000_000
    taken = claim([StaticRule], list(Priority))
    assert taken is not None
    assert admin.patch(f"/static-ip-rules/{shown['id']}", json={"expiresAt": None}).status_code == 200

    expire_static_rule(taken)

    assert StaticRule.get().due_at is None and live() == {(resource.id, OFFICE)}


@pytest.mark.parametrize(
    ("method", "body", "due_at"),
    [("PATCH", {"expiresAt": "2099-01-01T00:00:00Z"}, datetime(2099, 1, 1, tzinfo=UTC)), ("DELETE", None, None)],
)
def test_a_failure_to_end_it_brings_no_end_back_that_was_moved_or_taken_away_meanwhile(
    admin: Caller, resource: Resource, method: str, body: object, due_at: datetime | None
) -> None:
    shown = made(admin, resource, expiresAt=in_a_while())
    applied()
    clock.offset += A_WHILE_SECONDS * 1_000_000
    taken = claim([StaticRule], list(Priority))
    assert taken is not None
    assert admin.ask(method, f"/static-ip-rules/{shown['id']}", json=body).status_code in (200, 204)

    with write():
        postpone(taken, "the database did not answer")

    assert StaticRule.get().due_at == due_at


def test_an_end_that_is_taken_away_is_due_no_more(admin: Caller, resource: Resource) -> None:
    shown = made(admin, resource, expiresAt=in_a_while())

    answer = admin.patch(f"/static-ip-rules/{shown['id']}", json={"expiresAt": None})

    assert answer.json["expiresAt"] is None
    assert StaticRule.get().due_at is None
