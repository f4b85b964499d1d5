"""What a verdict about a resource or a credential means for who waits to be let in."""

from api.accounts.models import User
from api.actor import Actor
from api.clouds.base import Refused
from api.credentials.models import Credential
from api.lifecycle.changing import change_resource
from api.targets.models import Grant
from tests.api.lifecycle.conftest import openable, opened, state_of, static_rule
from tests.api.lifecycle.test_changing import see

NOT_THERE = Refused("InvalidGroup.NotFound", "there is no such group")


def said() -> set[tuple[str, str | None]]:
    """What is shown of all who wait."""
    return {(grant.status, grant.error) for grant in Grant.select().where(Grant.ended_at.is_null())}


def test_who_waits_is_told_what_the_cloud_says_by_now(uma: User, credential: Credential) -> None:
    resource, other = openable(credential, is_active=False), openable(credential, is_active=False)
    waiting = opened(uma, resource, other)
    static_rule(resource, address="81.2.69.143")
    assert said() == {("FAILED", "the resource has not been verified yet")}

    see(resource, NOT_THERE)

    seen = Grant.select().where(Grant.resource_id == resource.id)
    assert {(grant.status, grant.error) for grant in seen} == {("FAILED", str(NOT_THERE))}
    assert Grant.get(Grant.resource_id == other.id).error == "the resource has not been verified yet"
    assert state_of(waiting) == ("FAILED", None)


def test_who_waits_is_told_what_a_change_has_put_in_the_way(by_ada: Actor, uma: User, credential: Credential) -> None:
    resource = openable(credential, is_active=False)
    opened(uma, resource)

    change_resource(by_ada, resource.id, {"config": None})
    see(resource)

    assert said() == {("FAILED", "the resource's config names no port, so nothing says what to open")}
