"""What is damaged, moved or forged does not open, and nobody is told why."""

import dataclasses
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.key_ring import KeyRing, UnknownKey
from api.vault import SealBroken, Sealed, SealName, Vault
from tests.seals import ELSEWHERE, NAME, PARTS, PLAIN, RING, with_bit_flipped, with_part


@pytest.fixture
def vault() -> Vault:
    return Vault(RING)


@pytest.fixture
def sealed(vault: Vault) -> Sealed:
    return vault.seal(PLAIN, NAME)


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


@pytest.mark.parametrize("key_id", ["key-2", "key-3", "key-", "key-11", "", "k" * 33, "k" * 256, "schlüssel"])
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
