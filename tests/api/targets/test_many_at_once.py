"""Asking for many rules in one go, and giving many up: each is what it would be alone."""

import itertools
from ipaddress import ip_network

import pytest

from api.accounts.models import Organisation
from api.credentials.models import Credential
from api.database import current_time, write
from api.due import Priority
from api.resources.models import Resource
from api.sessions.models import Session
from api.targets import service as targets
from api.targets.holding import Held
from api.targets.models import Grant, Rule, Target
from api.targets.service import Asked
from tests.proof.statements import heard
from tests.rows import end_grants, make_credential, make_organisation, make_resource, make_session

pytestmark = pytest.mark.usefixtures("db")

ADDRESSES = [ip_network(address) for address in ("81.2.69.142", "2001:db8::7")]


@pytest.fixture
def credential(db: str) -> Credential:
    return make_credential(make_organisation(), is_valid=True, account="123456789012")


def alike(credential: Credential) -> Credential:
    """Another one of the same account."""
    organisation = Organisation.get_by_id(credential.organisation_id)
    return make_credential(organisation, is_valid=True, account=credential.account)


def openable(credential: Credential, identifier: str) -> Resource:
    return make_resource(credential, is_active=True, config={"port": 443}, resource_identifier=identifier)


def grants_of(session: Session) -> list[Grant]:
    return targets.grants_of([session.id])[session.id]


def added() -> None:
    """A worker has put every rule in its cloud."""
    with write():
        Rule.update(is_added=True, is_seen=True).execute()
        Grant.update(status="APPLIED").where(Grant.ended_at.is_null()).execute()
        Target.update(due_at=None).execute()


def test_grants_are_shown_in_the_order_in_which_they_were_asked_for(credential: Credential) -> None:
    session = make_session(credential.organisation_id)
    resources = [openable(credential, f"sg-{number}") for number in reversed(range(6))]
    asked = list(itertools.product(resources, ADDRESSES))

    with write():
        targets.grant(
            *(Asked(resource, address, session_id=session.id) for resource, address in asked),
            held=targets.hold(resources),
        )

    shown = [(one.resource_id, one.address) for one in grants_of(session)]
    assert shown == [(resource.id, str(address)) for resource, address in asked]
    assert all(one.created_at <= current_time() for one in grants_of(session))
    assert {one.rule_id for one in grants_of(session)} == {rule.id for rule in Rule.select()}
    assert {(rule.target_id, rule.address) for rule in Rule.select()} == {
        (target.id, str(address)) for target in Target.select() for address in ADDRESSES
    }


def test_each_grant_has_the_rule_of_its_own_resource_and_address(credential: Credential) -> None:
    resources = [openable(credential, f"sg-{number}") for number in range(4)]
    session = make_session(credential.organisation_id, *resources)

    for one in grants_of(session):
        rule = Rule.get_by_id(one.rule_id)
        assert Target.get_by_id(rule.target_id).identifier == Resource.get_by_id(one.resource_id).resource_identifier
        assert rule.address == one.address


def test_two_resources_of_one_session_on_one_object_share_a_rule_and_the_first_ones_credential(
    credential: Credential,
) -> None:
    first, second = openable(credential, "sg-1"), openable(alike(credential), "sg-1")

    session = make_session(credential.organisation_id, first, second)

    rule = Rule.get()
    assert {one.rule_id for one in grants_of(session)} == {rule.id}
    assert rule.credential_id == credential.id
    assert Target.get().credential_id == second.credential_id, "the one that was used last"


def test_whoever_joins_a_rule_that_nobody_wants_any_more_has_it_worked_on_with_his_credential(
    credential: Credential,
) -> None:
    gone = make_session(credential.organisation_id, openable(credential, "sg-1"))
    added()
    end_grants(Grant.session_id == gone.id)
    other = alike(credential)

    make_session(credential.organisation_id, openable(other, "sg-1"))

    assert Rule.get().credential_id == other.id
    assert Target.get().credential_id == other.id


def test_whoever_joins_a_rule_that_somebody_wants_leaves_it_to_his_credential(credential: Credential) -> None:
    make_session(credential.organisation_id, openable(credential, "sg-1"))

    make_session(credential.organisation_id, openable(alike(credential), "sg-1"))

    assert Rule.get().credential_id == credential.id


def test_what_ends_together_ends_each_in_its_own_way(credential: Credential) -> None:
    kept, going, never_added = (openable(credential, name) for name in ("sg-kept", "sg-going", "sg-never"))
    keeper = make_session(credential.organisation_id, kept)
    make_session(credential.organisation_id, kept)
    session = make_session(credential.organisation_id, kept, going)
    added()
    failed = make_resource(credential)
    with write():
        more = never_added, failed
        asked = (Asked(each, ADDRESSES[0], session_id=session.id) for each in more)
        targets.grant(*asked, held=targets.hold(more))
        Target.update(due_at=None).execute()

    assert end_grants(Grant.session_id == session.id) == {session.id}

    ended = {one.resource_id: one for one in grants_of(session)}
    told = {each: (ended[each].status, ended[each].kept_by, ended[each].rule_id is None) for each in ended}
    assert told == {
        kept.id: ("REMOVED", keeper.id, False),
        going.id: ("REMOVING", None, False),
        never_added.id: ("REMOVED", None, True),
        failed.id: ("REMOVED", None, True),
    }
    assert {each: one.removed_at is None for each, one in ended.items() if one.status == "REMOVING"} == {going.id: True}
    assert all(one.ended_at and one.error is None for one in ended.values())
    assert {each.identifier: each.due_priority for each in Target.select().where(Target.due_at.is_null(False))} == {
        "sg-going": Priority.REVOKE
    }
    assert Rule.select().count() == 2
    assert {one.status for one in grants_of(keeper)} == {"APPLIED"}


@pytest.mark.engines("postgresql")
def test_a_target_that_its_holder_did_not_know_of_is_locked_before_its_rule_is_looked_at(
    credential: Credential,
) -> None:
    """What could not be asked for at first got its rule while somebody waited for the other targets."""
    session = make_session(credential.organisation_id, openable(credential, "sg-1"))
    added()

    with write(), heard() as statements:
        targets.end(Grant.session_id == session.id, Held(frozenset(), {}))

    lock = next(place for place, text in enumerate(statements) if 'FROM "targets"' in text and "FOR NO KEY" in text)
    looks = [place for place, text in enumerate(statements) if text.startswith("SELECT") and 'FROM "rules"' in text]
    assert lock < max(looks)
    assert Target.get().due_priority == Priority.REVOKE
