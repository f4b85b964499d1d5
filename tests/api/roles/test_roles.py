"""/roles: who may open what, as administrators say it."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from api.accounts.models import Organisation
from api.audit_log.models import AuditEntry
from api.database import current_time, write
from api.resources.models import Resource
from api.roles.models import Role, RoleApiKey, RoleResource, RoleUser
from tests.api.conftest import Caller, unknown_id
from tests.api.test_errors import check
from tests.rows import make_credential, make_resource

ON_CALL: dict[str, Any] = {"name": "On call", "description": "Who answers", "maxSessionDurationHours": 8}


def make_role(admin: Caller, **body: Any) -> dict[str, Any]:
    answer = admin.post("/roles", json={**ON_CALL, **body})
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json
    return shown


def resource_of(caller: Caller, **columns: Any) -> Resource:
    return make_resource(make_credential(Organisation.get_by_id(caller.user.organisation_id)), **columns)


def key_of(caller: Caller, **body: Any) -> dict[str, Any]:
    """A key of the caller's organisation."""
    wanted = {"name": "CI", "scopes": ["sessions:write"], "belongsTo": "ORGANIZATION", **body}
    made: dict[str, Any] = caller.post("/api-keys", json=wanted).json
    return made


def has_links() -> bool:
    """Whether anything is in any role."""
    return any(table.select().exists() for table in (RoleResource, RoleUser, RoleApiKey))


def events(kind: str) -> list[tuple[str, str | None, Any]]:
    rows = AuditEntry.select().where(AuditEntry.event_type.startswith(kind)).order_by(AuditEntry.position)
    return [(row.event_type, row.resource_id, row.details) for row in rows]


def test_a_role_is_made_shown_and_listed(admin: Caller) -> None:
    answer = admin.post("/roles", json=ON_CALL)

    shown = answer.json
    assert (answer.status_code, answer.headers["ETag"], shown["revision"]) == (201, '"1"', 1)
    assert {**shown, **ON_CALL, "resourceIds": [], "userIds": [], "apiKeyIds": []} == shown
    assert admin.get(f"/roles/{shown['id']}").json == shown
    assert admin.get("/roles").json == [shown]
    assert events("ROLE_") == [("ROLE_CREATE", shown["id"], None)]


def test_each_event_names_its_role(admin: Caller) -> None:
    shown = make_role(admin)
    admin.ask("PATCH", f"/roles/{shown['id']}", json={"description": "Who answers at night"})
    admin.delete(f"/roles/{shown['id']}")

    rows = AuditEntry.select().where(AuditEntry.event_type.startswith("ROLE_")).order_by(AuditEntry.position)
    assert [(row.event_type, row.resource_type, row.resource_id, row.resource_name) for row in rows] == [
        (f"ROLE_{deed}", "ROLE", shown["id"], "On call") for deed in ("CREATE", "UPDATE", "DELETE")
    ]


def test_a_name_is_enough(admin: Caller) -> None:
    shown = admin.post("/roles", json={"name": "Readers"}).json

    assert (shown["description"], shown["maxSessionDurationHours"]) == (None, None)


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(("changes", "field"), [
    ({"name": ""}, "name"),
    ({"name": "   "}, "name"),
    ({"name": None}, "name"),
    ({"name": "x" * 256}, "name"),
    ({"description": 1}, "description"),
    ({"maxSessionDurationHours": 0}, "maxSessionDurationHours"),
    ({"maxSessionDurationHours": 25}, "maxSessionDurationHours"),
    ({"maxSessionDurationHours": "8"}, "maxSessionDurationHours"),
    ({"maxSessionDurationHours": True}, "maxSessionDurationHours"),
    ({"resourceIds": []}, "resourceIds"),
])  # fmt: skip
def test_bad_input_names_the_field_and_makes_nothing(admin: Caller, changes: dict[str, Any], field: str) -> None:
    answer = admin.post("/roles", json={**ON_CALL, **changes})

    check(answer, 400, "VALIDATION_ERROR")
    assert field in answer.json["details"]
    assert not Role.select().exists()


def test_no_two_roles_of_an_organisation_have_one_name(admin: Caller, outsider: Caller) -> None:
    make_role(admin)
    other = make_role(admin, name="Readers")

    refusal = admin.post("/roles", json=ON_CALL)
    check(refusal, 409, "CONFLICT")
    assert refusal.json["message"].endswith("already. Change that one, or choose another name.")
    check(admin.patch(f"/roles/{other['id']}", json={"name": "On call"}), 409, "CONFLICT")
    assert admin.patch(f"/roles/{other['id']}", json={"name": "Readers"}).json["revision"] == 1
    make_role(outsider)


def test_of_many_at_once_one_gets_the_name(admin: Caller) -> None:
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: admin.post("/roles", json=ON_CALL).status_code, range(16)))

    assert sorted(statuses) == [201] + [409] * 15


def test_a_role_that_is_asked_for_twice_is_made_once(admin: Caller) -> None:
    once = {"Idempotency-Key": "once"}

    first, second = (admin.post("/roles", json=ON_CALL, headers=once) for _ in range(2))

    assert first.json == second.json
    assert Role.select().count() == 1


def test_a_change_moves_what_is_named_and_tells_which(admin: Caller) -> None:
    shown = make_role(admin)

    answer = admin.patch(f"/roles/{shown['id']}", json={"description": None, "maxSessionDurationHours": 4})

    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    assert (answer.json["description"], answer.json["maxSessionDurationHours"]) == (None, 4)
    assert admin.get(f"/roles/{shown['id']}").json == answer.json
    assert events("ROLE_UPDATE") == [
        ("ROLE_UPDATE", shown["id"], {"changed": ["description", "maxSessionDurationHours"]})
    ]


def test_what_is_the_same_is_no_change(admin: Caller) -> None:
    shown = make_role(admin)

    assert admin.patch(f"/roles/{shown['id']}", json=ON_CALL).json == shown
    assert events("ROLE_UPDATE") == []


def test_who_read_something_older_changes_nothing(admin: Caller, user: Caller) -> None:
    shown, resource, key = make_role(admin), resource_of(admin), key_of(admin)
    path, stale = f"/roles/{shown['id']}", {"If-Match": '"0"'}
    requests = [
        ("PATCH", path, {"name": "Other"}),
        ("PUT", f"{path}/resources/{resource.id}", None),
        ("DELETE", f"{path}/resources/{resource.id}", None),
        ("PUT", f"{path}/users/{user.user.id}", None),
        ("DELETE", f"{path}/users/{user.user.id}", None),
        ("PUT", f"{path}/api-keys/{key['id']}", None),
        ("DELETE", f"{path}/api-keys/{key['id']}", None),
        ("DELETE", path, None),
    ]

    for method, where, body in requests:
        check(admin.ask(method, where, json=body, headers=stale), 412, "PRECONDITION_FAILED")
    assert admin.get(path).json == shown


def test_a_role_holds_resources_users_and_keys(admin: Caller, user: Caller) -> None:
    shown, resource, key = make_role(admin), resource_of(admin), key_of(admin)
    path = f"/roles/{shown['id']}"

    with_resource = admin.ask("PUT", f"{path}/resources/{resource.id}", headers={"If-Match": '"1"'})
    with_user = admin.ask("PUT", f"{path}/users/{user.user.id}", headers={"If-Match": '"2"'})
    with_key = admin.ask("PUT", f"{path}/api-keys/{key['id']}", headers={"If-Match": '"3"'})

    assert (with_resource.status_code, with_resource.json["resourceIds"]) == (200, [str(resource.id)])
    assert (with_user.json["userIds"], with_user.headers["ETag"]) == ([str(user.user.id)], '"3"')
    assert (with_key.status_code, with_key.json["apiKeyIds"]) == (200, [key["id"]])
    assert (with_key.json["userIds"], with_key.headers["ETag"]) == ([str(user.user.id)], '"4"')
    assert admin.get("/roles").json == [with_key.json]
    assert events("ROLE_")[1:] == [
        ("ROLE_RESOURCE_ADD", shown["id"], {"resource": resource.name}),
        ("ROLE_USER_ADD", shown["id"], {"user": user.user.email}),
        ("ROLE_API_KEY_ADD", shown["id"], {"apiKey": "CI"}),
    ]


def test_what_a_role_holds_is_taken_away_again(admin: Caller, user: Caller) -> None:
    shown, resource, key = make_role(admin), resource_of(admin), key_of(admin)
    held = (f"resources/{resource.id}", f"users/{user.user.id}", f"api-keys/{key['id']}")
    links = [f"/roles/{shown['id']}/{link}" for link in held]
    for link in links:
        admin.ask("PUT", link)

    assert [admin.delete(link).status_code for link in links] == [204, 204, 204]

    now = admin.get(f"/roles/{shown['id']}").json
    assert (now["resourceIds"], now["userIds"], now["apiKeyIds"], now["revision"]) == ([], [], [], 7)
    assert events("ROLE_")[4:] == [
        ("ROLE_RESOURCE_REMOVE", shown["id"], {"resource": resource.name}),
        ("ROLE_USER_REMOVE", shown["id"], {"user": user.user.email}),
        ("ROLE_API_KEY_REMOVE", shown["id"], {"apiKey": "CI"}),
    ]


def test_what_is_taken_away_leaves_the_others_in_the_role(admin: Caller, user: Caller) -> None:
    shown = make_role(admin)
    resources = [str(resource_of(admin).id) for _ in range(2)]
    keys = [key_of(admin)["id"] for _ in range(2)]
    held = {"resources": resources, "users": [str(user.user.id), str(admin.user.id)], "api-keys": keys}
    for collection, ids in held.items():
        for each in ids:
            admin.ask("PUT", f"/roles/{shown['id']}/{collection}/{each}")

    for collection, (gone, _) in held.items():
        admin.delete(f"/roles/{shown['id']}/{collection}/{gone}")

    left = admin.get(f"/roles/{shown['id']}").json
    assert [left["resourceIds"], left["userIds"], left["apiKeyIds"]] == [[ids[1]] for ids in held.values()]


def test_twice_is_as_good_as_once(admin: Caller, user: Caller) -> None:
    shown, resource, key = make_role(admin), resource_of(admin), key_of(admin)
    for link in (f"resources/{resource.id}", f"users/{user.user.id}", f"api-keys/{key['id']}"):
        path = f"/roles/{shown['id']}/{link}"
        assert [admin.ask(method, path).status_code for method in ("PUT", "PUT", "DELETE", "DELETE")] == [
            *(200, 200, 204, 204)
        ]

    assert admin.get(f"/roles/{shown['id']}").json["revision"] == 7
    assert len(events("ROLE_")) == 7


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("kind", ["unknown", "malformed", "another organisation's"])
def test_what_is_not_there_is_neither_given_nor_taken(
    admin: Caller, outsider: Caller, user: Caller, method: str, kind: str
) -> None:
    shown, mine, key = make_role(admin), resource_of(admin), key_of(admin)
    theirs = {
        "resources": str(resource_of(outsider).id),
        "users": str(outsider.user.id),
        "api-keys": key_of(outsider)["id"],
        "roles": make_role(outsider)["id"],
    }
    named = {
        collection: {"unknown": unknown_id(), "malformed": "nonsense", "another organisation's": foreign}[kind]
        for collection, foreign in theirs.items()
    }
    codes = {"resources": "RESOURCE_NOT_FOUND", "users": "USER_NOT_FOUND", "api-keys": "API_KEY_NOT_FOUND"}
    for collection, code in codes.items():
        check(admin.ask(method, f"/roles/{shown['id']}/{collection}/{named[collection]}"), 404, code)
    for own in (f"resources/{mine.id}", f"users/{user.user.id}", f"api-keys/{key['id']}"):
        check(admin.ask(method, f"/roles/{named['roles']}/{own}"), 404, "ROLE_NOT_FOUND")
    assert not has_links()


def test_a_users_key_has_no_role_of_its_own(admin: Caller) -> None:
    shown, key = make_role(admin), key_of(admin, belongsTo="USER")
    path = f"/roles/{shown['id']}/api-keys/{key['id']}"

    answer = admin.ask("PUT", path)

    check(answer, 400, "VALIDATION_ERROR")
    assert "Give the role to the user." in answer.json["message"]
    assert admin.delete(path).status_code == 204
    assert admin.get(f"/roles/{shown['id']}").json == shown


def test_a_revoked_key_is_in_no_role_and_is_given_none(admin: Caller) -> None:
    shown, key, other = make_role(admin), key_of(admin), key_of(admin)
    path = f"/roles/{shown['id']}/api-keys"
    for each in (key, other):
        admin.ask("PUT", f"{path}/{each['id']}")

    assert admin.delete(f"/api-keys/{key['id']}").status_code == 204

    assert admin.get(f"/roles/{shown['id']}").json["apiKeyIds"] == [other["id"]]
    for method in ("PUT", "DELETE"):
        check(admin.ask(method, f"{path}/{key['id']}"), 404, "API_KEY_NOT_FOUND")


def test_what_is_being_deleted_is_given_to_nobody(admin: Caller) -> None:
    shown, going = make_role(admin), resource_of(admin, deleting_since=current_time())

    check(admin.ask("PUT", f"/roles/{shown['id']}/resources/{going.id}"), 409, "CONFLICT")


def test_a_deleted_role_leaves_nothing(admin: Caller, user: Caller) -> None:
    shown, resource = make_role(admin), resource_of(admin)
    admin.ask("PUT", f"/roles/{shown['id']}/resources/{resource.id}")
    admin.ask("PUT", f"/roles/{shown['id']}/users/{user.user.id}")
    admin.ask("PUT", f"/roles/{shown['id']}/api-keys/{key_of(admin)['id']}")

    assert admin.delete(f"/roles/{shown['id']}").status_code == 204

    gone = admin.get(f"/roles/{shown['id']}")
    check(gone, 404, "ROLE_NOT_FOUND")
    assert gone.json["message"] == f"Role with ID {shown['id']} not found"
    assert not has_links()
    assert events("ROLE_DELETE") == [("ROLE_DELETE", shown["id"], None)]
    assert admin.get(f"/users/{user.user.id}").status_code == admin.get(f"/resources/{resource.id}").status_code == 200


def test_who_is_gone_is_in_no_role(admin: Caller, user: Caller) -> None:
    shown, resource = make_role(admin), resource_of(admin)
    admin.ask("PUT", f"/roles/{shown['id']}/resources/{resource.id}")
    admin.ask("PUT", f"/roles/{shown['id']}/users/{user.user.id}")

    assert admin.delete(f"/users/{user.user.id}").status_code == 204
    assert admin.delete(f"/resources/{resource.id}").status_code == 204

    now = admin.get(f"/roles/{shown['id']}").json
    assert (now["resourceIds"], now["userIds"]) == ([], [])


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_stranger_cannot_tell_a_role_from_nothing(admin: Caller, outsider: Caller, method: str) -> None:
    theirs = make_role(admin)["id"]

    answer = outsider.ask(method, f"/roles/{theirs}", json={"name": "x"} if method == "PATCH" else None)

    check(answer, 404, "ROLE_NOT_FOUND")
    assert outsider.get("/roles").json == []
    assert admin.get(f"/roles/{theirs}").status_code == 200


def test_a_user_gives_himself_no_role(admin: Caller, user: Caller) -> None:
    shown = make_role(admin)

    check(user.ask("PUT", f"/roles/{shown['id']}/users/{user.user.id}"), 403, "FORBIDDEN")
    check(user.ask("PUT", f"/roles/{shown['id']}/api-keys/{key_of(admin)['id']}"), 403, "FORBIDDEN")
    check(user.get("/roles"), 403, "FORBIDDEN")
    check(user.post("/roles", json=ON_CALL), 403, "FORBIDDEN")


def test_roles_come_in_pages(admin: Caller) -> None:
    names = [f"role {number}" for number in range(3)]
    for name in names:
        make_role(admin, name=name)

    first = admin.get("/roles?limit=2")
    link = first.headers["Link"].partition(">")[0].removeprefix("</api/v1")

    assert [role["name"] for role in (*first.json, *admin.get(link).json)] == names


def test_an_organisation_that_is_full_of_roles_shows_each_with_its_own(admin: Caller) -> None:
    resources = [resource_of(admin) for _ in range(3)]
    for number, resource in enumerate(resources):
        role_id = make_role(admin, name=str(number))["id"]
        with write():
            RoleResource.create(
                organisation_id=resource.organisation_id, role_id=uuid.UUID(role_id), resource_id=resource.id
            )

    assert [role["resourceIds"] for role in admin.get("/roles").json] == [[str(each.id)] for each in resources]
