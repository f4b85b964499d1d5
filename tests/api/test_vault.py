"""A sealed secret opens in its own place, with its own key, and nowhere else."""

import dataclasses
import multiprocessing
import random
import traceback
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.key_ring import KeyRing, UnknownKey
from api.key_ring_file import KeyRingFile
from api.secret import Secret
from api.vault import SealBroken, Sealed, SealName, Vault

NAME = SealName(
    purpose="credential",
    organisation_id=uuid.UUID("0b1f7a52-3d5e-4c1f-9a77-1f0e6c2b9d10"),
    credential_id=uuid.UUID("7c9e6679-7425-40de-944b-e07fc1f90ae7"),
    field="data",
    version=3,
)
PLAIN = Secret.of_json({"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "secretAccessKey": "canary-51c0f3"})
PARTS = ("wrapped_key", "sealed_data")
RING = KeyRing.fresh("key-1").with_added("key-2")


@pytest.fixture
def vault() -> Vault:
    return Vault(RING)


@pytest.fixture
def sealed(vault: Vault) -> Sealed:
    return vault.seal(PLAIN, NAME)


def with_part(sealed: Sealed, part: str, content: bytes) -> Sealed:
    changes: dict[str, Any] = {part: content}
    return dataclasses.replace(sealed, **changes)


def with_bit_flipped(content: bytes, bit: int) -> bytes:
    flipped = bytearray(content)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


def test_what_was_sealed_opens(vault: Vault, sealed: Sealed) -> None:
    assert vault.open(sealed, NAME) == PLAIN


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=5000))
def test_any_content_opens(content: bytes) -> None:
    vault = Vault(RING)

    assert vault.open(vault.seal(Secret(content), NAME), NAME).reveal() == content


def test_the_ring_s_primary_key_wraps(sealed: Sealed) -> None:
    assert sealed.key_id == "key-1"


def test_the_stored_bytes_start_with_what_they_are(sealed: Sealed) -> None:
    assert sealed.sealed_data.startswith(b"EGS\x01\x01D")
    assert sealed.wrapped_key.startswith(b"EGS\x01\x01K\x05key-1")


def test_the_stored_bytes_are_longer_than_the_secret_by_header_nonce_and_tag(sealed: Sealed) -> None:
    assert len(sealed.sealed_data) == 6 + 12 + len(PLAIN.reveal()) + 16
    assert len(sealed.wrapped_key) == 6 + 1 + len("key-1") + 12 + 32 + 16


def test_the_same_secret_is_never_sealed_alike(vault: Vault, sealed: Sealed) -> None:
    again = vault.seal(PLAIN, NAME)

    assert again.sealed_data != sealed.sealed_data
    assert again.wrapped_key != sealed.wrapped_key


def test_no_nonce_comes_twice(vault: Vault) -> None:
    nonces = {vault.seal(Secret(b""), NAME).sealed_data[6:18] for _ in range(1000)}

    assert len(nonces) == 1000


def test_the_database_s_own_bytes_open(vault: Vault, sealed: Sealed) -> None:
    row: dict[str, Any] = {part: memoryview(getattr(sealed, part)) for part in PARTS}

    assert vault.open(Sealed(sealed.key_id, **row), NAME) == PLAIN


# Refusals


def test_every_flipped_bit_of_the_sealed_data_is_refused(vault: Vault, sealed: Sealed) -> None:
    for bit in range(len(sealed.sealed_data) * 8):
        with pytest.raises(SealBroken):
            vault.open(with_part(sealed, "sealed_data", with_bit_flipped(sealed.sealed_data, bit)), NAME)


def test_every_flipped_bit_of_the_wrapped_key_is_refused(vault: Vault, sealed: Sealed) -> None:
    for bit in range(len(sealed.wrapped_key) * 8):
        altered = with_part(sealed, "wrapped_key", with_bit_flipped(sealed.wrapped_key, bit))
        with pytest.raises(SealBroken):
            vault.open(altered, NAME)
        with pytest.raises(SealBroken):
            Vault(RING.promoted("key-2")).rewrap(altered, NAME)


def test_every_cut_and_every_addition_is_refused(vault: Vault, sealed: Sealed) -> None:
    for part in PARTS:
        content = getattr(sealed, part)
        altered = [content[:length] for length in range(len(content))]
        altered += [content[start:] for start in range(1, len(content))]
        altered += [content + b"\0", b"\0" + content, content + content]
        for other in altered:
            with pytest.raises(SealBroken):
                vault.open(with_part(sealed, part, other), NAME)


def test_random_damage_is_refused(vault: Vault, sealed: Sealed) -> None:
    chance = random.Random(1)  # noqa: S311 — damage that can be repeated, no secret
    for _ in range(100_000):
        part = chance.choice(PARTS)
        content = bytearray(getattr(sealed, part))
        start = chance.randrange(len(content))
        length = min(chance.randint(1, 16), len(content) - start)
        damage = chance.randbytes(length)
        if bytes(content[start : start + length]) == damage:
            continue
        content[start : start + length] = damage
        with pytest.raises(SealBroken):
            vault.open(with_part(sealed, part, bytes(content)), NAME)


ELSEWHERE = {
    "another organisation": dataclasses.replace(NAME, organisation_id=uuid.uuid4()),
    "another credential": dataclasses.replace(NAME, credential_id=uuid.uuid4()),
    "another field": dataclasses.replace(NAME, field="dato"),
    "no field": dataclasses.replace(NAME, field=""),
    "another purpose": dataclasses.replace(NAME, purpose="session"),
    "an older version": dataclasses.replace(NAME, version=2),
    "a newer version": dataclasses.replace(NAME, version=4),
    "organisation and credential exchanged": dataclasses.replace(
        NAME, organisation_id=NAME.credential_id, credential_id=NAME.organisation_id
    ),
    "a letter moved from the purpose to the field": dataclasses.replace(NAME, purpose="credentia", field="ldata"),
    "purpose and field exchanged": dataclasses.replace(NAME, purpose=NAME.field, field=NAME.purpose),
}


@pytest.mark.parametrize("place", ELSEWHERE)
def test_a_secret_that_was_moved_is_refused(vault: Vault, sealed: Sealed, place: str) -> None:
    with pytest.raises(SealBroken):
        vault.open(sealed, ELSEWHERE[place])


@pytest.mark.parametrize("place", ELSEWHERE)
def test_a_moved_secret_is_not_rewrapped_into_its_new_place(sealed: Sealed, place: str) -> None:
    with pytest.raises(SealBroken):
        Vault(RING.promoted("key-2")).rewrap(sealed, ELSEWHERE[place])


@settings(max_examples=200, deadline=None)
@given(
    name=st.builds(
        SealName,
        purpose=st.sampled_from(["credential", "credentia", ""]),
        organisation_id=st.sampled_from([NAME.organisation_id, NAME.credential_id]),
        credential_id=st.sampled_from([NAME.organisation_id, NAME.credential_id]),
        field=st.sampled_from(["data", "ldata", ""]),
        version=st.integers(min_value=1, max_value=2**63),
    )
)
def test_only_the_very_name_opens(name: SealName) -> None:
    vault = Vault(RING)
    sealed = vault.seal(PLAIN, name)

    assert vault.open(sealed, name) == PLAIN
    if name != NAME:
        with pytest.raises(SealBroken):
            vault.open(sealed, NAME)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("place", ["another credential", "an older version", "another organisation"])
def test_a_part_of_another_secret_is_refused(vault: Vault, sealed: Sealed, part: str, place: str) -> None:
    other = vault.seal(PLAIN, ELSEWHERE[place])

    with pytest.raises(SealBroken):
        vault.open(with_part(sealed, part, getattr(other, part)), NAME)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_an_earlier_sealing_in_the_same_place_is_refused(vault: Vault, sealed: Sealed, part: str) -> None:
    earlier = vault.seal(PLAIN, NAME)

    with pytest.raises(SealBroken):
        vault.open(with_part(sealed, part, getattr(earlier, part)), NAME)


def test_a_wrapped_key_is_not_taken_for_data_nor_data_for_a_wrapped_key(vault: Vault, sealed: Sealed) -> None:
    with pytest.raises(SealBroken):
        vault.open(Sealed(sealed.key_id, sealed.sealed_data, sealed.wrapped_key), NAME)


@pytest.mark.parametrize("key_id", ["key-2", "key-3", "key-", "key-11", "", "k" * 33, "k" * 300, "schlüssel"])
def test_a_row_whose_key_id_was_changed_is_refused(vault: Vault, sealed: Sealed, key_id: str) -> None:
    with pytest.raises(SealBroken):
        vault.open(dataclasses.replace(sealed, key_id=key_id), NAME)


def test_a_row_whose_key_id_was_changed_together_with_its_header_is_refused(vault: Vault, sealed: Sealed) -> None:
    forged = Sealed("key-2", sealed.wrapped_key.replace(b"key-1", b"key-2"), sealed.sealed_data)

    with pytest.raises(SealBroken):
        vault.open(forged, NAME)


@pytest.mark.parametrize("position", [3, 4])
@pytest.mark.parametrize("number", [0, 2, 255])
def test_another_format_or_algorithm_is_refused(vault: Vault, sealed: Sealed, position: int, number: int) -> None:
    for part in PARTS:
        content = bytearray(getattr(sealed, part))
        content[position] = number
        with pytest.raises(SealBroken):
            vault.open(with_part(sealed, part, bytes(content)), NAME)


def test_another_key_under_the_same_id_is_refused(sealed: Sealed) -> None:
    with pytest.raises(SealBroken):
        Vault(KeyRing.fresh("key-1")).open(sealed, NAME)


@pytest.mark.parametrize("operation", [Vault.open, Vault.rewrap])
def test_a_key_that_the_ring_lacks_is_named(sealed: Sealed, operation: Callable[..., object]) -> None:
    with pytest.raises(UnknownKey) as refusal:
        operation(Vault(KeyRing.fresh("key-9")), sealed, NAME)

    assert refusal.value.key_id == "key-1"


def test_whatever_is_wrong_the_answer_is_the_same(vault: Vault, sealed: Sealed) -> None:
    attempts = [
        (sealed, ELSEWHERE["another organisation"]),
        (with_part(sealed, "sealed_data", b""), NAME),
        (with_part(sealed, "wrapped_key", b"nonsense"), NAME),
        (dataclasses.replace(sealed, key_id="key-2"), NAME),
        (with_part(sealed, "sealed_data", with_bit_flipped(sealed.sealed_data, 800)), NAME),
    ]
    answers = set()
    for attempt in attempts:
        with pytest.raises(SealBroken) as refusal:
            vault.open(*attempt)
        answers.add((str(refusal.value), refusal.value.code, repr(refusal.value.__context__)))

    assert answers == {("A stored secret cannot be opened.", "INTERNAL_ERROR", "None")}


# Nothing is shown


def test_what_is_stored_does_not_hold_the_secret(sealed: Sealed) -> None:
    assert b"canary-51c0f3" not in sealed.sealed_data + sealed.wrapped_key


def test_the_looks_of_a_sealed_secret_are_short(sealed: Sealed) -> None:
    assert repr(sealed) == "Sealed(key_id='key-1')"


def test_a_traceback_with_all_locals_shows_no_key(monkeypatch: pytest.MonkeyPatch, vault: Vault) -> None:
    data_key = b"the data key, 32 bytes of canary"
    monkeypatch.setattr("os.urandom", lambda length: data_key[:length])
    sealed = vault.seal(PLAIN, NAME)
    with pytest.raises(SealBroken) as refusal:
        vault.open(with_part(sealed, "sealed_data", with_bit_flipped(sealed.sealed_data, 800)), NAME)

    inside_the_vault = refusal.value.__traceback__ and refusal.value.__traceback__.tb_next
    told = "".join(
        traceback.TracebackException(SealBroken, refusal.value, inside_the_vault, capture_locals=True).format()
    )

    assert "key = Secret(…)" in told
    assert "canary" not in told


# Rotation


def test_rewrapping_moves_to_the_primary_key_and_leaves_the_data(sealed: Sealed) -> None:
    rewrapped = Vault(RING.promoted("key-2")).rewrap(sealed, NAME)

    assert rewrapped.key_id == "key-2"
    assert rewrapped.sealed_data == sealed.sealed_data


def test_what_was_rewrapped_opens_without_the_old_key(sealed: Sealed) -> None:
    promoted = RING.promoted("key-2")
    rewrapped = Vault(promoted).rewrap(sealed, NAME)

    assert Vault(promoted.without("key-1")).open(rewrapped, NAME) == PLAIN


def test_what_was_not_yet_rewrapped_opens_during_a_rotation(sealed: Sealed) -> None:
    assert Vault(RING.promoted("key-2")).open(sealed, NAME) == PLAIN


def test_rewrapping_what_the_primary_wraps_changes_nothing(vault: Vault, sealed: Sealed) -> None:
    assert vault.rewrap(sealed, NAME) == sealed


def test_a_running_vault_follows_its_file_through_a_whole_rotation(tmp_path: Path) -> None:
    file = KeyRingFile.create(tmp_path / "key-ring")
    server = Vault(KeyRingFile(file.path))
    old = server.seal(PLAIN, NAME)

    file.edit(lambda ring: ring.with_added("key-2"))
    assert server.seal(PLAIN, NAME).key_id == "key-1"
    file.edit(lambda ring: ring.promoted("key-2"))
    assert server.seal(PLAIN, NAME).key_id == "key-2"
    new = server.rewrap(old, NAME)
    file.edit(lambda ring: ring.without("key-1"))

    assert server.open(new, NAME) == PLAIN
    with pytest.raises(UnknownKey):
        server.open(old, NAME)


def _open(path: Path, sealed: Sealed, answers: "multiprocessing.Queue[bytes]") -> None:
    answers.put(Vault(KeyRingFile(path)).open(sealed, NAME).reveal())


def test_another_process_opens_what_this_one_sealed(tmp_path: Path) -> None:
    file = KeyRingFile.create(tmp_path / "key-ring")
    processes = multiprocessing.get_context("spawn")
    answers: multiprocessing.Queue[bytes] = processes.Queue()
    other = processes.Process(target=_open, args=(file.path, Vault(file).seal(PLAIN, NAME), answers))
    other.start()
    opened = answers.get(timeout=20)
    other.join()

    assert opened == PLAIN.reveal()
