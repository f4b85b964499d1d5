"""Redis refused, hung, emptied or back again: nobody waits for it, and no limit is lifted."""

import logging
import statistics
import time
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import BASE, PASSWORD, Caller
from tests.api.limits.conftest import FEW, Limited, ask, statuses
from tests.api.published import CREATE_CREDENTIAL
from tests.valkey_server import ValkeyServer

pytestmark = [pytest.mark.engines("sqlite"), pytest.mark.redis_well("it is lost here, during a test")]

LIMIT = f"{FEW}/minute"


def log_in(client: FlaskClient, password: str) -> int:
    body = {"email": "ada@example.com", "password": password}
    return int(ask(client, f"{BASE}/auth/login", method="POST", json=body).status_code)


@pytest.fixture(params=["killed", "hung"])
def lost(request: pytest.FixtureRequest, valkey: ValkeyServer) -> Any:
    """Makes Valkey refuse, or take connections and answer nothing."""
    return valkey.kill if request.param == "killed" else valkey.pause


def test_limits_bind_with_what_was_counted_before(limited: Limited, lost: Any) -> None:
    client = limited(address="4/minute")
    before = statuses(client, 2)
    lost()

    assert before + statuses(client, 4) == [404] * 4 + [429] * 2


def test_sign_in_works_and_stays_limited(limited: Limited, admin: Caller, lost: Any) -> None:
    client = limited(login_name=LIMIT)
    lost()

    tried = [log_in(client, password) for password in (PASSWORD, "not the password", "nor this one", PASSWORD)]

    assert tried == [200, 401, 401, 429]


def test_a_server_may_start_without_redis(limited: Limited, valkey: ValkeyServer) -> None:
    valkey.kill()

    assert statuses(limited(address=LIMIT), FEW + 1) == [404] * FEW + [429]


def test_nobody_waits_for_redis(limited: Limited, admin: Caller, lost: Any) -> None:
    """How long, is printed (`pytest -s`) and not asserted: a busy machine is slow for reasons of its own."""
    client = limited()
    headers = {"Authorization": f"Bearer {admin.token}"}

    def seconds() -> float:
        begun = time.perf_counter()
        answer = ask(client, f"{BASE}/credentials", method="POST", headers=headers, json=CREATE_CREDENTIAL["AWS"])
        assert answer.status_code == 201
        return time.perf_counter() - begun

    with_redis = statistics.median(seconds() for _ in range(10))
    lost()
    without = [seconds() - with_redis for _ in range(100)]

    print(  # noqa: T201
        f"\nadded to a POST without Redis: first {without[0] * 1000:.0f} ms, then at most {max(without[1:]) * 1000:.0f}"
    )


def test_the_loss_and_the_return_are_logged_once(
    limited: Limited, valkey: ValkeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    client = limited()
    with caplog.at_level(logging.INFO, "api.counters"):
        valkey.kill()
        statuses(client, 5)
        valkey.start()
        _until(lambda: "counts requests again" in caplog.text)

    assert len(caplog.records) == 2


def test_a_redis_that_takes_no_writes_is_not_taken_for_well(
    limited: Limited, valkey: ValkeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    client = limited()
    with caplog.at_level(logging.INFO, "api.counters"):
        valkey.client.config_set("maxmemory", "1")
        for _ in range(4):
            statuses(client, 1)
            time.sleep(0.4)
        said_while_full = len(caplog.records)
        valkey.client.config_set("maxmemory", "0")
        _until(lambda: "counts requests again" in caplog.text)

    assert said_while_full == 1


def test_processes_count_together_again_when_redis_is_back(limited: Limited, valkey: ValkeyServer) -> None:
    one, other = limited(address="4/minute"), limited(address="4/minute")
    valkey.kill()
    statuses(one, 1, address="192.0.2.9")
    statuses(other, 1, address="192.0.2.9")
    valkey.start()
    _until(lambda: all(_counts_in_redis(client) for client in (one, other)))

    assert [statuses(client, 1)[0] for client in (one, other) * 3] == [404] * 4 + [429] * 2


def test_an_emptied_redis_lifts_no_limit(limited: Limited, valkey: ValkeyServer) -> None:
    client = limited(address=LIMIT)
    statuses(client, FEW)
    valkey.client.flushall()

    assert statuses(client, 2) == [429, 429]


def test_a_redis_that_takes_no_writes_lifts_no_limit(limited: Limited, valkey: ValkeyServer) -> None:
    client = limited(address=LIMIT)
    valkey.client.config_set("maxmemory", "1")

    assert statuses(client, FEW + 1) == [404] * FEW + [429]


def test_what_is_counted_in_redis_names_no_account_and_ends(
    limited: Limited, valkey: ValkeyServer, admin: Caller
) -> None:
    client = limited()
    log_in(client, PASSWORD)

    keys = valkey.client.keys()

    assert keys and not any(b"ada" in key or b"example.com" in key for key in keys)
    assert all(valkey.client.pttl(key) > 0 for key in keys)


def _counts_in_redis(client: FlaskClient) -> bool:
    (limiter,) = client.application.extensions["limiter"]
    return bool(limiter.storage.check())


def _until(condition: Any, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
