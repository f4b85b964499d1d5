"""Replacing the key that seals secrets, from an operator's command line, with servers running."""

import base64
import os

import peewee
import pytest

from api.credentials.models import KeyCheck
from api.database import connection
from api.key_ring_file import KeyRingFile
from api.vault import Vault
from tests.rotations import PLAIN, audited, make_credentials, opened, refusal, run, sealed_with

# The whole way


def test_a_whole_rotation_needs_no_restart_and_loses_nothing(running_vault: Vault, ring_file: KeyRingFile) -> None:
    make_credentials(running_vault, 3)
    for step in (["add"], ["promote", "key-2"], ["rewrap"], ["retire", "key-1"]):
        assert run(*step).exit_code == 0
        make_credentials(running_vault, 1)

    assert opened(running_vault) == [PLAIN] * 7
    assert ring_file.current().key_ids == ("key-2",)
    assert sealed_with() == {"key-2": 7}


def test_each_step_is_audited(running_vault: Vault) -> None:
    make_credentials(running_vault, 3)
    for step in (["add"], ["promote", "key-2"], ["rewrap"], ["retire", "key-1"]):
        run(*step)

    assert audited() == [
        ("key-2", {"step": "ADDED"}),
        ("key-2", {"step": "PROMOTED"}),
        ("key-2", {"step": "REWRAPPED", "secrets": 3}),
        ("key-1", {"step": "RETIRED"}),
    ]


def test_no_output_shows_a_key(running_vault: Vault, ring_file: KeyRingFile) -> None:
    make_credentials(running_vault, 1)
    shown = run("add").output
    keys_written = [line.partition(":")[2] for line in ring_file.path.read_text().splitlines()]
    for step in (["status"], ["promote", "key-2"], ["rewrap"], ["status"], ["retire", "key-1"]):
        shown += run(*step).output

    assert len(keys_written) == 2
    assert not [key for key in keys_written if key in shown]


# Status


def test_status_names_each_key_and_what_it_seals(running_vault: Vault) -> None:
    make_credentials(running_vault, 2)
    run("add")

    lines = [line.split() for line in run("status").output.splitlines()]

    assert lines[:2] == [["key-1", "primary", "2", "secrets"], ["key-2", "0", "secrets"]]


def test_status_tells_what_is_left_to_move(running_vault: Vault) -> None:
    make_credentials(running_vault, 2)
    run("add")
    run("promote", "key-2")

    assert "2 secrets are to be moved to key-2" in run("status").output


def test_status_of_one_key_tells_how_a_rotation_begins(running_vault: Vault) -> None:
    assert "keys add" in run("status").output


def test_status_works_with_a_ring_in_the_environment(
    running_vault: Vault, ring_environment: dict[str, str], ring_file: KeyRingFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ENTRYGUARD_KEY_RING_FILE")
    monkeypatch.setenv("ENTRYGUARD_KEY_RING", ring_file.path.read_text())

    assert "key-1" in run("status").output


# Add


def test_an_added_key_seals_nothing(running_vault: Vault) -> None:
    run("add")
    make_credentials(running_vault, 1)

    assert sealed_with() == {"key-1": 1}


def test_an_added_key_may_be_named(running_vault: Vault, ring_file: KeyRingFile) -> None:
    run("add", "autumn")

    assert ring_file.current().key_ids == ("key-1", "autumn")


def test_an_added_key_s_check_value_is_recorded(running_vault: Vault, ring_file: KeyRingFile) -> None:
    run("add")

    with connection():
        recorded = {row.key_id: bytes(row.check_value) for row in KeyCheck.select()}
    assert recorded["key-2"] == ring_file.current().check_value("key-2")


def test_adding_tells_what_comes_next(running_vault: Vault) -> None:
    assert "keys promote key-2" in run("add").output


@pytest.mark.parametrize(
    ("key_id", "sentence"), [("key-1", "has known another key"), ("Ä", "A key id in the key ring is not made of")]
)
def test_an_id_that_is_taken_or_none_is_refused(
    running_vault: Vault, ring_file: KeyRingFile, key_id: str, sentence: str
) -> None:
    assert sentence in refusal("add", key_id)
    assert ring_file.current().key_ids == ("key-1",)
    assert audited() == []


def test_numbers_are_not_given_twice(running_vault: Vault, ring_file: KeyRingFile) -> None:
    for step in (["add"], ["promote", "key-2"], ["retire", "key-1"], ["add"]):
        run(*step)

    assert ring_file.current().key_ids == ("key-2", "key-3")


# Promote


def test_a_promoted_key_seals_what_is_new(running_vault: Vault) -> None:
    run("add")
    run("promote", "key-2")
    make_credentials(running_vault, 1)

    assert sealed_with() == {"key-2": 1}


def test_a_key_that_is_not_there_is_not_promoted(running_vault: Vault, ring_file: KeyRingFile) -> None:
    assert "holds no key with the id key-9" in refusal("promote", "key-9")
    assert audited() == []


def test_promoting_the_primary_key_changes_nothing(running_vault: Vault, ring_file: KeyRingFile) -> None:
    before = ring_file.path.stat()

    assert "is the primary key already" in run("promote", "key-1").output
    assert ring_file.path.stat() == before


# Retire


def test_a_key_that_seals_a_secret_is_not_retired(running_vault: Vault, ring_file: KeyRingFile) -> None:
    make_credentials(running_vault, 1)
    run("add")
    run("promote", "key-2")

    assert "key-1 still seals secrets" in refusal("retire", "key-1")
    assert ring_file.current().key_ids == ("key-2", "key-1")


def test_the_primary_key_is_not_retired(running_vault: Vault, ring_file: KeyRingFile) -> None:
    assert "key-1 is the primary key" in refusal("retire", "key-1")
    assert ring_file.current().key_ids == ("key-1",)


def test_a_key_that_is_not_there_is_not_retired(running_vault: Vault) -> None:
    assert "holds no key with the id key-9" in refusal("retire", "key-9")


def test_a_refused_retirement_is_not_audited_and_keeps_the_check_value(running_vault: Vault) -> None:
    refusal("retire", "key-1")

    assert audited() == []
    with connection():
        assert [row.key_id for row in KeyCheck.select()] == ["key-1"]


def test_what_a_server_sealed_with_a_retired_key_is_not_stored_any_more(
    running_vault: Vault, ring_file: KeyRingFile
) -> None:
    slow = Vault(ring_file.current())  # read the ring before the rotation, and stores only now
    for step in (["add"], ["promote", "key-2"], ["retire", "key-1"]):
        run(*step)

    with pytest.raises(peewee.IntegrityError):
        make_credentials(slow, 1)


# What the commands cannot do


@pytest.mark.parametrize("step", [["add"], ["promote", "key-2"], ["retire", "key-1"]])
def test_a_ring_in_the_environment_is_changed_by_hand(
    ring_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, step: list[str]
) -> None:
    monkeypatch.delenv("ENTRYGUARD_KEY_RING_FILE")
    monkeypatch.setenv("ENTRYGUARD_KEY_RING", f"key-1:{base64.b64encode(os.urandom(32)).decode()}")

    assert "The key ring stands in ENTRYGUARD_KEY_RING, which this command cannot change." in refusal(*step)


def test_a_wrong_ring_is_refused_before_anything_is_done(running_vault: Vault, ring_file: KeyRingFile) -> None:
    make_credentials(running_vault, 1)
    ring_file.path.unlink()
    KeyRingFile.create(ring_file.path)

    assert "key-1 in the key ring is not the key that this database was sealed with" in refusal("add")


def test_missing_settings_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("ENTRYGUARD_"):
            monkeypatch.delenv(name)

    assert "ENTRYGUARD_DATABASE_URL is not set" in refusal("status")
