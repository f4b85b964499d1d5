"""Many at the same time: limits are exact, and nobody waits for somebody who waits for him."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from api.accounts.models import Organisation
from api.credentials.models import Credential
from api.database import write
from api.resources.models import Resource
from api.sessions.models import Session
from api.targets.models import Rule, Target
from tests.api.conftest import Caller
from tests.api.sessions.conftest import HOME, MakeRole, at, openable, start, started


def test_fifty_at_once_share_five_places(admin: Caller, resource: Resource) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: start(admin), range(50)))

    told = sorted((answer.status_code, answer.json.get("error", "")) for answer in answers)
    assert told == [(201, "")] * 5 + [(400, "SESSION_LIMIT_REACHED")] * 45
    assert Session.select().count() == 5 and Rule.select().count() == 1


def test_fifty_at_once_cannot_share_the_last_place(
    admin: Caller, resource: Resource, organisation: Organisation
) -> None:
    with write():
        Organisation.update(tier="FREE").where(Organisation.id == organisation.id).execute()

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda _: start(admin).status_code, range(50)))

    assert sorted(statuses) == [201] + [400] * 49


# SQLite has one writer: nobody can wait in a circle there, only for long.
@pytest.mark.engines("postgresql")
def test_who_starts_stops_and_moves_at_once_waits_for_nobody_in_a_circle(
    admin: Caller, user: Caller, credential: Credential, make_role: MakeRole
) -> None:
    resources = [openable(credential) for _ in range(3)]
    make_role([user], resources)
    named = [[str(each.id) for each in order] for order in (resources, reversed(resources))]

    def live(number: int) -> list[int]:
        caller, body = (admin, user)[number % 2], {"resourceIds": named[number // 2 % 2]}
        answer: Any = start(caller, HOME, **body)
        if answer.status_code != 201:
            return [answer.status_code]
        path = f"/sessions/{answer.json['id']}"
        moved = caller.ask("PUT", f"{path}/ip", json={}, **at(f"203.0.113.{number + 10}"))
        return [201, moved.status_code, caller.post(f"{path}/stop").status_code]

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(live, range(40)))

    assert {tuple(statuses) for statuses in told} <= {(201, 200, 200), (400,)}
    assert Target.select().count() == 3
    assert not Session.select().where(Session.ended_at.is_null()).exists() and Rule.select().count() == 0


@pytest.mark.parametrize("is_active", [True, False])
def test_fifty_stops_at_once_end_it_once(admin: Caller, credential: Credential, is_active: bool) -> None:
    """One that opens nothing has no target to wait for."""
    openable(credential, is_active=is_active)
    session_id = started(admin)["id"]

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda _: admin.post(f"/sessions/{session_id}/stop").status_code, range(50)))

    assert sorted(statuses) == [200] + [409] * 49
