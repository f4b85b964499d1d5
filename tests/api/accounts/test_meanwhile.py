"""Who is demoted, revoked or suspended while they change something: nothing of it is done that outlives that."""

from collections.abc import Callable
from typing import Any

import pytest

from api.accounts.models import ApiKey, User
from api.lifecycle.suspension import suspend
from api.static_rules.models import StaticRule
from tests.api.accounts.acting import administrator
from tests.api.conftest import PASSWORD, Caller, sign_in
from tests.api.roles.test_meanwhile import LOCKS_THE_ORGANISATION
from tests.api.roles.test_roles import has_links, make_role, resource_of
from tests.api.sessions.conftest import make_pipeline
from tests.api.test_errors import check
from tests.locks import just_before

# SQLite has one writer: nothing happens meanwhile.
pytestmark = pytest.mark.engines("postgresql")

Deed = Callable[[Caller], Any]


@pytest.fixture
def boss(admin: Caller) -> Caller:
    """Another administrator."""
    return sign_in(admin.client, administrator("boss@example.com"))


def become_one_again(boss: Caller) -> Any:
    return boss.patch(f"/users/{boss.user.id}", json={"role": "ORG_ADMIN", "name": "Boss"})


def add_an_administrator(boss: Caller) -> Any:
    body = {"email": "eve@example.com", "name": "Eve", "role": "ORG_ADMIN", "password": PASSWORD}
    return boss.post("/users", json=body)


def add_somebody(boss: Caller) -> Any:
    return boss.post("/users", json={"email": "bo@example.com", "name": "Bo", "role": "USER", "password": PASSWORD})


def make_a_key(boss: Caller) -> Any:
    return boss.post("/api-keys", json={"name": "CI", "scopes": ["users:write"], "belongsTo": "ORGANIZATION"})


def let_an_address_in(boss: Caller) -> Any:
    resource = resource_of(boss)
    body = {"label": "Home", "ipAddress": "81.2.69.142", "resourceIds": [str(resource.id)]}
    return boss.post("/static-ip-rules", json=body)


@pytest.mark.parametrize("deed", [become_one_again, add_an_administrator, make_a_key, let_an_address_in])
def test_who_is_demoted_meanwhile_changes_nothing(db: str, admin: Caller, boss: Caller, deed: Deed) -> None:
    with just_before(
        db, LOCKS_THE_ORGANISATION, lambda: admin.patch(f"/users/{boss.user.id}", json={"role": "USER"})
    ) as demotion:
        answer = deed(boss)

    assert demotion[0].result(30).status_code == 200
    check(answer, 403, "FORBIDDEN")
    assert [user.id for user in User.select().where(User.role == "ORG_ADMIN")] == [admin.user.id]
    assert not ApiKey.select().exists() and not StaticRule.select().exists()


def test_who_is_demoted_meanwhile_takes_no_role(db: str, admin: Caller, boss: Caller) -> None:
    path = f"/roles/{make_role(admin)['id']}/users/{boss.user.id}"

    with just_before(db, LOCKS_THE_ORGANISATION, lambda: admin.patch(f"/users/{boss.user.id}", json={"role": "USER"})):
        answer = boss.ask("PUT", path)

    check(answer, 403, "FORBIDDEN")
    assert not has_links()


def test_who_is_deactivated_meanwhile_changes_nothing(db: str, admin: Caller, boss: Caller) -> None:
    with just_before(
        db, LOCKS_THE_ORGANISATION, lambda: admin.patch(f"/users/{boss.user.id}", json={"isActive": False})
    ):
        answer = add_an_administrator(boss)

    check(answer, 401, "UNAUTHORIZED")
    assert User.select().count() == 2


@pytest.mark.parametrize("deed", [make_a_key, add_somebody, let_an_address_in])
def test_a_key_that_is_revoked_meanwhile_makes_nothing(db: str, admin: Caller, deed: Deed) -> None:
    key = make_pipeline(admin, "api-keys:write", "users:write", "static-rules:write")

    with just_before(db, LOCKS_THE_ORGANISATION, lambda: admin.delete(f"/api-keys/{key.key_id}")) as revocation:
        answer = deed(key)

    assert revocation[0].result(30).status_code == 204
    check(answer, 401, "UNAUTHORIZED")
    assert not ApiKey.select().where(ApiKey.revoked_at.is_null()).exists()
    assert User.select().count() == 1 and not StaticRule.select().exists()


def test_who_is_suspended_meanwhile_changes_nothing(db: str, admin: Caller) -> None:
    with just_before(db, LOCKS_THE_ORGANISATION, lambda: suspend("acme")) as suspension:
        answer = add_somebody(admin)

    assert suspension[0].result(30).suspended_at is not None
    check(answer, 401, "UNAUTHORIZED")
    assert User.select().count() == 1
