"""Static rules that end while somebody opens something to them: what lets them in then ends too."""

import pytest

from api.credentials.models import Credential
from api.database import clock
from api.resources.models import Resource
from tests.api.conftest import Caller
from tests.api.static_rules.conftest import A_WHILE_SECONDS, expire, in_a_while, live, made, openable
from tests.locks import just_before

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
