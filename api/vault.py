"""Seals secrets to their place and opens them there.

Each secret has a random 256-bit data key of its own, used once; the data key is wrapped by a key of the key ring.
Both are AES-256-GCM with a random 96-bit nonce and a 128-bit tag. NIST SP 800-38D, section 8.3, allows 2**32 such uses
of one key: a data key has one, and a key of the ring has one for each secret that is set or re-wrapped, which takes 49
days at a thousand a second without a pause.

The stored bytes, which change only together with FORMAT_VERSION:

    sealed data:  "EGS"  version  algorithm  "D"                        nonce  ciphertext and tag
    wrapped key:  "EGS"  version  algorithm  "K"  length of id  key id  nonce  ciphertext and tag

The additional authenticated data is that header and the name that it is sealed to, each part behind its length.
"""

import os
import uuid
from dataclasses import dataclass, field, replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from api.errors import EntryGuardError
from api.key_ring import KEY_BYTES, KeySource
from api.secret import Secret

FORMAT_VERSION = 1
AES_256_GCM = 1
NONCE_BYTES = 12
TAG_BYTES = 16

_START = b"EGS" + bytes([FORMAT_VERSION, AES_256_GCM])
_DATA_HEADER = _START + b"D"
_KEY_HEADER = _START + b"K"


class SealBroken(EntryGuardError):
    """A sealed secret does not open here: altered, moved, or of an unknown format. Nobody is told which."""

    def __init__(self) -> None:
        super().__init__("A stored secret cannot be opened.")


@dataclass(frozen=True, slots=True)
class SealName:
    """The one place where a sealed secret opens. `version` is the secret's own number, from 1."""

    purpose: str
    organisation_id: uuid.UUID
    credential_id: uuid.UUID
    field: str
    version: int

    def bound_to(self, header: bytes) -> bytes:
        """The additional authenticated data: no two names and headers have the same."""
        parts = (
            header,
            self.purpose.encode(),
            self.organisation_id.bytes,
            self.credential_id.bytes,
            self.field.encode(),
            self.version.to_bytes(8),
        )
        return b"".join(len(part).to_bytes(4) + part for part in parts)


@dataclass(frozen=True, slots=True)
class Sealed:
    """What is stored of a secret. `key_id` is the ring's key that wraps the data key, as its header says too."""

    key_id: str
    wrapped_key: bytes = field(repr=False)
    sealed_data: bytes = field(repr=False)

    def __post_init__(self) -> None:
        # PostgreSQL's driver hands out memoryviews.
        object.__setattr__(self, "wrapped_key", bytes(self.wrapped_key))
        object.__setattr__(self, "sealed_data", bytes(self.sealed_data))


class Vault:
    """Seals with the ring's primary key and opens with any; asks the ring anew each time, since it may have changed."""

    def __init__(self, keys: KeySource) -> None:
        self._keys = keys

    def seal(self, plain: Secret, name: SealName) -> Sealed:
        data_key = Secret(os.urandom(KEY_BYTES))
        key_id, wrapped_key = self._wrapped(data_key, name)
        return Sealed(key_id, wrapped_key, _encrypted(data_key, plain, _DATA_HEADER, name))

    def open(self, sealed: Sealed, name: SealName) -> Secret:
        """The secret. SealBroken where it was not sealed to `name`, UnknownKey where the ring lacks its key."""
        return _decrypted(self._data_key(sealed, name), sealed.sealed_data, _DATA_HEADER, name)

    def rewrap(self, sealed: Sealed, name: SealName) -> Sealed:
        """The same with its data key wrapped by the primary key; the secret itself is not opened.

        Raises as `open` does. What the primary wraps already comes back as it is.
        """
        if sealed.key_id == self._keys.current().primary:
            return sealed
        key_id, wrapped_key = self._wrapped(self._data_key(sealed, name), name)
        return replace(sealed, key_id=key_id, wrapped_key=wrapped_key)

    def _wrapped(self, data_key: Secret, name: SealName) -> tuple[str, bytes]:
        ring = self._keys.current()
        header = _key_header(ring.primary)
        return ring.primary, _encrypted(ring.wrapping_key(ring.primary), data_key, header, name)

    def _data_key(self, sealed: Sealed, name: SealName) -> Secret:
        header = _key_header(sealed.key_id)
        if not sealed.wrapped_key.startswith(header):
            raise SealBroken
        return _decrypted(self._keys.current().wrapping_key(sealed.key_id), sealed.wrapped_key, header, name)


def _key_header(key_id: str) -> bytes:
    written = key_id.encode()
    if len(written) > 255:
        raise SealBroken
    return _KEY_HEADER + bytes([len(written)]) + written


def _encrypted(key: Secret, plain: Secret, header: bytes, name: SealName) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return header + nonce + AESGCM(key.reveal()).encrypt(nonce, plain.reveal(), name.bound_to(header))


def _decrypted(key: Secret, stored: bytes, header: bytes, name: SealName) -> Secret:
    plain = _plain_or_none(key, stored, header, name)
    if plain is None:
        raise SealBroken
    return plain


def _plain_or_none(key: Secret, stored: bytes, header: bytes, name: SealName) -> Secret | None:
    body = stored.removeprefix(header)
    if not stored.startswith(header) or len(body) < NONCE_BYTES + TAG_BYTES:
        return None
    nonce, ciphertext = body[:NONCE_BYTES], body[NONCE_BYTES:]
    try:
        return Secret(AESGCM(key.reveal()).decrypt(nonce, ciphertext, name.bound_to(header)))
    except InvalidTag:
        return None
