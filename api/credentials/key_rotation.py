"""Replacing the key that seals secrets while the servers run: add, promote, re-wrap, retire.

Each step is safe to repeat, and beside servers and other rotations. The file is changed last in the transaction that
records the change: what then goes wrong at the commit leaves a ring that still opens everything.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import peewee

from api import audit
from api.actor import Actor
from api.credentials.models import CredentialSecret, KeyCheck
from api.credentials.secrets import seal_name
from api.database import delete, write
from api.key_ring import KeyRing, KeyRingError
from api.key_ring_file import KeyRingFile
from api.vault import SealBroken, Sealed, Vault

# Few enough that nobody who writes waits for long: 500 take some 50 ms.
BATCH = 500


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step of re-wrapping did: how many secrets it moved, and whose do not open."""

    moved: int
    broken: tuple[uuid.UUID, ...]


def sealed_with() -> dict[str, int]:
    """How many secrets each key seals, by key id."""
    count = peewee.fn.COUNT(CredentialSecret.credential_id)
    counts: Any = CredentialSecret.select(CredentialSecret.key_id, count).group_by(CredentialSecret.key_id).tuples()
    return dict(counts)


def next_key_id(ring: KeyRing) -> str:
    """`key-N`, N one more than any key has had that is known."""
    known = {*ring.key_ids, *(row.key_id for row in KeyCheck.select(KeyCheck.key_id)), *sealed_with()}
    numbers = (key_id.removeprefix("key-") for key_id in known if key_id.startswith("key-"))
    return f"key-{max((int(number) for number in numbers if number.isdecimal()), default=0) + 1}"


def add(file: KeyRingFile, key_id: str) -> None:
    """Put a new random key into the ring; it seals nothing yet. KeyRingError for an id that is taken or no id."""
    if KeyCheck.get_or_none(KeyCheck.key_id == key_id):
        raise KeyRingError(f"This database has known another key with the id {key_id}. Choose an id of its own.")
    with write():
        _record(key_id, "ADDED")
        ring = file.edit(lambda ring: ring.with_added(key_id))
        KeyCheck.insert(key_id=key_id, check_value=ring.check_value(key_id)).on_conflict_ignore().execute()


def promote(file: KeyRingFile, key_id: str) -> None:
    """Let this key seal from now on. UnknownKey where the ring has none such."""
    with write():
        _record(key_id, "PROMOTED")
        file.edit(lambda ring: ring.promoted(key_id))


def rewrap(vault: Vault, primary: str) -> Iterator[Batch]:
    """Move all secrets to the primary key, a batch at a time. Interrupted, it goes on where it was when called again.

    Raises UnknownKey where a secret is sealed with a key that the ring lacks.
    """
    moved_in_pass = True
    # Again until nothing moves: a server may have sealed with the old key in the meantime.
    while moved_in_pass:
        moved_in_pass = False
        after = None
        while rows := _not_sealed_with(primary, after):
            batch = _rewrap_batch(vault, primary, rows)
            after = rows[-1].credential_id
            moved_in_pass = moved_in_pass or batch.moved > 0
            yield batch


def retire(file: KeyRingFile, key_id: str) -> None:
    """Take a key out of the ring. KeyRingError while a secret needs it or while it is the primary; UnknownKey."""
    with write():
        try:
            # Every secret refers to this row. So what a server sealed with the key before it learned of the rotation is
            # no longer stored.
            delete(KeyCheck, KeyCheck.key_id == key_id)
        except peewee.IntegrityError:
            raise KeyRingError(f"{key_id} still seals secrets. Run `entryguard-server keys rewrap` first.") from None
        _record(key_id, "RETIRED")
        file.edit(lambda ring: ring.without(key_id))


def _not_sealed_with(primary: str, after: uuid.UUID | None) -> list[CredentialSecret]:
    query = CredentialSecret.select().where(CredentialSecret.key_id != primary)
    if after is not None:
        query = query.where(CredentialSecret.credential_id > after)
    return list(query.order_by(CredentialSecret.credential_id, CredentialSecret.version).limit(BATCH))


def _rewrap_batch(vault: Vault, primary: str, rows: list[CredentialSecret]) -> Batch:
    broken: list[uuid.UUID] = []
    rewrapped: list[tuple[CredentialSecret, Sealed]] = []
    for row in rows:
        sealed = Sealed(row.key_id, row.wrapped_key, row.sealed_data)
        try:
            name = seal_name(row.organisation_id, row.credential_id, row.version)
            rewrapped.append((row, vault.rewrap(sealed, name)))
        except SealBroken:
            broken.append(row.credential_id)
    with write():
        moved = sum(_store(row, sealed) for row, sealed in rewrapped)
        if moved:
            _record(primary, "REWRAPPED", moved)
    return Batch(moved, tuple(broken))


def _store(row: CredentialSecret, sealed: Sealed) -> int:
    """1 where the secret is still as it was read: whoever has replaced or re-wrapped it meanwhile is right."""
    stored: int = (
        CredentialSecret.update(key_id=sealed.key_id, wrapped_key=sealed.wrapped_key)
        .where(
            CredentialSecret.credential_id == row.credential_id,
            CredentialSecret.version == row.version,
            CredentialSecret.wrapped_key == bytes(row.wrapped_key),
        )
        .execute()
    )
    return stored


def _record(key_id: str, step: str, secrets: int | None = None) -> None:
    details = {"step": step} if secrets is None else {"step": step, "secrets": secrets}
    audit.record(Actor.system(None), "KEY_ROTATE", audit.Subject("KEY", key_id, key_id), details=details)
