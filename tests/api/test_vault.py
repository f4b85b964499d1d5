"""A sealed secret opens in its own place, with its own key; shows nothing; and follows a rotation."""

import multiprocessing
import traceback
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.key_ring import KeyRing, UnknownKey
from api.key_ring_file import KeyRingFile
from api.secret import Secret
from api.vault import SealBroken, Sealed, Vault
from tests.seals import NAME, PARTS, PLAIN, RING, with_bit_flipped, with_part


@pytest.fixture
def vault() -> Vault:
    return Vault(RING)


@pytest.fixture
def sealed(vault: Vault) -> Sealed:
    return vault.seal(PLAIN, NAME)


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


def test_what_an_earlier_release_sealed_opens() -> None:
    """Whatever the bytes are made of: they are in people's databases."""
    ring = KeyRing.parse(Secret.of_text("first:jx08WnfgspRtEP6Dq0XJ0m53A/GYSyrNVZDmGDe/Qqw="))
    kept = Sealed(
        "first",
        bytes.fromhex(
            "45475301014b056669727374e70b52d342aca932edd32936e4d23d67e046b23c5bc9c3d8fc36bd5cf8f9a4d3"
            "40da8c70806f71029cf24a838d6ea756891251ed996f973e68e0f91f"
        ),
        bytes.fromhex("45475301014403f9c936c618ef1be77da65ff1dde89c8add7bc44a5c72f1c7de4f93f45840fc0b5503bf4c9e1f8411"),
    )

    assert Vault(ring).open(kept, NAME).reveal() == b"an access key"
