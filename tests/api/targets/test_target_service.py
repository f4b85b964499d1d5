"""Asking for rules and giving them up: who shares what, what cannot be opened, and what is left to be done."""

import uuid
from datetime import timedelta
from typing import Any

import pytest

from api.credentials.models import Credential
from api.database import clock, current_time, write
from api.due import Priority
from api.resources.models import Resource
from api.sessions.models import Session
from api.targets import overdue
from api.targets import service as targets
from api.targets.holding import Held
from api.targets.models import Grant, Rule, Target
from api.targets.wanting import opening as opening_of
from tests.api.accounts.acting import columns
from tests.lock_order import LockOrder
from tests.rows import end_grants, make_credential, make_organisation, make_resource, make_session

pytestmark = pytest.mark.usefixtures("db")

HERE, THERE = "81.2.69.142", "81.2.69.143"


@pytest.fixture
def credential(db: str) -> Credential:
    return make_credential(make_organisation(), is_valid=True, account="123456789012")


@pytest.fixture
def resource(credential: Credential) -> Resource:
    return openable(credential)


def openable(credential: Credential, **columns: Any) -> Resource:
    return make_resource(credential, **{"is_active": True, "config": {"port": 443}, **columns})


def opened(*resources: Resource, address: str = HERE) -> Session:
    return make_session(resources[0].organisation_id, *resources, address=address)


def ended(session: Session) -> set[uuid.UUID]:
    return end_grants(Grant.session_id == session.id)


def grant_of(session: Session) -> Grant:
    grant: Grant = Grant.get(Grant.session_id == session.id)
    return grant


def added() -> None:
    """A worker has put every rule in its cloud."""
    with write():
        Rule.update(is_added=True, is_seen=True).execute()
        Grant.update(status="APPLIED").where(Grant.ended_at.is_null()).execute()
        Target.update(due_at=None).execute()


def test_what_is_asked_for_is_due_to_be_applied(resource: Resource) -> None:
    session = opened(resource)

    target, rule, grant = Target.get(), Rule.get(), grant_of(session)
    assert (target.provider, target.account, target.region, target.identifier) == (
        "AWS",
        "123456789012",
        "eu-central-1",
        resource.resource_identifier,
    )
    assert target.due_at <= current_time()
    assert target.due_priority == Priority.APPLY
    assert (rule.address, rule.protocol, rule.ports, rule.options) == (f"{HERE}/32", "tcp", [[443, 443]], {})
    assert (rule.is_added, rule.is_seen, rule.provider_ids) == (False, False, [])
    assert (grant.status, grant.rule_id, grant.resource_name) == ("PENDING", rule.id, resource.name)


@pytest.mark.parametrize(
    ("config", "opening"),
    [
        ({"port": 443}, ("tcp", [[443, 443]], {})),
        ({"ports": [443, 22], "protocol": "udp"}, ("udp", [[22, 22], [443, 443]], {})),
        ({"portRange": {"from": 6000, "to": 6100}}, ("tcp", [[6000, 6100]], {})),
        ({"protocol": "all"}, ("all", [], {})),
        (
            {"port": 443, "priority": 900, "targetTags": ["web"]},
            ("tcp", [[443, 443]], {"priority": 900, "targetTags": ["web"]}),
        ),
    ],
)
def test_a_resources_config_says_what_is_opened(config: dict[str, Any], opening: tuple[object, ...]) -> None:
    assert opening_of(config) == opening


@pytest.mark.parametrize("config", [{"port": 443}, {"ports": [22, 443]}, {"protocol": "all"}, {"protocol": "icmp"}])
def test_who_wants_the_same_on_the_same_object_shares_a_rule(credential: Credential, config: dict[str, Any]) -> None:
    one, two = (openable(credential, resource_identifier="sg-1", config=config) for _ in range(2))

    opened(one)
    opened(two)

    assert Target.select().count() == Rule.select().count() == 1
    assert Grant.select().count() == 2


def test_another_address_port_object_or_account_is_another_rule(credential: Credential) -> None:
    first = openable(credential, resource_identifier="sg-1")
    elsewhere = make_credential(make_organisation(), is_valid=True, account="123456789012")
    for resource, address in (
        (first, HERE),
        (first, THERE),
        (openable(credential, resource_identifier="sg-1", config={"port": 22}), HERE),
        (openable(credential, resource_identifier="sg-1", region="eu-west-1"), HERE),
        (openable(credential, resource_identifier="sg-2"), HERE),
        (openable(elsewhere, resource_identifier="sg-1"), HERE),
    ):
        opened(resource, address=address)

    assert Rule.select().count() == 6
    assert Target.select().count() == 4


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"is_active": False}, "the resource has not been verified yet"),
        ({"is_active": False, "verification_error": "InvalidGroup.NotFound: gone"}, "InvalidGroup.NotFound: gone"),
        ({"config": None}, "the resource's config names no port, so nothing says what to open"),
        ({"config": {"protocol": "udp"}}, "the resource's config names no port, so nothing says what to open"),
    ],
)
def test_what_cannot_be_opened_fails_and_says_why(credential: Credential, columns: dict[str, Any], reason: str) -> None:
    session = opened(openable(credential, **columns))

    grant = grant_of(session)
    assert (grant.status, grant.error, grant.rule_id) == ("FAILED", reason, None)
    assert not Target.select().exists()


def test_what_could_not_be_opened_is_asked_for_when_it_can(credential: Credential) -> None:
    resource, other = openable(credential, is_active=False), openable(credential, is_active=False)
    session, elsewhere = opened(resource), opened(other)
    resource.is_active = True

    with write():
        assert targets.try_again(resource, targets.hold([resource])) == {session.id}

    grant = grant_of(session)
    assert (grant.status, grant.error, grant.rule_id) == ("PENDING", None, Rule.get().id)
    assert Target.get().due_priority == Priority.APPLY
    assert grant_of(elsewhere).status == "FAILED"


def test_what_the_cloud_refused_goes_on_saying_why_when_its_resource_cannot_be_opened(credential: Credential) -> None:
    resource = openable(credential)
    refused, unasked = opened(resource), opened(openable(credential, is_active=False))
    with write():
        Grant.update(status="FAILED", error="Limit: too many rules").where(Grant.session_id == refused.id).execute()
        Grant.update(resource_id=resource.id).where(Grant.session_id == unasked.id).execute()
    resource.is_active, resource.verification_error = False, "InvalidGroup.NotFound: gone"

    with write():
        assert targets.try_again(resource, targets.hold([resource])) == set()

    assert grant_of(refused).error == "Limit: too many rules"
    assert grant_of(unasked).error == "InvalidGroup.NotFound: gone"


def test_a_rule_goes_with_the_last_who_wants_it(resource: Resource) -> None:
    first, second = opened(resource), opened(resource)
    added()

    assert ended(first) == {first.id}

    grant = grant_of(first)
    assert (grant.status, grant.kept_by, grant.removed_at is not None) == ("REMOVED", second.id, True)
    assert Target.get().due_at is None, "nothing is to be done"
    assert ended(second) == {second.id}
    assert (grant_of(second).status, grant_of(second).kept_by) == ("REMOVING", None)
    assert Target.get().due_priority == Priority.REVOKE


def test_what_has_ended_does_not_end_again(resource: Resource) -> None:
    session = opened(resource)
    added()
    ended(session)
    before = grant_of(session).ended_at

    assert ended(session) == set()
    assert grant_of(session).ended_at == before


def test_who_left_a_rule_to_others_has_ended_when_he_did(resource: Resource) -> None:
    first, last = opened(resource), opened(resource)
    ended(first)
    before = columns(grant_of(first))
    clock.offset += 1_000_000

    ended(last)

    assert not Rule.select().exists(), "no cloud was asked for it"
    assert columns(grant_of(first)) == {**before, "rule_id": None}


def test_what_ends_is_given_up_also_where_its_target_is_not_held_yet(resource: Resource, lock_order: LockOrder) -> None:
    session, other = opened(resource), opened(resource, address=THERE)
    added()

    with write():
        assert targets.end(Grant.session_id == session.id, Held(frozenset(), {})) == {session.id}
    lock_order.faults.clear()  # somebody was quicker

    assert [grant_of(each).status for each in (session, other)] == ["REMOVING", "APPLIED"]
    assert Target.get().due_priority == Priority.REVOKE


def test_a_rule_that_no_cloud_was_asked_for_is_over_at_once(resource: Resource) -> None:
    session = opened(resource)

    ended(session)

    assert grant_of(session).status == "REMOVED"
    assert not Rule.select().exists()


def test_a_rule_keeps_its_resource_and_its_credential_until_it_is_gone(resource: Resource) -> None:
    def held() -> tuple[bool, bool]:
        return targets.has_rules_of_resource(resource.id), targets.has_rules_of_credential(resource.credential_id)

    assert held() == (False, False)
    session = opened(resource)
    assert held() == (True, True), "still being applied"
    added()
    ended(session)
    assert held() == (True, True)
    with write():
        Grant.update(status="REMOVED", rule_id=None).execute()
        Rule.delete().execute()
    assert held() == (False, False)


def test_what_a_cloud_refused_keeps_nothing_whatever_others_have(
    credential: Credential,
) -> None:
    resource = openable(credential)
    session = opened(resource)
    with write():
        Grant.update(status="FAILED", error="Limit: too many rules").where(Grant.session_id == session.id).execute()
    opened(openable(make_credential(make_organisation(), is_valid=True, account="2")))

    assert not targets.has_rules_of_credential(credential.id)
    assert not targets.has_rules_of_resource(resource.id)


def test_all_targets_of_a_credential_are_looked_at(credential: Credential) -> None:
    other = make_credential(make_organisation(), is_valid=True, account="2")
    opened(openable(credential), openable(credential))
    opened(openable(other))
    added()

    with write():
        targets.look_at_all(credential.id)

    looked_at = Target.select().where(Target.due_at.is_null(False))
    assert [target.due_priority for target in looked_at] == [Priority.APPLY] * 2


def test_a_rule_is_overdue_two_minutes_after_its_end(resource: Resource) -> None:
    session, other = opened(resource), opened(resource, address=THERE)
    added()
    ended(session)
    ended(other)
    assert overdue.figures() == overdue.Figures(0, 0.0)
    with write():
        Grant.update(ended_at=current_time() - timedelta(seconds=121), error="the cloud did not answer").where(
            Grant.session_id == session.id
        ).execute()

    figures = overdue.figures()

    assert figures.rules == 1
    assert 121 <= figures.oldest_seconds < 240
    assert overdue.reasons(10) == {grant_of(session).rule_id: "the cloud did not answer"}
