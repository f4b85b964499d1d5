"""What is counted of those who fail to sign in, and for how long they wait."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from api.accounts.models import SignInFailure
from api.accounts.service import failures
from api.accounts.service.failures import FREE_FOR_ACCOUNT, FREE_FOR_ADDRESS, FREE_FOR_EMAIL, Counted
from api.database import clock, current_time, write
from api.errors import RateLimited
from api.secret import Secret

pytestmark = pytest.mark.usefixtures("standing_clock")

KEY = Secret(b"k" * 32)
SECOND = 1_000_000


def count(email: str = "ada@example.com", slug: str | None = None, address: str | None = "192.0.2.1") -> Counted:
    return failures.count(KEY, email, slug, address)


def hashed(text: str) -> bytes:
    return hmac.digest(b"k" * 32, text.encode(), hashlib.sha256)


def row(subject: bytes) -> Any:
    return SignInFailure.get_by_id(subject)


def test_what_stands_in_the_table_stays_the_same_from_release_to_release() -> None:
    named, unnamed = count(slug="acme"), count(address=None)
    email = hashed("sign-in email\0ada@example.com")

    account, address = hashed("sign-in account\0acme\0ada@example.com"), hashed("sign-in address\0" + "192.0.2.1")
    assert named == Counted(account, email, address)
    account, address = hashed("sign-in account\0\0ada@example.com"), hashed("sign-in address\0unknown")
    assert unnamed == Counted(account, email, address)
    assert count(address="2001:db8::7").address == hashed("sign-in address\0" + "2001:db8::/64")


WAYS: dict[str, tuple[int, Callable[[int], object]]] = {
    "at one account": (FREE_FOR_ACCOUNT, lambda number: count(address=f"192.0.2.{number}")),
    "at one email": (FREE_FOR_EMAIL, lambda number: count(slug=f"org-{number}", address=f"192.0.2.{number}")),
    "from one address": (FREE_FOR_ADDRESS, lambda number: count(f"{number}@example.com")),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_block_begins_with_a_second_and_doubles(way: str) -> None:
    free, guess = WAYS[way]
    numbers = iter(range(1000))

    def again() -> None:
        guess(next(numbers))

    for _ in range(free):
        again()
    for seconds in (1, 2, 4):
        with pytest.raises(RateLimited) as refusal:
            again()
        assert refusal.value.retry_after == seconds + 1
        clock.offset += seconds * SECOND - 1
        with pytest.raises(RateLimited) as refusal:
            again()
        assert refusal.value.retry_after == 1
        clock.offset += 1
        again()


def test_the_longer_of_two_blocks_counts() -> None:
    for number in range(FREE_FOR_ACCOUNT + 1):
        clock.offset += SECOND
        tried = count(address=f"192.0.2.{number}")
    with write():
        SignInFailure.update(blocked_until=current_time() + timedelta(seconds=90)).where(
            SignInFailure.subject == tried.address
        ).execute()

    with pytest.raises(RateLimited) as refusal:
        count(address=f"192.0.2.{FREE_FOR_ACCOUNT}")
    assert refusal.value.retry_after == 91


def test_what_is_blocked_is_not_counted() -> None:
    for _ in range(FREE_FOR_ACCOUNT):
        tried = count()
    before = [dict(each.__data__) for each in SignInFailure.select()]

    with pytest.raises(RateLimited):
        count()

    assert [dict(each.__data__) for each in SignInFailure.select()] == before
    assert row(tried.account).failures == row(tried.address).failures == FREE_FOR_ACCOUNT


def test_a_count_is_forgotten_a_quarter_of_an_hour_after_its_block() -> None:
    tried = count()
    assert row(tried.account).blocked_until == current_time()
    assert row(tried.account).forgotten_at == current_time() + timedelta(minutes=15)
    clock.offset += 15 * 60 * SECOND - 1
    count()
    assert row(tried.account).failures == 2
    clock.offset += 15 * 60 * SECOND

    count()

    assert row(tried.account).failures == 1


def test_forgiving_gives_an_address_one_try_back() -> None:
    other = count("bea@example.com")
    tried = count()
    assert row(tried.address).failures == 2

    count()
    count(slug="acme")
    for address, email in ((3, 1), (2, 1), (1, 1), (0, 1), (0, 1)):
        with write():
            failures.forgive(tried)
        assert (row(tried.address).failures, row(tried.email).failures) == (address, email)
        assert SignInFailure.get_or_none(SignInFailure.subject == tried.account) is None
    assert row(other.account).failures == 1


def test_a_wait_is_never_longer_than_a_quarter_of_an_hour() -> None:
    waits = [failures.block_seconds(failed, 10) for failed in (0, 9, 10, 11, 19, 20, 30, 31, 10_000)]

    assert waits == [0, 0, 1, 2, 512, 900, 900, 900, 900]
