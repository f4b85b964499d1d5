"""Changes at Azure take their time, one after the other, and are waited for as long as there is leave to."""

import threading
import time

import pytest

from api.clouds import CLOUDS, Connection, Endpoints, Target, Unreachable
from api.clouds.base import Throttled, before_call
from api.clouds.rules import Kept, Rule, State
from tests.clouds.azure_faults import answering, failing_changes, slow_changes
from tests.clouds.azure_standin import AzureStandIn
from tests.clouds.sites import HERE, a_rule, applied, state
from tests.eventually import eventually

ADDRESS = "81.2.69.142/32"


@pytest.fixture
def connection(azure: AzureStandIn, at_azure: Endpoints) -> Connection:
    return CLOUDS["AZURE"].connect(azure.credential_data(), at_azure)


@pytest.fixture
def target(azure: AzureStandIn) -> Target:
    return azure.target()


def test_a_change_that_takes_its_time_is_waited_for(
    azure: AzureStandIn, connection: Connection, target: Target
) -> None:
    with azure.faulty(slow_changes(1.2)):
        kept = applied(connection, target, a_rule(ADDRESS))
        assert state(connection, target, kept) is State.PRESENT
        connection.revoke(target, kept)

    assert state(connection, target, kept) is State.ABSENT


@pytest.mark.parametrize("retry_after", [0, 30])
def test_a_change_is_looked_at_every_two_seconds_whatever_azure_asks_for(
    azure: AzureStandIn, connection: Connection, target: Target, retry_after: int
) -> None:
    began = time.monotonic()

    with azure.faulty(slow_changes(1.2, retry_after)):
        applied(connection, target, a_rule(ADDRESS))

    assert time.monotonic() - began < 20


def test_the_lease_is_looked_at_while_a_change_is_waited_for(
    azure: AzureStandIn, connection: Connection, target: Target
) -> None:
    """The SDK would wait in a thread of its own, which knows no lease."""
    calls = []
    before = threading.active_count()

    def allow() -> None:
        calls.append(threading.current_thread())
        if len(calls) > 6:
            raise TimeoutError("the lease has run out")

    token = before_call.set(allow)
    try:
        with azure.faulty(slow_changes(20)), pytest.raises(TimeoutError):
            connection.apply(target, Kept(a_rule(ADDRESS)))
    finally:
        before_call.reset(token)
    assert set(calls) == {threading.current_thread()}
    assert eventually(lambda: threading.active_count() <= before)


def test_a_change_that_never_ends_is_given_up(
    azure: AzureStandIn, connection: Connection, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.clouds.azure_client._LONGEST_CHANGE_SECONDS", 1.5)

    with azure.faulty(slow_changes(60)), pytest.raises(Unreachable):
        connection.apply(target, Kept(a_rule(ADDRESS)))


def test_a_rule_that_azure_is_still_at_is_neither_there_nor_not(
    azure: AzureStandIn, connection: Connection, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.clouds.azure_client._LONGEST_CHANGE_SECONDS", 0.0)
    kept = Kept(a_rule(ADDRESS))

    with azure.faulty(slow_changes(60)):
        with pytest.raises(Unreachable):
            connection.apply(target, kept)
        with pytest.raises(Unreachable, match="still at a change"):
            connection.rules(target, HERE, [kept])
        assert [stray.rule.tag for stray in connection.rules(target, HERE, []).strays] == [kept.rule.tag]


def test_two_changes_of_one_group_at_once_are_asked_to_come_back(
    azure: AzureStandIn, connection: Connection, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.clouds.azure_client._LONGEST_CHANGE_SECONDS", 0.0)
    first, second = Kept(a_rule(ADDRESS)), Kept(a_rule("81.2.69.143/32"))

    with azure.faulty(slow_changes(60)):
        with pytest.raises(Unreachable):
            connection.apply(target, first)
        began = time.monotonic()
        with pytest.raises(Throttled):
            connection.apply(target, second)
        with pytest.raises(Throttled):
            connection.revoke(target, second)
        assert time.monotonic() - began < 8


def test_writers_at_once_lose_nothing(azure: AzureStandIn, at_azure: Endpoints, target: Target) -> None:
    rules = [a_rule(f"81.2.69.{number}/32") for number in range(6)]

    def write(rule: Rule) -> None:
        connection = CLOUDS["AZURE"].connect(azure.credential_data(), at_azure)
        for _ in range(40):
            try:
                connection.apply(target, Kept(rule))
            except Unreachable:
                time.sleep(0.05)
            else:
                return

    threads = [threading.Thread(target=write, args=(rule,)) for rule in rules]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    names = {rule["name"] for rule in azure.rules(target)}
    assert names == {rule.tag.short for rule in rules}


@pytest.mark.parametrize("code", ["RetryableError", "Canceled", "OperationPreempted"])
def test_a_change_that_gave_way_to_another_is_to_be_asked_for_again(
    azure: AzureStandIn, connection: Connection, target: Target, code: str
) -> None:
    with azure.faulty(failing_changes(code)), pytest.raises(Throttled):
        connection.apply(target, Kept(a_rule(ADDRESS)))


def test_a_change_that_failed_is_not_there_and_is_made_right(
    azure: AzureStandIn, connection: Connection, target: Target
) -> None:
    kept = Kept(a_rule(ADDRESS))
    with azure.faulty(failing_changes("InternalServerError")), pytest.raises(Unreachable):
        connection.apply(target, kept)
    assert state(connection, target, kept) is State.EDITED

    connection.apply(target, kept)

    assert state(connection, target, kept) is State.PRESENT


@pytest.mark.parametrize(
    ("status", "code"),
    [(409, "AnotherOperationInProgress"), (429, "TooManyRequests"), (429, "SubscriptionRequestsThrottled")],
)
def test_a_busy_azure_is_asked_less_often(
    azure: AzureStandIn, connection: Connection, target: Target, status: int, code: str
) -> None:
    connection.verify([])
    with azure.faulty(answering(status, code)), pytest.raises(Throttled):
        connection.revoke(target, Kept(a_rule(ADDRESS)))
