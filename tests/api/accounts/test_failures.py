"""Guessing passwords gets slower."""

import contextlib
import threading
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient

from api.accounts import passwords
from api.accounts.models import SignInFailure
from api.accounts.service import failures
from api.accounts.service.failures import FREE_FOR_ACCOUNT, FREE_FOR_ADDRESS, FREE_FOR_EMAIL, LONGEST_BLOCK_SECONDS
from api.database import clock, write
from api.errors import RateLimited
from api.secret import Secret
from tests.api.conftest import BASE, PASSWORD, Caller
from tests.valkey_server import ValkeyServer

KEY = Secret(b"k" * 32)
SECOND = 1_000_000


def guess(
    client: FlaskClient, email: str = "ada@example.com", password: str = "not this one", address: str = ""
) -> Any:
    return client.post(
        f"{BASE}/auth/login",
        json={"email": email, "password": password},
        environ_overrides={"REMOTE_ADDR": address} if address else {},
    )


def test_guessing_at_one_account_is_blocked_for_a_growing_while(client: FlaskClient, admin: Caller) -> None:
    statuses = [guess(client).status_code for _ in range(FREE_FOR_ACCOUNT)]
    assert set(statuses) == {401}

    blocked = guess(client)
    assert blocked.status_code == 429
    assert blocked.json["error"] == "RATE_LIMIT_EXCEEDED"
    assert int(blocked.headers["Retry-After"]) >= 1

    clock.offset = 2 * SECOND
    assert guess(client).status_code == 401
    assert 1 < int(guess(client).headers["Retry-After"]) <= 3


def test_a_blocked_account_takes_not_even_the_right_password(client: FlaskClient, admin: Caller) -> None:
    for _ in range(FREE_FOR_ACCOUNT):
        guess(client)

    assert guess(client, password=PASSWORD).status_code == 429
    clock.offset = 2 * SECOND
    assert guess(client, password=PASSWORD).status_code == 200


def test_the_right_password_starts_the_count_anew(client: FlaskClient, admin: Caller) -> None:
    for _ in range(3):
        for _ in range(FREE_FOR_ACCOUNT - 1):
            assert guess(client).status_code == 401
        assert guess(client, password=PASSWORD).status_code == 200


def test_an_account_of_the_same_address_elsewhere_does_not_start_the_count_anew(
    client: FlaskClient, admin: Caller, outsider: Caller
) -> None:
    own = {"email": "ada@example.com", "name": "Not Ada", "password": "known to its owner"}
    assert outsider.post("/users", own).status_code == 201

    def sign_in(organisation: str, password: str) -> int:
        body = {"email": "ada@example.com", "password": password, "organizationSlug": organisation}
        return client.post(f"{BASE}/auth/login", json=body).status_code

    for _ in range(FREE_FOR_ACCOUNT // 2):
        assert [sign_in("acme", "a guess"), sign_in("acme", "a guess")] == [401, 401]
        assert sign_in("other", own["password"]) == 200

    assert sign_in("acme", "a guess") == 429


def test_naming_the_organization_in_other_ways_does_not_double_the_guesses(db: str) -> None:
    passed = 0
    for slug in (None, "acme", "elsewhere", "another"):
        with contextlib.suppress(RateLimited):
            for number in range(FREE_FOR_ACCOUNT):
                failures.count(KEY, "ada@example.com", slug, f"198.51.100.{number}")
                passed += 1

    assert passed == FREE_FOR_EMAIL


def test_an_unknown_account_is_blocked_likewise(client: FlaskClient, db: str) -> None:
    statuses = [guess(client, "nobody@example.com").status_code for _ in range(FREE_FOR_ACCOUNT + 1)]

    assert statuses == [401] * FREE_FOR_ACCOUNT + [429]


def test_other_accounts_are_not_blocked(client: FlaskClient, admin: Caller, outsider: Caller) -> None:
    for _ in range(FREE_FOR_ACCOUNT + 1):
        guess(client)

    assert guess(client, "eve@example.org", PASSWORD).status_code == 200


def test_a_hundred_guesses_at_once_are_a_hundred_guesses(app: flask.Flask, admin: Caller) -> None:
    statuses: list[int] = []

    def try_some() -> None:
        own = app.test_client()
        statuses.extend(guess(own).status_code for _ in range(10))

    threads = [threading.Thread(target=try_some) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(statuses) == {401, 429}
    # Blocks of 1, 2 and 4 s may end while the test runs.
    assert statuses.count(401) <= FREE_FOR_ACCOUNT + 4


@pytest.mark.redis_well("it is paused here, and resumed")
def test_guessing_is_slowed_down_with_redis_away(client: FlaskClient, admin: Caller, valkey: ValkeyServer) -> None:
    valkey.pause()
    try:
        statuses = [guess(client).status_code for _ in range(FREE_FOR_ACCOUNT + 1)]
    finally:
        valkey.resume()

    assert statuses == [401] * FREE_FOR_ACCOUNT + [429]


def count(email: str, address: str = "198.51.100.7") -> failures.Counted:
    return failures.count(KEY, email, None, address)


def test_an_address_that_guesses_at_many_accounts_is_blocked(db: str) -> None:
    for number in range(FREE_FOR_ADDRESS):
        count(f"{number}@example.com")

    with pytest.raises(RateLimited):
        count("another@example.com")
    count("another@example.com", "198.51.100.8")


def test_all_addresses_of_an_ipv6_customer_are_one(db: str) -> None:
    for number in range(FREE_FOR_ADDRESS):
        count(f"{number}@example.com", f"2001:db8:0:1::{number:x}")

    with pytest.raises(RateLimited):
        count("another@example.com", "2001:db8:0:1:ffff::1")
    count("another@example.com", "2001:db8:0:2::1")


def test_signing_in_as_oneself_does_not_free_an_address_that_guesses(db: str) -> None:
    for number in range(FREE_FOR_ADDRESS - 2):
        count(f"{number}@example.com")
    own = count("own@example.com")
    with write():
        failures.forgive(own)
    count("x@example.com")
    count("y@example.com")

    with pytest.raises(RateLimited):
        count("z@example.com")


def test_failures_are_forgotten_after_a_quiet_while(db: str) -> None:
    for _ in range(FREE_FOR_ACCOUNT):
        count("ada@example.com")
    clock.offset = (15 * 60 + 2) * SECOND

    for _ in range(FREE_FOR_ACCOUNT):
        count("ada@example.com")


def test_a_block_doubles_up_to_a_quarter_of_an_hour() -> None:
    assert [failures.block_seconds(n, free=3) for n in range(8)] == [0, 0, 0, 1, 2, 4, 8, 16]
    assert failures.block_seconds(10_000, free=3) == LONGEST_BLOCK_SECONDS == 900


def test_who_is_counted_does_not_stand_in_the_table(db: str) -> None:
    count("ada@example.com")

    kept = b"".join(bytes(row.subject) for row in SignInFailure.select())
    assert b"ada" not in kept
    assert len(kept) == 96


@pytest.mark.strong_passwords
def test_a_wrong_address_costs_as_much_as_a_wrong_password() -> None:
    """Both hash once with the same parameters: what is hashed against for nobody must not fall behind."""
    assert not passwords.is_outdated(passwords._HASH_OF_NOBODY)
    assert not passwords.matches(Secret.of_text(PASSWORD), None)
