"""Passwords."""

import threading
import time

import pytest
from argon2 import PasswordHasher

from api.accounts import passwords
from api.accounts import service as accounts
from api.accounts.models import User
from api.errors import InvalidInput, Unavailable
from api.secret import Secret
from tests.api.accounts.test_sign_in import log_in
from tests.api.conftest import PASSWORD, Caller


def secret(text: str) -> Secret:
    return Secret.of_text(text)


@pytest.mark.strong_passwords
def test_a_hash_is_argon2id_with_owasps_parameters() -> None:
    assert passwords.hashed(secret(PASSWORD)).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_password_matches_its_own_hash_only() -> None:
    own = passwords.hashed(secret(PASSWORD))

    assert passwords.matches(secret(PASSWORD), own)
    assert not passwords.matches(secret(f"{PASSWORD} "), own)
    assert not passwords.matches(secret(PASSWORD), "no hash at all")
    assert not passwords.matches(secret(PASSWORD), None)


def test_equal_passwords_have_different_hashes() -> None:
    assert passwords.hashed(secret(PASSWORD)) != passwords.hashed(secret(PASSWORD))


def test_a_letter_composed_by_another_keyboard_is_the_same_letter() -> None:
    assert passwords.matches(secret("Pa\u0308sswort, lang"), passwords.hashed(secret("P\u00e4sswort, lang")))


@pytest.mark.parametrize("length", [0, 11, 129])
def test_a_password_has_12_to_128_characters(length: int) -> None:
    with pytest.raises(InvalidInput, match="12 to 128"):
        passwords.check(secret("x" * length))


def test_a_hash_of_older_parameters_is_renewed_at_sign_in(admin: Caller) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    User.update(password_hash=old).where(User.id == admin.user.id).execute()

    assert log_in(admin.client).status_code == 200

    renewed = User.get_by_id(admin.user.id).password_hash
    assert not passwords.is_outdated(renewed)
    assert passwords.matches(secret(PASSWORD), renewed)


def test_a_rush_is_answered_with_a_wait_and_not_with_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_AT_ONCE", threading.BoundedSemaphore(1))
    monkeypatch.setattr(passwords, "_PATIENCE_SECONDS", 0.05)

    with passwords._one_of_few(), pytest.raises(Unavailable):
        passwords.hashed(secret(PASSWORD))


def test_a_new_password_ends_all_logins(admin: Caller) -> None:
    accounts.reset_password("ada@example.com", secret("another password"), "acme")

    assert admin.get("/auth/me").status_code == 401
    assert log_in(admin.client).status_code == 401
    assert log_in(admin.client, password="another password").status_code == 200


@pytest.mark.strong_passwords
def test_a_wrong_address_takes_as_long_as_a_wrong_password() -> None:
    own = passwords.hashed(secret(PASSWORD))

    def seconds(password_hash: str | None) -> float:
        times = []
        for _ in range(7):
            begun = time.thread_time()
            passwords.matches(secret("wrong password"), password_hash)
            times.append(time.thread_time() - begun)
        return sorted(times)[3]

    # What the processor is used for, within a factor: other tests run on the same machine.
    assert 0.5 < seconds(None) / seconds(own) < 2
