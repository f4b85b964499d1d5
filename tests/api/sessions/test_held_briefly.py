"""Everybody who wants something on a target waits for who holds it: he asks little of the database until he is done."""

from collections.abc import Callable
from typing import Any

import pytest

from api.actor import Actor
from api.credentials.models import Credential
from api.database import write
from api.resources.models import Resource
from api.sessions import service
from api.sessions.models import Session
from api.targets.models import Grant, Rule
from tests.api.conftest import Caller
from tests.api.sessions.conftest import ELSEWHERE, HOME, at, openable, started
from tests.proof.statements import heard_in_transactions

FEW, MANY = 1, 5
MOST = 8


def added() -> None:
    """A worker has put every rule in its cloud."""
    with write():
        Rule.update(is_added=True, is_seen=True).execute()
        Grant.update(status="APPLIED").where(Grant.ended_at.is_null()).execute()


def while_held(act: Callable[[], Any]) -> int:
    """How many statements follow, in its transaction, on the first that makes others wait for a target."""
    with heard_in_transactions() as statements:
        act()
    return len(statements) - 1 - next(place for place, text in enumerate(statements) if _holds_targets(text))


def _holds_targets(statement: str) -> bool:
    """A new target is its maker's from its insertion on. SQLite, which holds everything, has no words for the lock."""
    is_lock = statement.startswith("SELECT") and 'FROM "targets"' in statement and "ORDER BY" in statement
    return is_lock or (statement.startswith(("INSERT", "UPDATE")) and '"targets"' in statement.partition("(")[0])


def of_all(count: int, caller: Caller, credential: Credential, act: Callable[[Caller], Any]) -> int:
    """The statements while so many targets are held."""
    while Resource.select().count() < count:
        openable(credential)
    assert Resource.select().count() == count
    return while_held(lambda: act(caller))


def stop(caller: Caller) -> None:
    session_id = caller.get("/sessions").json[0]["id"]
    answer = caller.post(f"/sessions/{session_id}/stop")
    assert answer.status_code == 200, answer.text


def move(caller: Caller) -> None:
    session_id = caller.get("/sessions").json[0]["id"]
    answer = caller.ask("PUT", f"/sessions/{session_id}/ip", json={}, **at(ELSEWHERE))
    assert answer.status_code == 200, answer.text


def start_of_two_addresses(caller: Caller) -> None:
    started(caller, ipv4Address=HOME, ipv6Address="2001:db8::7")


@pytest.mark.parametrize("known", [False, True])
def test_a_start_asks_as_little_for_many_targets_as_for_one(admin: Caller, credential: Credential, known: bool) -> None:
    """Also where no session was there before, and so no target."""

    def counted(count: int) -> int:
        if known:
            of_all(count, admin, credential, started)
        return of_all(count, admin, credential, start_of_two_addresses)

    few, many = counted(FEW), counted(MANY)

    assert many == few <= MOST


@pytest.mark.parametrize("is_added", [False, True])
def test_a_stop_asks_as_little_for_many_targets_as_for_one(
    admin: Caller, credential: Credential, is_added: bool
) -> None:
    def counted(count: int) -> int:
        of_all(count, admin, credential, start_of_two_addresses)
        if is_added:
            added()
        return of_all(count, admin, credential, stop)

    few, many = counted(FEW), counted(MANY)

    assert many == few <= MOST


def test_a_stop_asks_little_also_where_others_keep_some_and_some_was_never_added(
    admin: Caller, credential: Credential
) -> None:
    resources = [openable(credential) for _ in range(6)]
    started(admin, resourceIds=[str(each.id) for each in resources[:2]])
    started(admin, resourceIds=[str(each.id) for each in resources[2:4]])
    added()
    started(admin)

    assert while_held(lambda: stop(admin)) <= MOST + 2


def test_all_sessions_of_somebody_end_with_as_few_statements_as_one(
    admin: Caller, resource: Resource, credential: Credential
) -> None:
    def counted(count: int) -> int:
        for _ in range(count):
            started(admin)
        added()
        return while_held(end_all)

    def end_all() -> None:
        with write():
            service.end(Actor.system(resource.organisation_id), Session.user_id == admin.user.id, "USER_DEACTIVATED")

    few, many = counted(FEW), counted(MANY)

    assert many == few <= MOST


def test_a_change_of_address_asks_as_little_for_many_targets_as_for_one(admin: Caller, credential: Credential) -> None:
    def counted(count: int) -> int:
        of_all(count, admin, credential, started)
        added()
        return of_all(count, admin, credential, move)

    few, many = counted(FEW), counted(MANY)

    assert many == few <= 2 * MOST


def test_an_extension_holds_no_target(admin: Caller, resource: Resource) -> None:
    session_id = started(admin, durationMinutes=5)["id"]

    with heard_in_transactions() as statements:
        answer = admin.post(f"/sessions/{session_id}/extend", json={"durationMinutes": 5})

    assert answer.status_code == 200
    assert not [text for text in statements if _holds_targets(text)]
