"""Who is deleted while they are given a role."""

import pytest

from tests.api.conftest import Caller
from tests.api.roles.test_roles import has_links, make_role
from tests.api.test_errors import check
from tests.locks import just_before

# SQLite has one writer: nothing happens meanwhile.
pytestmark = pytest.mark.engines("postgresql")


LOCKS_THE_ORGANISATION = 'SELECT "t1"."id" FROM "organisations"'


def test_a_user_who_is_deleted_meanwhile_is_not_found(db: str, admin: Caller, user: Caller) -> None:
    path = f"/roles/{make_role(admin)['id']}/users/{user.user.id}"

    with just_before(db, LOCKS_THE_ORGANISATION, lambda: admin.delete(f"/users/{user.user.id}")) as deletion:
        answer = admin.ask("PUT", path)

    assert deletion[0].result(30).status_code == 204
    check(answer, 404, "USER_NOT_FOUND")
    assert not has_links()
