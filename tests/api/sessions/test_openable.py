"""What somebody may open, as GET /sessions/resources lists it."""

import uuid
from typing import Any

import pytest

from api.accounts.models import Organisation
from api.credentials.models import Credential
from api.database import current_time, write
from api.resources.models import Resource
from tests.api.conftest import BASE, Caller
from tests.api.sessions.conftest import MakeRole, Pipeline, make_pipeline, openable, start, started
from tests.api.test_errors import check
from tests.proof.statements import heard

PATH = "/sessions/resources"


def listed(caller: Caller) -> dict[str, Any]:
    """What the caller may open, by name."""
    answer = caller.get(PATH)
    assert answer.status_code == 200, answer.text
    return {shown["name"]: shown for shown in answer.json}


def test_a_user_sees_what_their_roles_name_and_for_how_long(
    user: Caller, credential: Credential, make_role: MakeRole
) -> None:
    database, web, _ = (openable(credential, name=name) for name in ("production-db", "web", "not theirs"))
    make_role([user], [database, web], hours=2)
    make_role([user], [web], hours=8)

    shown = listed(user)

    assert {name: one["maxDurationMinutes"] for name, one in shown.items()} == {"production-db": 120, "web": 480}
    assert shown["web"] == {
        "id": str(web.id),
        "name": "web",
        "provider": "AWS",
        "isActive": True,
        "maxDurationMinutes": 480,
        "obstacle": None,
    }


@pytest.mark.engines("sqlite")
def test_who_has_no_role_may_open_nothing(user: Caller, pipeline: Pipeline, resource: Resource) -> None:
    assert listed(user) == listed(pipeline) == {}


def test_an_administrator_and_his_key_may_open_everything(admin: Caller, client: Any, credential: Credential) -> None:
    names = {openable(credential).name for _ in range(2)}
    made = admin.post("/api-keys", json={"name": "laptop", "scopes": ["sessions:read"]}).json
    his = {"X-API-Key": made["plainTextKey"]}

    assert set(listed(admin)) == names
    assert {shown["name"] for shown in client.get(f"{BASE}{PATH}", headers=his).json} == names


def test_a_key_of_the_organisation_sees_what_its_roles_name_and_for_how_long(
    pipeline: Pipeline, credential: Credential, make_role: MakeRole
) -> None:
    database, _ = openable(credential, name="production-db"), openable(credential)
    make_role([pipeline], [database], hours=2)

    assert {name: one["maxDurationMinutes"] for name, one in listed(pipeline).items()} == {"production-db": 120}


@pytest.mark.engines("sqlite")
def test_a_key_without_the_scope_and_a_stranger_are_told_nothing(admin: Caller, client: Any) -> None:
    check(make_pipeline(admin, "sessions:write").get(PATH), 403, "FORBIDDEN")
    check(client.get(f"{BASE}{PATH}"), 401, "UNAUTHORIZED")


@pytest.mark.engines("sqlite")
def test_another_organisations_resources_are_in_nobodys_list(resource: Resource, outsider: Caller) -> None:
    assert listed(outsider) == {}


def test_the_list_goes_by_name_whatever_its_letters(admin: Caller, credential: Credential) -> None:
    for name in ("web", "Älter", "Database", "api", "web"):
        openable(credential, name=name)

    assert [shown["name"] for shown in admin.get(PATH).json] == ["api", "Database", "web", "web", "Älter"]


def test_the_longest_time_is_the_one_that_a_session_is_held_to(
    user: Caller, admin: Caller, credential: Credential, make_role: MakeRole
) -> None:
    short, usual = (
        openable(credential, name=name, max_session_minutes=most) for name, most in (("s", 30), ("u", None))
    )
    make_role([user], [short, usual])

    for caller, name in ((user, "s"), (user, "u"), (admin, "s")):
        one = listed(caller)[name]
        longest = one["maxDurationMinutes"]
        refused = start(caller, resourceIds=[one["id"]], durationMinutes=longest + 1)
        assert (refused.status_code, refused.json["maxDurationMinutes"]) == (400, longest)
        assert started(caller, resourceIds=[one["id"]], durationMinutes=longest)


@pytest.mark.engines("sqlite")
def test_a_free_tier_limits_everybody(admin: Caller, organisation: Organisation, resource: Resource) -> None:
    with write():
        Organisation.update(tier="FREE").where(Organisation.id == organisation.id).execute()

    assert listed(admin)[resource.name]["maxDurationMinutes"] == 120


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"is_active": False}, "the resource has not been verified yet"),
        ({"is_active": False, "verification_error": "InvalidGroup.NotFound: gone"}, "InvalidGroup.NotFound: gone"),
        ({"config": None}, "the resource's config names no port, so nothing says what to open"),
    ],
)
def test_what_cannot_be_opened_now_says_why_in_the_words_of_a_session(
    admin: Caller, credential: Credential, columns: dict[str, Any], why: str
) -> None:
    resource = openable(credential, **columns)

    shown = listed(admin)[resource.name]

    assert (shown["isActive"], shown["obstacle"]) == (resource.is_active, why)
    assert started(admin)["resourceIps"][0]["errorMessage"] == why


@pytest.mark.engines("sqlite")
def test_what_is_being_deleted_is_listed_with_that_reason(admin: Caller, credential: Credential) -> None:
    resource = openable(credential, deleting_since=current_time())

    assert listed(admin)[resource.name]["obstacle"] == "the resource is being deleted"


def test_the_list_is_two_questions_to_the_database_however_long_it_is(
    user: Caller, credential: Credential, make_role: MakeRole
) -> None:
    make_role([user], [openable(credential)])
    with heard() as first:
        listed(user)
    make_role([user], [openable(credential, name=str(number)) for number in range(20)])
    with heard() as second:
        assert len(listed(user)) == 21

    assert len(second) == len(first)


@pytest.mark.engines("sqlite")
def test_the_path_is_no_sessions_id(admin: Caller, resource: Resource) -> None:
    session_id = started(admin)["id"]

    assert admin.get(PATH).json[0]["id"] == str(resource.id)
    assert admin.get(f"/sessions/{session_id}").json["id"] == session_id
    check(admin.get(f"/sessions/{uuid.uuid4()}"), 404, "SESSION_NOT_FOUND")
    check(admin.get(f"{PATH}/stop"), 405, "METHOD_NOT_ALLOWED")
    check(admin.post(f"{PATH}/stop"), 404, "SESSION_NOT_FOUND")
