"""Passwords: hashed with Argon2id, a few at a time."""

import contextlib
import os
import threading
import unicodedata
from collections.abc import Iterator

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from api.errors import InvalidInput, Unavailable
from api.secret import Secret

SHORTEST = 12
LONGEST = 128

# The second of the OWASP Password Storage Cheat Sheet's equally strong choices for Argon2id: 19 MiB, 2 passes, 1 lane
# (https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html). The smaller memory of them, since
# whoever knocks at the door makes the server spend it.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Argon2id keeps a core busy for all of its time: more at once would only make each slower, and take memory.
_AT_ONCE = threading.BoundedSemaphore(max(2, os.cpu_count() or 2))
_PATIENCE_SECONDS = 5.0
# Of 32 random bytes that were not kept: nobody's password has it.
_HASH_OF_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$xdbVh/FqyBgJZXyaJ4k8SA$Uh8v3o/Y0LSlJw/p7Dx5cVRxzK4f76m7aK6CIkPQU10"


def check(password: Secret) -> None:
    """Raises InvalidInput unless the password has from `SHORTEST` to `LONGEST` characters."""
    if not SHORTEST <= len(password.reveal_text()) <= LONGEST:
        raise InvalidInput(f"The password must have {SHORTEST} to {LONGEST} characters.")


def hashed(password: Secret) -> str:
    """The text to keep instead of a password: algorithm, parameters, salt and hash. Raises Unavailable in a rush."""
    with _one_of_few():
        return _HASHER.hash(_normal(password))


def matches(password: Secret, password_hash: str | None) -> bool:
    """Whether it is the password of that hash; without a hash it is not, and that takes as long. Raises Unavailable."""
    with _one_of_few():
        try:
            _HASHER.verify(password_hash or _HASH_OF_NOBODY, _normal(password))
        except (VerifyMismatchError, VerificationError, InvalidHashError):
            return False
    return password_hash is not None


def is_outdated(password_hash: str | None) -> bool:
    """There is a hash, and it was made with other parameters than today's."""
    return password_hash is not None and _HASHER.check_needs_rehash(password_hash)


def _normal(password: Secret) -> bytes:
    """One form for what keyboards and systems compose differently (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password.reveal_text()).encode()


@contextlib.contextmanager
def _one_of_few() -> Iterator[None]:
    if not _AT_ONCE.acquire(timeout=_PATIENCE_SECONDS):
        raise Unavailable("Too many people are signing in just now. Try again shortly.")
    try:
        yield
    finally:
        _AT_ONCE.release()
