"""A wrong key ring is noticed before it is used."""

from typing import Any

import pytest

from api.key_checks import MissingKeys, WrongKey, verify_against
from api.key_ring import KeyRing


@pytest.fixture
def ring() -> KeyRing:
    return KeyRing.fresh("key-1").with_added("key-2")


def values(ring: KeyRing) -> dict[str, bytes]:
    return {key_id: ring.check_value(key_id) for key_id in ring.key_ids}


def test_a_new_database_has_all_check_values_to_record(ring: KeyRing) -> None:
    assert verify_against(ring, {}, set()) == values(ring)


def test_an_added_key_has_its_check_value_to_record(ring: KeyRing) -> None:
    recorded = {"key-1": ring.check_value("key-1")}

    assert verify_against(ring, recorded, {"key-1"}) == {"key-2": ring.check_value("key-2")}


def test_the_right_ring_has_nothing_to_record(ring: KeyRing) -> None:
    assert verify_against(ring, values(ring), {"key-1", "key-2"}) == {}


def test_the_databases_own_bytes_are_understood(ring: KeyRing) -> None:
    recorded: dict[str, Any] = {key_id: memoryview(value) for key_id, value in values(ring).items()}

    assert verify_against(ring, recorded, set()) == {}


@pytest.mark.parametrize("wrong", ["key-1", "key-2"])
def test_another_key_under_a_recorded_id_is_refused_by_name(ring: KeyRing, wrong: str) -> None:
    recorded = values(ring) | {wrong: KeyRing.fresh(wrong).check_value(wrong)}

    with pytest.raises(WrongKey, match=f"^{wrong} in the key ring is not the key") as refusal:
        verify_against(ring, recorded, set())

    assert refusal.value.key_id == wrong


def test_a_spoilt_check_value_is_refused(ring: KeyRing) -> None:
    with pytest.raises(WrongKey):
        verify_against(ring, {"key-1": b""}, set())


def test_keys_that_rows_need_and_the_ring_lacks_are_named(ring: KeyRing) -> None:
    with pytest.raises(MissingKeys, match="lacks key-0, key-9,") as refusal:
        verify_against(ring, values(ring), {"key-9", "key-1", "key-0"})

    assert refusal.value.key_ids == {"key-0", "key-9"}


def test_a_retired_key_that_no_row_needs_may_be_gone(ring: KeyRing) -> None:
    recorded = values(ring) | {"key-0": b"its check value"}

    assert verify_against(ring, recorded, {"key-1"}) == {}


def test_no_refusal_shows_a_check_value(ring: KeyRing) -> None:
    with pytest.raises(WrongKey) as refusal:
        verify_against(KeyRing.fresh("key-1"), values(ring), set())

    assert ring.check_value("key-1").hex() not in str(refusal.value)
