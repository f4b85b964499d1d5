"""What somebody who can write to the database may do to a sealed secret, so that it should not open any more."""

import dataclasses
import random
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from api.key_ring import KeyRing
from api.secret import Secret
from api.vault import NONCE_BYTES, TAG_BYTES, Sealed, SealName, Vault
from tests.seals import PARTS, with_bit_flipped, with_part

# "EGS", format, algorithm, kind; behind it a wrapped key has the length of its key's id, and the id.
_HEADER_BYTES = 6


@dataclass(frozen=True)
class Kept:
    """A sealed secret as it is stored, and the place that it is stored in."""

    name: SealName
    sealed: Sealed


Mutation = Callable[[random.Random, Kept, Kept], Kept]
"""Makes something else of the first one, perhaps with a piece of the second."""


def population(ring: KeyRing, chance: random.Random) -> list[Kept]:
    """Secrets of all sizes in two organisations: of each credential two versions and two fields, under two keys."""
    organisations = [uuid.UUID(bytes=chance.randbytes(16)) for _ in range(2)]
    credentials = [(owner, uuid.UUID(bytes=chance.randbytes(16))) for owner in organisations for _ in range(2)]
    vaults = (Vault(ring), Vault(ring.promoted(ring.key_ids[1])))
    return [
        _sealed(vault, SealName("credential", owner, credential, field, version), chance)
        for vault in vaults
        for owner, credential in credentials
        for field in ("credentialData", "other")
        for version in (1, 2)
    ]


def _sealed(vault: Vault, name: SealName, chance: random.Random) -> Kept:
    size = chance.choice((0, 1, 16, 100, 2400))
    return Kept(name, vault.seal(Secret(b"PLAIN" + chance.randbytes(size)), name))


def _altered(change: Callable[[random.Random, bytes], bytes]) -> Mutation:
    def mutate(chance: random.Random, kept: Kept, _: Kept) -> Kept:
        part = chance.choice(PARTS)
        content: bytes = getattr(kept.sealed, part)
        return Kept(kept.name, with_part(kept.sealed, part, change(chance, content)))

    return mutate


def _flip(chance: random.Random, content: bytes) -> bytes:
    return with_bit_flipped(content, chance.randrange(len(content) * 8))


def _overwrite(chance: random.Random, content: bytes) -> bytes:
    start = chance.randrange(len(content))
    damage = chance.randbytes(chance.randint(1, 16))
    return (content[:start] + damage + content[start + len(damage) :])[: len(content)]


def _cut(chance: random.Random, content: bytes) -> bytes:
    length = chance.randint(1, len(content))
    start = chance.choice((0, len(content) - length, chance.randint(0, len(content) - length)))
    return content[:start] + content[start + length :]


def _extend(chance: random.Random, content: bytes) -> bytes:
    start = chance.choice((0, len(content), chance.randint(0, len(content))))
    return content[:start] + chance.choice((b"\0", content, chance.randbytes(16))) + content[start:]


def _edit_header(chance: random.Random, content: bytes) -> bytes:
    edited = bytearray(content)
    edited[chance.randrange(_HEADER_BYTES + 1)] = chance.randrange(256)
    return bytes(edited)


def _exchange_blocks(chance: random.Random, content: bytes) -> bytes:
    """Two blocks of the cipher change places, or nonce and tag where there are no two."""
    body = content[_HEADER_BYTES:]
    blocks = [body[start : start + 16] for start in range(0, len(body), 16)]
    one, other = chance.sample(range(len(blocks)), 2)
    blocks[one], blocks[other] = blocks[other], blocks[one]
    return content[:_HEADER_BYTES] + b"".join(blocks)


def _move(_: random.Random, kept: Kept, other: Kept) -> Kept:
    return Kept(other.name, kept.sealed)


def _move_within(**parts: Callable[[SealName, SealName], object]) -> Mutation:
    """To the same place but for these parts of its name."""

    def mutate(_: random.Random, kept: Kept, other: Kept) -> Kept:
        changed = {part: choose(kept.name, other.name) for part, choose in parts.items()}
        return Kept(dataclasses.replace(kept.name, **changed), kept.sealed)  # type: ignore[arg-type]

    return mutate


def _transplant(chance: random.Random, kept: Kept, other: Kept) -> Kept:
    part = chance.choice(PARTS)
    return Kept(kept.name, with_part(kept.sealed, part, getattr(other.sealed, part)))


def _transplant_with_key_id(_: random.Random, kept: Kept, other: Kept) -> Kept:
    """The other's wrapped key with its key's id, before one's own data."""
    return Kept(kept.name, dataclasses.replace(other.sealed, sealed_data=kept.sealed.sealed_data))


def _splice(chance: random.Random, kept: Kept, other: Kept) -> Kept:
    """The other's nonce, or its tag."""
    part = chance.choice(PARTS)
    mine: bytes = getattr(kept.sealed, part)
    theirs: bytes = getattr(other.sealed, part)
    start = len(mine) - TAG_BYTES
    if chance.random() < 0.5:
        return Kept(kept.name, with_part(kept.sealed, part, mine[:start] + theirs[-TAG_BYTES:]))
    start = _HEADER_BYTES if part == "sealed_data" else _HEADER_BYTES + 1 + len(kept.sealed.key_id)
    theirs = theirs[_HEADER_BYTES : _HEADER_BYTES + NONCE_BYTES]
    return Kept(kept.name, with_part(kept.sealed, part, mine[:start] + theirs + mine[start + NONCE_BYTES :]))


def _exchange_parts(_: random.Random, kept: Kept, __: Kept) -> Kept:
    sealed = kept.sealed
    return Kept(kept.name, Sealed(sealed.key_id, sealed.sealed_data, sealed.wrapped_key))


def _name_another_key(chance: random.Random, kept: Kept, _: Kept) -> Kept:
    """In its column, or in its header too."""
    mine = kept.sealed.key_id
    other = "key-2" if mine == "key-1" else "key-1"
    renamed = dataclasses.replace(kept.sealed, key_id=other)
    if chance.random() < 0.5:
        return Kept(kept.name, renamed)
    wrapped = renamed.wrapped_key.replace(mine.encode(), other.encode(), 1)
    return Kept(kept.name, with_part(renamed, "wrapped_key", wrapped))


MUTATIONS: Mapping[str, Mutation] = {
    "a bit flipped": _altered(_flip),
    "bytes overwritten": _altered(_overwrite),
    "cut": _altered(_cut),
    "extended": _altered(_extend),
    "the header edited": _altered(_edit_header),
    "blocks exchanged": _altered(_exchange_blocks),
    "moved to another secret's place": _move,
    "moved to another organisation": _move_within(organisation_id=lambda _, other: other.organisation_id),
    "moved to another credential": _move_within(credential_id=lambda _, other: other.credential_id),
    "moved to another field": _move_within(field=lambda _, other: other.field),
    "moved to another purpose": _move_within(purpose=lambda mine, _: f"{mine.purpose}s"),
    "under another version": _move_within(version=lambda mine, other: mine.version + other.version),
    "the version before": _move_within(version=lambda mine, _: mine.version - 1),
    "a part of another secret": _transplant,
    "another secret's key": _transplant_with_key_id,
    "a piece of another secret": _splice,
    "the parts exchanged": _exchange_parts,
    "another key named": _name_another_key,
}
