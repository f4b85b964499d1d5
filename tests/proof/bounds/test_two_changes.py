"""Two that change one object at the same moment: who names its revision is told that it moved, and nothing is lost."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.api.published import CREATE_CREDENTIAL, CREATE_RESOURCE
from tests.proof.bounds.conftest import Asking, at_once
from tests.proof.ledger import proven
from tests.served_api import PASSWORD

pytestmark = pytest.mark.engines("sqlite", "postgresql")

ROUNDS = 8


def a_credential(admin: Asking) -> tuple[str, str]:
    return f"/credentials/{admin.make('/credentials', CREATE_CREDENTIAL['AWS'])['id']}", "CREDENTIAL_UPDATE"


def a_resource(admin: Asking) -> tuple[str, str]:
    credential = admin.make("/credentials", CREATE_CREDENTIAL["AWS"])
    made = admin.make("/resources", {**CREATE_RESOURCE, "credentialId": credential["id"]})
    return f"/resources/{made['id']}", "RESOURCE_UPDATE"


def a_user(admin: Asking) -> tuple[str, str]:
    body = {"email": "uma@example.com", "name": "Uma", "password": PASSWORD, "role": "USER"}
    return f"/users/{admin.make('/users', body)['id']}", "USER_UPDATE"


def an_organisation(_: Asking) -> tuple[str, str]:
    return "/organization", "ORGANIZATION_UPDATE"


@pytest.mark.parametrize("make", [a_credential, a_resource, a_user, an_organisation], ids=lambda make: make.__name__)
def test_two_changes_at_once(admin: Asking, engine: str, make: Callable[[Asking], tuple[str, str]]) -> None:
    path, event = make(admin)
    told = events(admin, event, shown(admin, path)["id"])
    for number in range(ROUNDS):
        before = shown(admin, path)
        seen = f'"{before["revision"]}"'
        answers = at_once(
            [partial(admin.ask, "PATCH", path, {"name": f"{number} {who}"}, If_Match=seen) for who in ("a", "b")]
        )

        assert Counter(status for status, _ in answers) == {200: 1, 412: 1}
        [won] = [answer for status, answer in answers if status == 200]
        [lost] = [answer for status, answer in answers if status == 412]
        now = shown(admin, path)
        assert lost["error"] == "PRECONDITION_FAILED"
        assert (now["name"], now["revision"]) == (won["name"], before["revision"] + 1)
        assert events(admin, event, now["id"]) == told + 3 * number + 1

        answers = at_once([partial(admin.ask, "PATCH", path, {"name": f"{number} {who}"}) for who in ("c", "d")])

        assert [status for status, _ in answers] == [200, 200]
        assert shown(admin, path)["revision"] == before["revision"] + 3
        assert {answer["revision"] for _, answer in answers} == {before["revision"] + 2, before["revision"] + 3}
        assert events(admin, event, now["id"]) == told + 3 * number + 3

    tested = f"two PATCHes at once of {make.__name__.replace('_', ' ')}, {engine}"
    proven("BOUNDS", tested, f"{ROUNDS} rounds: with one If-Match 200 and 412, without it both, each with its event")


def test_a_change_and_a_deletion_at_once_leave_nothing_behind(admin: Asking) -> None:
    for _ in range(ROUNDS):
        path, _ = a_credential(admin)
        answers = at_once([partial(admin.ask, "PATCH", path, {"name": "changed"}), partial(admin.ask, "DELETE", path)])

        assert (answers[0][0], answers[1][0]) in ((200, 204), (404, 204))
        assert admin.ask("GET", path)[0] == 404


def shown(admin: Asking, path: str) -> dict[str, Any]:
    status, answer = admin.ask("GET", path)
    assert status == 200
    found: dict[str, Any] = answer
    return found


def events(admin: Asking, kind: str, object_id: str) -> int:
    _, logged = admin.ask("GET", f"/audit-logs?eventType={kind}&limit=500")
    return sum(event["resourceId"] == object_id for event in logged)
