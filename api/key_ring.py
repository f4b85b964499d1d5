"""The keys that seal secrets: which there are, and which of them seals what is new.

A ring is written as one `id:base64` per line, the primary first; `#` starts a comment. An environment variable may use
commas instead of lines. Each key has 32 random bytes; from them `wrapping_key` and `check_value` are derived with HKDF
(RFC 5869), so that neither tells anything about the other.
"""

import base64
import itertools
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from api.errors import Unavailable
from api.secret import Secret, SecretUnreadable

KEY_BYTES = 32
_KEY_ID = re.compile(r"[a-z0-9-]{1,32}")
# Of 2**45 random keys about one holds fewer than 17 different bytes; zeros, repeats and hexadecimal text always do.
_FEWEST_DIFFERENT_BYTES = 17


class KeyRingError(Exception):
    """The key ring cannot be used. The sentence is for the operator: it names a key by its id and never shows a key."""


class UnknownKey(Unavailable):
    """A secret is sealed with a key that the ring does not hold (any more, or not yet)."""

    def __init__(self, key_id: str) -> None:
        super().__init__("A key that the server needs is not in its key ring. Tell the operator.")
        self.key_id = key_id


class KeySource(Protocol):
    """Where the ring comes from: a `KeyRing` that stays as it is, or a `KeyRingFile` that follows its file."""

    def current(self) -> "KeyRing": ...


@dataclass(frozen=True, slots=True)
class _Entry:
    key_id: str
    key: Secret


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys by id, the primary first. Never empty; no id and no key is in it twice."""

    _entries: tuple[_Entry, ...]

    def __post_init__(self) -> None:
        if not self._entries:
            raise KeyRingError("The key ring holds no key.")
        seen: list[_Entry] = []
        for entry in self._entries:
            _check_entry(entry)
            for other in seen:
                if other.key_id == entry.key_id:
                    raise KeyRingError(f"The key ring holds two keys with the id {entry.key_id}.")
                if other.key == entry.key:
                    raise KeyRingError(f"{entry.key_id} and {other.key_id} in the key ring are the same key.")
            seen.append(entry)

    @classmethod
    def parse(cls, written: Secret) -> Self:
        """Read a ring; KeyRingError says which line or which key id is wrong."""
        try:
            return cls(tuple(_parsed(part, number) for number, part in _parts(written)))
        except SecretUnreadable:
            raise KeyRingError("The key ring is not text.") from None

    @classmethod
    def fresh(cls, key_id: str) -> Self:
        """A ring of one new random key."""
        return cls((_Entry(key_id, _random_key()),))

    def written(self) -> Secret:
        """The ring as `parse` reads it."""
        lines = (f"{entry.key_id}:{base64.b64encode(entry.key.reveal()).decode()}\n" for entry in self._entries)
        return Secret.of_text("".join(lines))

    def current(self) -> Self:
        """A ring that was not read from a file never changes."""
        return self

    @property
    def primary(self) -> str:
        """The id of the key that seals what is new."""
        return self._entries[0].key_id

    @property
    def key_ids(self) -> tuple[str, ...]:
        return tuple(entry.key_id for entry in self._entries)

    def wrapping_key(self, key_id: str) -> Secret:
        """The key that wraps data keys, or UnknownKey."""
        return Secret(self._derived(key_id, b"entryguard wrapping key 1"))

    def check_value(self, key_id: str) -> bytes:
        """32 bytes that only this key gives and that tell nothing about it, to recognise it by; or UnknownKey."""
        return self._derived(key_id, b"entryguard check value 1 " + key_id.encode())

    def with_added(self, key_id: str) -> Self:
        """The ring and a new random key, which seals nothing until it is promoted."""
        if key_id in self.key_ids:
            raise KeyRingError(f"The key ring already holds a key with the id {key_id}.")
        return type(self)((*self._entries, _Entry(key_id, _random_key())))

    def promoted(self, key_id: str) -> Self:
        """The ring with this key as its primary."""
        chosen = self._entry(key_id)
        return type(self)((chosen, *(entry for entry in self._entries if entry is not chosen)))

    def without(self, key_id: str) -> Self:
        """The ring without this key, which must not be the primary."""
        gone = self._entry(key_id)
        if key_id == self.primary:
            raise KeyRingError(f"{key_id} is the primary key of the key ring. Promote another one first.")
        return type(self)(tuple(entry for entry in self._entries if entry is not gone))

    def _entry(self, key_id: str) -> _Entry:
        for entry in self._entries:
            if entry.key_id == key_id:
                return entry
        raise UnknownKey(key_id)

    def _derived(self, key_id: str, purpose: bytes) -> bytes:
        derivation = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose)
        return derivation.derive(self._entry(key_id).key.reveal())


def _random_key() -> Secret:
    return Secret(os.urandom(KEY_BYTES))


# A traceback may be shown with its local variables. So no function below both holds a bare key and raises.


def _check_entry(entry: _Entry) -> None:
    # The id is not shown: whoever wrote key and id the wrong way round has put the key there.
    if not _KEY_ID.fullmatch(entry.key_id):
        raise KeyRingError("A key id in the key ring is not made of 1 to 32 lower-case letters, digits and hyphens.")
    if not _has_right_length(entry.key):
        raise KeyRingError(f"{entry.key_id} in the key ring does not have exactly {KEY_BYTES} bytes.")
    if not _looks_random(entry.key):
        raise KeyRingError(f"{entry.key_id} in the key ring is not random. `openssl rand -base64 32` makes a key.")


def _has_right_length(key: Secret) -> bool:
    return len(key.reveal()) == KEY_BYTES


def _looks_random(key: Secret) -> bool:
    content = key.reveal()
    steps = {(second - first) % 256 for first, second in itertools.pairwise(content)}
    return len(set(content)) >= _FEWEST_DIFFERENT_BYTES and len(steps) > 1


def _parts(written: Secret) -> Iterator[tuple[int, Secret]]:
    """What stands between line ends and commas, with the number of its line."""
    for number, line in enumerate(written.reveal_text().splitlines(), start=1):
        for part in line.partition("#")[0].split(","):
            if part.strip():
                yield number, Secret.of_text(part.strip())


def _parsed(part: Secret, number: int) -> _Entry:
    key_id = _id_before_colon(part)
    if key_id is None:
        raise KeyRingError(
            f"Line {number} of the key ring is not `id:base64` with 1 to 32 lower-case letters, digits, hyphens as id."
        )
    key = _key_after_colon(part)
    if key is None:
        raise KeyRingError(f"{key_id} in the key ring is not base64.")
    return _Entry(key_id, key)


def _id_before_colon(part: Secret) -> str | None:
    key_id, colon, _ = part.reveal_text().partition(":")
    return key_id if colon and _KEY_ID.fullmatch(key_id) else None


def _key_after_colon(part: Secret) -> Secret | None:
    encoded = part.reveal_text().partition(":")[2].strip()
    try:
        content = base64.b64decode(encoded, validate=True)
    except ValueError:
        return None
    # Python ignores stray bits behind the last byte: a key that was mistyped there would pass.
    return Secret(content) if base64.b64encode(content).decode() == encoded else None
