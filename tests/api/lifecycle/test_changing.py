"""What becomes of what is open when a resource is changed, or comes to be open again."""

from dataclasses import replace
from typing import Any

import pytest

from api.accounts.models import Organisation, User
from api.actor import Actor
from api.claims import claim
from api.clouds.base import Refused, Verified
from api.credentials import secrets
from api.credentials.models import Credential, CredentialSecret
from api.credentials.verdict import secret_to_try
from api.database import current_time, write
from api.due import Priority
from api.errors import Conflict
from api.lifecycle import verification
from api.lifecycle.changing import change_resource
from api.lifecycle.suspension import suspend
from api.network import parse_network
from api.resources.models import Resource
from api.resources.verdict import wanted
from api.secret import Secret
from api.sessions.addresses import WantedAddresses
from api.sessions.changing import change_addresses
from api.sessions.models import Session
from api.settings import Settings
from api.static_rules.models import StaticRule
from api.targets.models import Grant, Rule, Target
from tests.api.lifecycle.conftest import (
    events,
    open_on,
    openable,
    opened,
    rules_left,
    serve,
    state_of,
    static_rule,
    urgent_targets,
)
from tests.rows import fresh, make_credential, make_due
from tests.worker.bench import a_vault, keep_secret

OTHER_GROUP = "sg-0fff000fff000fff0"


def changes(organisation: Organisation) -> dict[str, dict[str, Any]]:
    other = make_credential(organisation, account="210987654321", is_valid=True)
    return {
        "config": {"config": {"port": 8443}},
        "identifier": {"resource_identifier": OTHER_GROUP},
        "region": {"region": "eu-west-1"},
        "credential": {"credential_id": str(other.id)},
    }


def see(resource: Resource, refusal: Refused | None = None) -> None:
    """A worker looks at the resource, and the cloud shows it or refuses."""
    make_due(resource)
    taken, asked = claim([Resource], list(Priority)), wanted(resource.id)
    assert taken is not None and asked is not None
    verification.resource_seen(taken, asked, refusal, 1800)


def grants_of(rule: StaticRule) -> list[Grant]:
    return list(Grant.select().where(Grant.static_rule_id == rule.id).order_by(Grant.created_at, Grant.id))


@pytest.mark.parametrize("what", ["config", "identifier", "region", "credential"])
def test_a_changed_resource_is_closed_to_sessions(
    by_ada: Actor, organisation: Organisation, uma: User, resource: Resource, what: str
) -> None:
    session = opened(uma, resource)
    serve()
    before = Target.get().identifier

    change_resource(by_ada, resource.id, changes(organisation)[what])

    assert state_of(session) == ("EXPIRING", "RESOURCE_CHANGED")
    assert urgent_targets() == {before}
    serve()
    assert state_of(session) == ("CANCELLED", "RESOURCE_CHANGED") and rules_left() == 0
    assert [event.details for event in events("SESSION_STOP")] == [{"endedReason": "RESOURCE_CHANGED"}]


def test_a_rule_leaves_through_the_credential_that_put_it_there(
    by_ada: Actor, organisation: Organisation, credential: Credential, uma: User, resource: Resource
) -> None:
    opened(uma, resource)
    serve()

    change_resource(by_ada, resource.id, changes(organisation)["credential"])

    assert Rule.get().credential_id == credential.id


@pytest.mark.parametrize("change", [{"name": "Web"}, {"max_session_minutes": 5}, {"config": {"port": 443}}])
def test_what_opens_the_same_stays_open(by_ada: Actor, uma: User, resource: Resource, change: dict[str, Any]) -> None:
    session = opened(uma, resource)
    serve()

    change_resource(by_ada, resource.id, change)

    assert (open_on(session), state_of(session)) == ({resource.id}, ("ACTIVE", None))


def test_other_resources_of_the_session_stay_open(
    by_ada: Actor, uma: User, resource: Resource, credential: Credential
) -> None:
    other = openable(credential)
    session = opened(uma, resource, other)
    serve()

    change_resource(by_ada, resource.id, {"config": {"port": 22}})

    assert (open_on(session), state_of(session)) == ({other.id}, ("ACTIVE", None))


def test_a_static_rule_follows_the_resource(by_ada: Actor, resource: Resource) -> None:
    rule = static_rule(resource)
    serve()

    change_resource(by_ada, resource.id, {"config": {"port": 8443}})
    serve()

    assert [(grant.status, grant.ended_at is None) for grant in grants_of(rule)] == [
        ("REMOVED", False),
        ("APPLIED", True),
    ]
    assert [each.ports for each in Rule.select()] == [[[8443, 8443]]]


def test_a_static_rule_waits_until_another_object_was_seen(by_ada: Actor, resource: Resource) -> None:
    rule = static_rule(resource)
    serve()

    change_resource(by_ada, resource.id, {"resource_identifier": OTHER_GROUP})
    assert [grant.status for grant in grants_of(rule)] == ["REMOVING", "FAILED"]
    see(resource)
    serve()

    assert [grant.status for grant in grants_of(rule)] == ["REMOVED", "APPLIED"]
    assert [Target.get_by_id(each.target_id).identifier for each in Rule.select()] == [OTHER_GROUP]


def test_what_could_not_be_asked_for_is_asked_for_when_a_change_mends_it(
    by_ada: Actor, uma: User, credential: Credential
) -> None:
    resource = openable(credential, config=None)
    session = opened(uma, resource)
    assert state_of(session) == ("FAILED", None)

    change_resource(by_ada, resource.id, {"config": {"port": 443}})

    assert state_of(session) == ("PENDING", None)
    serve()
    assert state_of(session) == ("ACTIVE", None)


def test_what_is_being_deleted_is_not_changed(by_ada: Actor, resource: Resource, credential: Credential) -> None:
    with write():
        going = openable(credential, deleting_since=resource.created_at)

    with pytest.raises(Conflict):
        change_resource(by_ada, going.id, {"name": "Web"})


# A verdict


def test_what_comes_to_be_active_is_opened_to_who_waits(uma: User, credential: Credential) -> None:
    resource = openable(credential, is_active=False)
    session, rule = opened(uma, resource), static_rule(resource, address="81.2.69.143")
    assert state_of(session) == ("FAILED", None)

    see(resource)

    assert state_of(session) == ("PENDING", None)
    serve()
    assert state_of(session) == ("ACTIVE", None)
    assert [grant.status for grant in grants_of(rule)] == ["APPLIED"]


def test_what_stays_refused_stays_closed(uma: User, credential: Credential) -> None:
    resource = openable(credential, is_active=False)
    session = opened(uma, resource)

    see(resource, Refused("InvalidGroup.NotFound", "the security group is not there"))

    assert state_of(session) == ("FAILED", None)
    assert not Rule.select().exists()


def test_who_has_ended_is_not_let_in_again(by_ada: Actor, uma: User, credential: Credential) -> None:
    resource = openable(credential, is_active=False)
    session = opened(uma, resource)
    with write():
        Session.update(ended_at=resource.created_at).where(Session.id == session.id).execute()
        Grant.update(ended_at=resource.created_at, status="REMOVED").execute()

    see(resource)

    assert not Rule.select().exists()


def test_a_look_that_changes_nothing_touches_no_target(uma: User, resource: Resource) -> None:
    see(resource)
    assert not Target.select().exists()
    opened(uma, resource)
    serve()
    before = Target.get().wanted_revision

    see(resource)

    assert Target.get().wanted_revision == before


def offer(credential: Credential, account: str) -> Credential:
    """A new secret is sent, and the cloud accepts it as one of this account."""
    with write():
        sent = {"secret_version": 2, "candidate_status": "VERIFYING", "candidate_since": current_time()}
        Credential.update(**sent).where(Credential.id == credential.id).execute()
        vault = a_vault()
        keep_secret(credential, 1, {"accessKeyId": "AKIAIOSFODNN7EXAMPLE"}, vault)
        new = Secret.of_json({"accessKeyId": "AKIAIOSFODNN7EXAMPL2"})
        secrets.keep(credential, 2, secrets.CANDIDATE, new, vault, current_time())
    make_due(credential)
    taken, tried = claim([Credential], list(Priority)), secret_to_try(credential.id)
    assert taken is not None and tried is not None
    verification.credential_accepted(taken, tried, Verified(account), 1800)
    return fresh(credential)


def test_a_new_secret_of_another_account_does_not_strand_rules(
    uma: User, resource: Resource, credential: Credential
) -> None:
    session = opened(uma, resource)
    serve()

    after = offer(credential, "210987654321")

    assert (after.account, after.candidate_status) == ("123456789012", "REJECTED")
    assert after.candidate_error == (
        "OtherAccount: rules are applied that only a secret of the account in use can remove"
    )
    assert (after.is_valid, state_of(session)) == (True, ("ACTIVE", None))
    assert after.due_at is not None, "the one that serves is checked again"
    [kept] = CredentialSecret.select()
    assert (kept.version, kept.state) == (1, secrets.CURRENT)


def test_a_secret_of_another_account_that_was_put_in_place_unverified_is_invalid(
    uma: User, resource: Resource, credential: Credential
) -> None:
    """Its rules can be removed when a secret of their account is there again."""
    opened(uma, resource)
    serve()

    after = accept(credential, "210987654321")

    assert (after.account, after.is_valid) == ("123456789012", False)
    assert str(after.verification_error).startswith("OtherAccount: ")
    assert fresh(resource).is_active is False


@pytest.mark.parametrize("account", ["123456789012", "210987654321"])
def test_a_new_secret_takes_over_where_it_strands_nothing(
    uma: User, resource: Resource, credential: Credential, account: str
) -> None:
    if account == "123456789012":
        opened(uma, resource)
        serve()

    after = offer(credential, account)

    assert (after.account, after.candidate_status, after.candidate_error) == (account, None, None)
    [kept] = CredentialSecret.select()
    assert (kept.version, kept.state) == (2, secrets.CURRENT)


def accept(credential: Credential, account: str) -> Credential:
    """The cloud accepts the secret that serves, as one of this account."""
    keep_secret(credential, 1, {"accessKeyId": "AKIAIOSFODNN7EXAMPLE"}, a_vault())
    make_due(credential)
    taken, tried = claim([Credential], list(Priority)), secret_to_try(credential.id)
    assert taken is not None and tried is not None
    verification.credential_accepted(taken, tried, Verified(account), 1800)
    return fresh(credential)


def test_a_credential_that_is_accepted_again_has_its_targets_looked_at(
    uma: User, resource: Resource, credential: Credential
) -> None:
    opened(uma, resource)
    serve()
    with write():
        Credential.update(is_valid=False).execute()
    before = Target.get().wanted_revision

    assert accept(credential, "123456789012").is_valid

    assert Target.get().wanted_revision == before + 1


def test_who_goes_back_to_where_he_was_is_let_in_there_although_it_was_closed_meanwhile(
    by_ada: Actor, uma: User, resource: Resource, settings: Settings
) -> None:
    """Else he would be left with a session that nothing belongs to, and that nothing would end."""
    v4, v6 = parse_network("81.2.69.142"), parse_network("2a00:1450:4001::1")
    by_ada = replace(by_ada, ip_address="81.2.69.142")
    session = opened(uma, resource, ipv4_address="81.2.69.142")
    serve()
    see(resource, Refused("InvalidGroup.NotFound", "there is no such group"))
    change_addresses(by_ada, session.id, WantedAddresses(ipv4_address=v4, ipv6_address=v6), settings)
    change_resource(by_ada, resource.id, {"config": {"port": 8443}})

    change_addresses(by_ada, session.id, WantedAddresses(ipv4_address=v4), settings)

    live = Grant.select().where(Grant.session_id == session.id, Grant.ended_at.is_null())
    assert [grant.address for grant in live] == ["81.2.69.142/32"]
    see(resource)
    serve()
    assert state_of(session) == ("ACTIVE", None)
    suspend("Acme")
    assert state_of(session)[1] == "ORGANIZATION_SUSPENDED"
