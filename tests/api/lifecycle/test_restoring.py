"""What becomes of a copy: it goes on in the original's place, or leaves the original's rules to it."""

from collections.abc import Callable

import pytest

from api.accounts.models import Organisation, User
from api.actor import Actor
from api.credentials.models import Credential
from api.database import write
from api.due import Priority
from api.installation import identity, is_undecided
from api.lifecycle.restoring import adopt, start_anew
from api.resources.models import Resource
from api.sessions import service as sessions
from api.static_rules.models import StaticRule
from api.targets.models import Grant, Target
from tests.api.accounts.acting import another_organisation, tells, told
from tests.api.lifecycle.conftest import events, openable, opened, person, rules_left, serve, state_of, static_rule
from tests.api.lifecycle.test_changing import see
from tests.rows import make_credential

pytestmark = pytest.mark.usefixtures("restores")


@pytest.fixture
def other(by_ada: Actor) -> Organisation:
    return another_organisation()


def let_in_by(rule: StaticRule) -> list[str]:
    """What a static rule lets in as."""
    live = Grant.select().where(Grant.static_rule_id == rule.id, Grant.ended_at.is_null())
    return [grant.status for grant in live]


@pytest.mark.parametrize(("deed", "how"), [(adopt, "adopted"), (start_anew, "newInstallation")])
def test_each_organisation_is_told(by_ada: Actor, other: Organisation, deed: Callable[[], None], how: str) -> None:
    before = len(events("ORGANIZATION_UPDATE"))

    deed()

    expected = [
        tells(Actor.system(each), "ORGANIZATION_UPDATE", ("ORGANIZATION", each, name), details={"restored": how})
        for each, name in ((by_ada.organisation_id, "Acme"), (other.id, "Other"))
    ]
    assert [told(event) for event in events("ORGANIZATION_UPDATE")[before:]] in (expected, expected[::-1])


def test_what_is_adopted_stays_as_it_is_and_is_compared_at_once(by_ada: Actor, uma: User, resource: Resource) -> None:
    session, rule, was = opened(uma, resource), static_rule(resource, address="81.2.69.143"), identity()
    serve()

    adopt()

    assert (identity(), is_undecided()) == (was, False)
    assert (state_of(session), let_in_by(rule)) == (("ACTIVE", None), ["APPLIED"])
    assert (Target.get().due_at is not None, Target.get().due_priority) == (True, Priority.REVOKE)


def test_what_nobody_could_look_at_is_looked_at_when_it_is_active_again(
    resource: Resource, credential: Credential
) -> None:
    barred = openable(credential, is_active=False)
    adopt()
    serve()
    with write():
        Target.update(due_at=None).execute()

    see(barred)

    [due] = Target.select().where(Target.due_at.is_null(False))
    assert (due.identifier, due.due_priority) == (barred.resource_identifier, Priority.REVOKE)


def test_what_has_been_active_all_along_is_not_looked_at_whenever_it_is_seen(
    by_ada: Actor, uma: User, resource: Resource
) -> None:
    sessions.stop(by_ada, opened(uma, resource).id)
    serve()

    see(resource)

    assert (Target.get().listed_at, Target.get().due_at) == (None, None)


def test_a_new_installation_ends_sessions_and_lets_static_rules_in_by_rules_of_its_own(
    by_ada: Actor, uma: User, resource: Resource
) -> None:
    stopped, standing = opened(uma, resource), opened(uma, resource, address="81.2.69.143")
    rule, was = static_rule(resource, address="81.2.69.144"), identity()
    serve()
    sessions.stop(by_ada, stopped.id)
    assert state_of(stopped) == ("EXPIRING", "MANUAL")

    start_anew()

    assert identity() not in (was, None) and not is_undecided()
    assert (state_of(stopped), state_of(standing)) == (("CANCELLED", "MANUAL"), ("CANCELLED", "MANUAL"))
    assert (let_in_by(rule), rules_left()) == (["PENDING"], 1)
    serve()
    assert let_in_by(rule) == ["APPLIED"]


def test_each_session_is_ended_in_the_name_of_its_own_organisation(
    uma: User, resource: Resource, other: Organisation
) -> None:
    eve = person(other)
    open_there = opened(eve, openable(make_credential(other, is_valid=True)))
    open_here = opened(uma, resource)

    start_anew()

    expected = [
        tells(
            Actor.system(who.organisation_id),
            "SESSION_STOP",
            ("SESSION", session.id, who.name),
            details={"endedReason": "MANUAL"},
        )
        for session, who in ((open_here, uma), (open_there, eve))
    ]
    assert [told(event) for event in events("SESSION_STOP")] in (expected, expected[::-1])
