"""Replacing the key that seals secrets, from an operator's command line, with servers running."""

import base64
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import peewee
import pytest
from click.testing import CliRunner, Result

from api.audit_log.models import AuditEntry
from api.commands.keys import keys
from api.credentials import key_rotation, secrets
from api.credentials.models import Credential, CredentialSecret, KeyCheck
from api.database import bind, connection, database, forget_connections, write
from api.key_ring_file import KeyRingFile
from api.secret import Secret
from api.vault import Sealed, Vault
from tests.rows import make_credential, make_organisation

PLAIN = Secret.of_text("canary-9b41e7")


@pytest.fixture
def file(tmp_path: Path) -> KeyRingFile:
    return KeyRingFile.create(tmp_path / "key-ring")


@pytest.fixture
def environment(database_url: str, file: KeyRingFile, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """What an operator's command finds in its environment; the test is bound to the same database."""
    values = {
        "ENTRYGUARD_DATABASE_URL": database_url,
        "ENTRYGUARD_REDIS_URL": "redis://127.0.0.1:1",
        "ENTRYGUARD_PUBLIC_URL": "https://entryguard.example.com",
        "ENTRYGUARD_KEY_RING_FILE": str(file.path),
        **{f"ENTRYGUARD_{name}": os.urandom(32).hex() for name in ("JWT_SECRET", "AUDIT_KEY", "COOKIE_SECRET")},
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    bind(database_url)
    yield values
    database.close_all()
    forget_connections()


@pytest.fixture
def server(environment: dict[str, str], file: KeyRingFile) -> Vault:
    """A server's vault: it started before anything was rotated, and is not restarted."""
    vault = Vault(KeyRingFile(file.path))
    assert run("status").exit_code == 0
    return vault


def run(*arguments: str) -> Result:
    return CliRunner().invoke(keys, arguments, catch_exceptions=False)


def refusal(*arguments: str) -> str:
    answer = run(*arguments)
    assert answer.exit_code == 1
    return answer.output


def make_credentials(vault: Vault, count: int) -> None:
    with connection(), write():
        organisation = make_organisation()
        for _ in range(count):
            credential = make_credential(organisation)
            secrets.keep(credential, 1, secrets.CURRENT, PLAIN, vault, datetime.now(UTC))


def opened(vault: Vault) -> list[Secret]:
    with connection():
        return [
            vault.open(
                Sealed(row.key_id, row.wrapped_key, row.sealed_data),
                secrets.seal_name(row.organisation_id, row.credential_id, row.version),
            )
            for row in CredentialSecret.select()
        ]


def sealed_with() -> dict[str, int]:
    with connection():
        return key_rotation.sealed_with()


def audited() -> list[tuple[str | None, dict[str, Any]]]:
    with connection():
        rows = AuditEntry.select().where(AuditEntry.event_type == "KEY_ROTATE").order_by(AuditEntry.position)
        return [(row.resource_id, row.details) for row in rows]


# The whole way


def test_a_whole_rotation_needs_no_restart_and_loses_nothing(server: Vault, file: KeyRingFile) -> None:
    make_credentials(server, 3)
    for step in (["add"], ["promote", "key-2"], ["rewrap"], ["retire", "key-1"]):
        assert run(*step).exit_code == 0
        make_credentials(server, 1)

    assert opened(server) == [PLAIN] * 7
    assert file.current().key_ids == ("key-2",)
    assert sealed_with() == {"key-2": 7}


def test_each_step_is_audited(server: Vault) -> None:
    make_credentials(server, 3)
    for step in (["add"], ["promote", "key-2"], ["rewrap"], ["retire", "key-1"]):
        run(*step)

    assert audited() == [
        ("key-2", {"step": "ADDED"}),
        ("key-2", {"step": "PROMOTED"}),
        ("key-2", {"step": "REWRAPPED", "secrets": 3}),
        ("key-1", {"step": "RETIRED"}),
    ]


def test_no_output_shows_a_key(server: Vault, file: KeyRingFile) -> None:
    make_credentials(server, 1)
    shown = run("add").output
    keys_written = [line.partition(":")[2] for line in file.path.read_text().splitlines()]
    for step in (["status"], ["promote", "key-2"], ["rewrap"], ["status"], ["retire", "key-1"]):
        shown += run(*step).output

    assert len(keys_written) == 2
    assert not [key for key in keys_written if key in shown]


# Status


def test_status_names_each_key_and_what_it_seals(server: Vault) -> None:
    make_credentials(server, 2)
    run("add")

    lines = [line.split() for line in run("status").output.splitlines()]

    assert lines[:2] == [["key-1", "primary", "2", "secrets"], ["key-2", "0", "secrets"]]


def test_status_tells_what_is_left_to_move(server: Vault) -> None:
    make_credentials(server, 2)
    run("add")
    run("promote", "key-2")

    assert "2 secrets are to be moved to key-2" in run("status").output


def test_status_of_one_key_tells_how_a_rotation_begins(server: Vault) -> None:
    assert "keys add" in run("status").output


def test_status_works_with_a_ring_in_the_environment(
    server: Vault, environment: dict[str, str], file: KeyRingFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ENTRYGUARD_KEY_RING_FILE")
    monkeypatch.setenv("ENTRYGUARD_KEY_RING", file.path.read_text())

    assert "key-1" in run("status").output


# Add


def test_an_added_key_seals_nothing(server: Vault) -> None:
    run("add")
    make_credentials(server, 1)

    assert sealed_with() == {"key-1": 1}


def test_an_added_key_may_be_named(server: Vault, file: KeyRingFile) -> None:
    run("add", "autumn")

    assert file.current().key_ids == ("key-1", "autumn")


def test_an_added_key_s_check_value_is_recorded(server: Vault, file: KeyRingFile) -> None:
    run("add")

    with connection():
        recorded = {row.key_id: bytes(row.check_value) for row in KeyCheck.select()}
    assert recorded["key-2"] == file.current().check_value("key-2")


def test_adding_tells_what_comes_next(server: Vault) -> None:
    assert "keys promote key-2" in run("add").output


@pytest.mark.parametrize(
    ("key_id", "sentence"), [("key-1", "has known another key"), ("Ä", "A key id in the key ring is not made of")]
)
def test_an_id_that_is_taken_or_none_is_refused(server: Vault, file: KeyRingFile, key_id: str, sentence: str) -> None:
    assert sentence in refusal("add", key_id)
    assert file.current().key_ids == ("key-1",)
    assert audited() == []


def test_numbers_are_not_given_twice(server: Vault, file: KeyRingFile) -> None:
    for step in (["add"], ["promote", "key-2"], ["retire", "key-1"], ["add"]):
        run(*step)

    assert file.current().key_ids == ("key-2", "key-3")


# Promote


def test_a_promoted_key_seals_what_is_new(server: Vault) -> None:
    run("add")
    run("promote", "key-2")
    make_credentials(server, 1)

    assert sealed_with() == {"key-2": 1}


def test_a_key_that_is_not_there_is_not_promoted(server: Vault, file: KeyRingFile) -> None:
    assert "holds no key with the id key-9" in refusal("promote", "key-9")
    assert audited() == []


def test_promoting_the_primary_key_changes_nothing(server: Vault, file: KeyRingFile) -> None:
    before = file.path.stat()

    assert "is the primary key already" in run("promote", "key-1").output
    assert file.path.stat() == before


# Re-wrap


def test_rewrapping_leaves_the_sealed_data(server: Vault) -> None:
    make_credentials(server, 3)
    with connection():
        before = {row.credential_id: bytes(row.sealed_data) for row in CredentialSecret.select()}
    for step in (["add"], ["promote", "key-2"], ["rewrap"]):
        run(*step)

    with connection():
        assert {row.credential_id: bytes(row.sealed_data) for row in CredentialSecret.select()} == before


def test_candidates_are_moved_too(server: Vault) -> None:
    make_credentials(server, 1)
    with connection(), write():
        secrets.keep(Credential.get(), 2, secrets.CANDIDATE, PLAIN, server, datetime.now(UTC))
    for step in (["add"], ["promote", "key-2"], ["rewrap"]):
        run(*step)

    assert sealed_with() == {"key-2": 2}


def test_more_secrets_than_a_batch_are_moved(server: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_rotation, "BATCH", 3)
    make_credentials(server, 10)
    for step in (["add"], ["promote", "key-2"], ["rewrap"]):
        run(*step)

    assert sealed_with() == {"key-2": 10}
    assert opened(server) == [PLAIN] * 10


def test_rewrapping_again_moves_nothing(server: Vault) -> None:
    make_credentials(server, 2)
    for step in (["add"], ["promote", "key-2"], ["rewrap"]):
        run(*step)

    assert run("rewrap").output.startswith(
        "0 secrets moved; all are on key-2 now. Run `entryguard-server keys retire key-1`"
    )


def test_a_secret_that_was_replaced_meanwhile_is_left_alone(server: Vault, file: KeyRingFile) -> None:
    make_credentials(server, 1)
    run("add")
    run("promote", "key-2")
    newer = Secret.of_text("a newer secret")

    class Slow(Vault):
        """Is overtaken by somebody who sets the secret anew."""

        def rewrap(self, sealed: Sealed, name: object) -> Sealed:
            moved = super().rewrap(sealed, name)  # type: ignore[arg-type]
            with write():
                secrets.keep(Credential.get(), 1, secrets.CURRENT, newer, server, datetime.now(UTC))
            return moved

    with connection():
        moved = [batch.moved for batch in key_rotation.rewrap(Slow(file), "key-2")]

    assert moved == [0]
    assert opened(server) == [newer]


def test_what_does_not_open_is_named_and_the_rest_is_moved(server: Vault) -> None:
    make_credentials(server, 3)
    with connection(), write():
        spoilt = Credential.select().order_by(Credential.id)[1].id
        CredentialSecret.update(version=9).where(CredentialSecret.credential_id == spoilt).execute()
    run("add")
    run("promote", "key-2")

    assert "2 secrets moved to key-2. Those of these credentials do not open" in refusal("rewrap")
    assert str(spoilt) in refusal("rewrap")
    assert sealed_with() == {"key-1": 1, "key-2": 2}


def test_rewrapping_works_with_a_ring_in_the_environment(
    server: Vault, file: KeyRingFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_credentials(server, 2)
    run("add")
    run("promote", "key-2")
    monkeypatch.delenv("ENTRYGUARD_KEY_RING_FILE")
    monkeypatch.setenv("ENTRYGUARD_KEY_RING", file.path.read_text())

    run("rewrap")

    assert sealed_with() == {"key-2": 2}


def _rewrapping(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    program = (
        "from api.commands.keys import keys; from api.credentials import key_rotation\nkey_rotation.BATCH = 5\nkeys()"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, "rewrap"], env={**os.environ, **environment}, stdout=subprocess.PIPE
    )


def test_killed_in_the_middle_it_goes_on_when_run_again(server: Vault, environment: dict[str, str]) -> None:
    make_credentials(server, 600)
    run("add")
    run("promote", "key-2")
    left = [sealed_with()["key-1"]]
    for _ in range(3):
        process = _rewrapping(environment)
        assert process.stdout and process.stdout.readline()
        process.kill()
        process.wait()
        left.append(sealed_with().get("key-1", 0))

    run("rewrap")

    assert left[0] > left[1] > left[2] > left[3] > 0
    assert sealed_with() == {"key-2": 600}
    assert opened(server) == [PLAIN] * 600


def test_two_at_once_do_each_secret_once(server: Vault, environment: dict[str, str]) -> None:
    make_credentials(server, 300)
    run("add")
    run("promote", "key-2")

    both = [_rewrapping(environment) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]

    counted = [details["secrets"] for _, details in audited() if details["step"] == "REWRAPPED"]
    assert sum(counted) == 300
    assert opened(server) == [PLAIN] * 300


def test_a_server_reads_and_writes_secrets_all_through_a_rotation(server: Vault, environment: dict[str, str]) -> None:
    make_credentials(server, 300)
    run("add")
    run("promote", "key-2")

    process = _rewrapping(environment)
    while process.poll() is None:
        make_credentials(server, 1)
        assert set(map(Secret.reveal, opened(server))) == {PLAIN.reveal()}
        time.sleep(0.01)

    assert process.returncode == 0
    assert set(sealed_with()) == {"key-2"}


# Retire


def test_a_key_that_seals_a_secret_is_not_retired(server: Vault, file: KeyRingFile) -> None:
    make_credentials(server, 1)
    run("add")
    run("promote", "key-2")

    assert "key-1 still seals secrets" in refusal("retire", "key-1")
    assert file.current().key_ids == ("key-2", "key-1")


def test_the_primary_key_is_not_retired(server: Vault, file: KeyRingFile) -> None:
    assert "key-1 is the primary key" in refusal("retire", "key-1")
    assert file.current().key_ids == ("key-1",)


def test_a_key_that_is_not_there_is_not_retired(server: Vault) -> None:
    assert "holds no key with the id key-9" in refusal("retire", "key-9")


def test_a_refused_retirement_is_not_audited_and_keeps_the_check_value(server: Vault) -> None:
    refusal("retire", "key-1")

    assert audited() == []
    with connection():
        assert [row.key_id for row in KeyCheck.select()] == ["key-1"]


def test_what_a_server_sealed_with_a_retired_key_is_not_stored_any_more(server: Vault, file: KeyRingFile) -> None:
    slow = Vault(file.current())  # read the ring before the rotation, and stores only now
    for step in (["add"], ["promote", "key-2"], ["retire", "key-1"]):
        run(*step)

    with pytest.raises(peewee.IntegrityError):
        make_credentials(slow, 1)


# What the commands cannot do


@pytest.mark.parametrize("step", [["add"], ["promote", "key-2"], ["retire", "key-1"]])
def test_a_ring_in_the_environment_is_changed_by_hand(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, step: list[str]
) -> None:
    monkeypatch.delenv("ENTRYGUARD_KEY_RING_FILE")
    monkeypatch.setenv("ENTRYGUARD_KEY_RING", f"key-1:{base64.b64encode(os.urandom(32)).decode()}")

    assert "The key ring stands in ENTRYGUARD_KEY_RING, which this command cannot change." in refusal(*step)


def test_a_wrong_ring_is_refused_before_anything_is_done(server: Vault, file: KeyRingFile) -> None:
    make_credentials(server, 1)
    file.path.unlink()
    KeyRingFile.create(file.path)

    assert "key-1 in the key ring is not the key that this database was sealed with" in refusal("add")


def test_missing_settings_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("ENTRYGUARD_"):
            monkeypatch.delenv(name)

    assert "ENTRYGUARD_DATABASE_URL is not set" in refusal("status")
