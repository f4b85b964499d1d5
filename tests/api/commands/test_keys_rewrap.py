"""Moving secrets to another key: interrupted, overtaken, twice at once, and beside a busy server."""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from api.credentials import key_rotation, secrets
from api.credentials.models import Credential, CredentialSecret
from api.database import connection, write
from api.key_ring_file import KeyRingFile
from api.secret import Secret
from api.vault import Sealed, Vault
from tests.rotations import PLAIN, audited, make_credentials, opened, refusal, run, sealed_with


def test_rewrapping_leaves_the_sealed_data(running_vault: Vault) -> None:
    make_credentials(running_vault, 3)
    with connection():
        before = {row.credential_id: bytes(row.sealed_data) for row in CredentialSecret.select()}
    for step in (["add"], ["promote", "key-2"], ["rewrap"]):
        run(*step)

    with connection():
        assert {row.credential_id: bytes(row.sealed_data) for row in CredentialSecret.select()} == before


def test_candidates_are_moved_too(running_vault: Vault) -> None:
    make_credentials(running_vault, 1)
    with connection(), write():
        secrets.keep(Credential.get(), 2, secrets.CANDIDATE, PLAIN, running_vault, datetime.now(UTC))
    for step in (["add"], ["promote", "key-2"], ["rewrap"]):
        run(*step)

    assert sealed_with() == {"key-2": 2}


def test_more_secrets_than_a_batch_are_moved(running_vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_rotation, "BATCH", 3)
    make_credentials(running_vault, 10)
    for step in (["add"], ["promote", "key-2"], ["rewrap"]):
        run(*step)

    assert sealed_with() == {"key-2": 10}
    assert opened(running_vault) == [PLAIN] * 10


def test_rewrapping_again_moves_nothing(running_vault: Vault) -> None:
    make_credentials(running_vault, 2)
    for step in (["add"], ["promote", "key-2"], ["rewrap"]):
        run(*step)

    assert run("rewrap").output.startswith(
        "0 secrets moved; all are on key-2 now. Run `entryguard-server keys retire key-1`"
    )


def test_a_secret_that_was_replaced_meanwhile_is_left_alone(running_vault: Vault, ring_file: KeyRingFile) -> None:
    make_credentials(running_vault, 1)
    run("add")
    run("promote", "key-2")
    newer = Secret.of_text("a newer secret")

    class Slow(Vault):
        """Is overtaken by somebody who sets the secret anew."""

        def rewrap(self, sealed: Sealed, name: object) -> Sealed:
            moved = super().rewrap(sealed, name)  # type: ignore[arg-type]
            with write():
                secrets.keep(Credential.get(), 1, secrets.CURRENT, newer, running_vault, datetime.now(UTC))
            return moved

    with connection():
        moved = [batch.moved for batch in key_rotation.rewrap(Slow(ring_file), "key-2")]

    assert moved == [0]
    assert opened(running_vault) == [newer]


def test_what_does_not_open_is_named_and_the_rest_is_moved(running_vault: Vault) -> None:
    make_credentials(running_vault, 3)
    with connection(), write():
        spoilt = Credential.select().order_by(Credential.id)[1].id
        CredentialSecret.update(version=9).where(CredentialSecret.credential_id == spoilt).execute()
    run("add")
    run("promote", "key-2")

    assert "2 secrets moved to key-2. Those of these credentials do not open" in refusal("rewrap")
    assert str(spoilt) in refusal("rewrap")
    assert sealed_with() == {"key-1": 1, "key-2": 2}


def test_rewrapping_works_with_a_ring_in_the_environment(
    running_vault: Vault, ring_file: KeyRingFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_credentials(running_vault, 2)
    run("add")
    run("promote", "key-2")
    monkeypatch.delenv("ENTRYGUARD_KEY_RING_FILE")
    monkeypatch.setenv("ENTRYGUARD_KEY_RING", ring_file.path.read_text())

    run("rewrap")

    assert sealed_with() == {"key-2": 2}


def _rewrapping(ring_environment: dict[str, str]) -> subprocess.Popen[bytes]:
    program = (
        "from api.commands.keys import keys; from api.credentials import key_rotation\nkey_rotation.BATCH = 5\nkeys()"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, "rewrap"], env={**os.environ, **ring_environment}, stdout=subprocess.PIPE
    )


def test_killed_in_the_middle_it_goes_on_when_run_again(running_vault: Vault, ring_environment: dict[str, str]) -> None:
    make_credentials(running_vault, 600)
    run("add")
    run("promote", "key-2")
    left = [sealed_with()["key-1"]]
    for _ in range(3):
        process = _rewrapping(ring_environment)
        assert process.stdout and process.stdout.readline()
        process.kill()
        process.wait()
        left.append(sealed_with().get("key-1", 0))

    run("rewrap")

    assert left[0] > left[1] > left[2] > left[3] > 0
    assert sealed_with() == {"key-2": 600}
    assert opened(running_vault) == [PLAIN] * 600


@pytest.mark.shortly("postgresql")
def test_two_at_once_do_each_secret_once(running_vault: Vault, ring_environment: dict[str, str]) -> None:
    make_credentials(running_vault, 300)
    run("add")
    run("promote", "key-2")

    both = [_rewrapping(ring_environment) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]

    counted = [details["secrets"] for _, details in audited() if details["step"] == "REWRAPPED"]
    assert sum(counted) == 300
    assert opened(running_vault) == [PLAIN] * 300


@pytest.mark.shortly("postgresql")
def test_a_server_reads_and_writes_secrets_all_through_a_rotation(
    running_vault: Vault, ring_environment: dict[str, str]
) -> None:
    make_credentials(running_vault, 300)
    run("add")
    run("promote", "key-2")

    process = _rewrapping(ring_environment)
    while process.poll() is None:
        make_credentials(running_vault, 1)
        assert set(map(Secret.reveal, opened(running_vault))) == {PLAIN.reveal()}
        time.sleep(0.01)

    assert process.returncode == 0
    assert set(sealed_with()) == {"key-2"}
