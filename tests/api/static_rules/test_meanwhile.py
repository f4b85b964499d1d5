"""Static rules that end while somebody opens something to them: what lets them in then ends too."""

import uuid

import pytest

from api.credentials.models import Credential
from api.database import clock
from api.resources.models import Resource
from api.targets.models import Grant, Target
from tests.api.conftest import Caller
from tests.api.static_rules.conftest import A_WHILE_SECONDS, expire, in_a_while, live, made, openable
from tests.locks import Other, just_before, waiting

# SQLite has one writer: nothing happens meanwhile.
pytestmark = pytest.mark.engines("postgresql")

ASKS_WHAT_IS_OPEN = 'SELECT "t1"."static_rule_id", "t1"."resource_id" FROM "grants"'


@pytest.fixture
def resource(credential: Credential) -> Resource:
    """One that nobody has seen yet: it cannot be opened, and so has no target that anybody could hold."""
    return openable(credential, is_active=False)


def change(admin: Caller, resource: Resource) -> None:
    answer = admin.patch(f"/resources/{resource.id}", json={"config": {"port": 8443}})
    assert answer.status_code == 200, answer.text


def test_one_that_is_deleted_while_its_resource_changes_lets_nobody_in(
    db: str, admin: Caller, resource: Resource
) -> None:
    path = f"/static-ip-rules/{made(admin, resource)['id']}"

    with just_before(db, ASKS_WHAT_IS_OPEN, lambda: admin.delete(path)) as deletion:
        change(admin, resource)

    assert deletion[0].result(30).status_code == 204
    assert live() == set()


def test_one_that_expires_while_its_resource_changes_lets_nobody_in(db: str, admin: Caller, resource: Resource) -> None:
    made(admin, resource, expiresAt=in_a_while())

    def its_time_is_up() -> None:
        clock.offset += A_WHILE_SECONDS * 1_000_000
        expire()

    with just_before(db, ASKS_WHAT_IS_OPEN, its_time_is_up) as end:
        change(admin, resource)

    end[0].result(30)
    expire()
    assert live() == set()


def test_one_is_taken_after_its_targets_as_whoever_ends_it_does(db: str, admin: Caller, credential: Credential) -> None:
    rule_id = made(admin, openable(credential))["id"]
    one = Other(db)
    one.lock("targets", Target.get().id)

    with waiting(lambda: admin.patch(f"/static-ip-rules/{rule_id}", json={"expiresAt": in_a_while()}), one) as done:
        one.lock("static_ip_rules", uuid.UUID(rule_id))

    assert done.result(10).status_code == 200


def test_one_that_is_deleted_is_taken_before_its_grants_as_whoever_ends_it_does(
    db: str, admin: Caller, resource: Resource
) -> None:
    rule_id = made(admin, resource)["id"]
    one = Other(db)
    one.lock("static_ip_rules", uuid.UUID(rule_id))

    with waiting(lambda: admin.delete(f"/static-ip-rules/{rule_id}"), one) as done:
        one.lock("grants", Grant.get().id)

    assert done.result(10).status_code == 204
    assert live() == set()


def test_a_change_of_a_resource_takes_its_static_rules_before_their_grants_too(
    db: str, admin: Caller, credential: Credential
) -> None:
    resource = openable(credential, config=None)
    rule_id = made(admin, resource)["id"]
    one = Other(db)
    one.lock("static_ip_rules", uuid.UUID(rule_id))

    with waiting(lambda: change(admin, resource), one) as done:
        one.lock("grants", Grant.get().id)

    done.result(10)
