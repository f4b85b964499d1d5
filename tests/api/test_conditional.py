"""If-Match: of many who read the same revision one may change it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from api.accounts.models import Organisation
from tests.api.conftest import PASSWORD, Caller
from tests.api.published import CREATE_CREDENTIAL
from tests.api.test_errors import check
from tests.rows import make_credential, make_resource

AWS = CREATE_CREDENTIAL["AWS"]


def test_of_many_at_once_one_changes_what_all_have_read(admin: Caller) -> None:
    created = admin.post("/credentials", json=AWS)
    path, condition = f"/credentials/{created.json['id']}", {"If-Match": created.headers["ETag"]}

    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda number: admin.patch(path, json={"name": f"name {number}"}, headers=condition), range(24))
        )

    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 23
    assert admin.get(path).headers["ETag"] == '"2"'


def test_who_is_told_that_somebody_was_quicker_learns_it_with_the_one_body(admin: Caller) -> None:
    created = admin.post("/credentials", json=AWS)
    path = f"/credentials/{created.json['id']}"

    for method in ("PATCH", "DELETE"):
        check(admin.ask(method, path, json={"name": "x"}, headers={"If-Match": '"7"'}), 412, "PRECONDITION_FAILED")

    assert admin.get(path).json["name"] == AWS["name"]


DEEDS = [("PATCH", "organization"), ("DELETE", "credentials"), ("PATCH", "resources"), ("DELETE", "resources")]


@pytest.mark.parametrize(("method", "room"), DEEDS)
def test_who_has_read_the_last_revision_may_change_it_and_nobody_else(admin: Caller, method: str, room: str) -> None:
    credential = make_credential(Organisation.get())
    paths = {"credentials": f"/credentials/{credential.id}", "resources": f"/resources/{make_resource(credential).id}"}
    path = paths.get(room, f"/{room}")
    body = {"name": "Renamed"} if method == "PATCH" else None

    assert conditional(admin, method, path, body) == (412, 2)


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("path", "wanted", "change"),
    [
        ("/roles", {"name": "On call"}, {"name": "Readers"}),
        ("/users", {"name": "Bo", "email": "bo@example.com", "password": PASSWORD}, {"name": "Bob"}),
        ("/static-ip-rules", {"label": "Office", "ipAddress": "203.0.113.7"}, {"label": "Home"}),
    ],
)
def test_so_may_who_has_made_it(
    admin: Caller, method: str, path: str, wanted: dict[str, Any], change: dict[str, Any]
) -> None:
    if path == "/static-ip-rules":
        wanted = {**wanted, "resourceIds": [str(make_resource(make_credential(Organisation.get())).id)]}
    made = admin.post(path, json=wanted)

    assert conditional(admin, method, f"{path}/{made.json['id']}", change if method == "PATCH" else None) == (412, 2)


def conditional(admin: Caller, method: str, path: str, body: Any) -> tuple[int, int]:
    """The status of a request by who read something else than the first revision; the kind of it by who read that."""
    refused = admin.ask(method, path, json=body, headers={"If-Match": '"7"'})
    done = admin.ask(method, path, json=body, headers={"If-Match": '"1"'})
    return refused.status_code, done.status_code // 100
