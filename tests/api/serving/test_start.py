"""`entryguard-server serve` with something wrong: one sentence, exit code 1, and no port is open."""

import base64
import os
import socket
from pathlib import Path

import pytest

from api.credentials import secrets
from api.database import bind, connection, database, forget_connections, write
from api.key_ring import KeyRing
from api.secret import Secret
from api.start import check_key_ring
from api.vault import Vault
from tests.rows import make_credential
from tests.served_api import settings_in
from tests.server_process import command

KEY = base64.b64encode(os.urandom(32)).decode()


def refusal(settings: dict[str, str]) -> str:
    """What `serve` says when it refuses to start."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))  # taken, not listened on: whoever binds the port fails in another way
        done = command("serve", "--port", str(listener.getsockname()[1]), "--processes", "1", settings=settings)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1
    return done.stderr.removeprefix("Error: ").strip()


def write_ring(folder: Path, text: str) -> str:
    file = folder / "key-ring"
    file.write_text(text, encoding="ascii")
    file.chmod(0o400)
    return str(file)


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    """The settings of a server that has sealed a secret with `KEY` as `first`, its key ring in a file."""
    settings = settings_in(tmp_path)
    del settings["ENTRYGUARD_KEY_RING"]
    settings["ENTRYGUARD_KEY_RING_FILE"] = str(tmp_path / "key-ring")
    assert (
        command(
            "migrate", settings={**settings, "ENTRYGUARD_KEY_RING_FILE": write_ring(tmp_path, f"first:{KEY}\n")}
        ).returncode
        == 0
    )
    bind(settings["ENTRYGUARD_DATABASE_URL"])
    ring = KeyRing.parse(Secret.of_text(f"first:{KEY}"))
    check_key_ring(ring)
    with connection(), write():
        credential = make_credential()
        secrets.keep(credential, 1, secrets.CURRENT, Secret.of_text("canary-0d2c"), Vault(ring), credential.created_at)
    database.close_all()
    forget_connections()
    (tmp_path / "key-ring").unlink()
    return settings


def test_another_key_under_the_same_id_stops_the_start(settings: dict[str, str], tmp_path: Path) -> None:
    """What else may be wrong with a key ring is in tests/proof/promises."""
    write_ring(tmp_path, f"first:{base64.b64encode(os.urandom(32)).decode()}")

    sentence = refusal(settings)

    assert sentence.startswith("first in the key ring is not the key") and KEY not in sentence


def test_a_database_that_was_not_migrated_stops_the_start(tmp_path: Path) -> None:
    sentence = "The database lacks 0001_first, 0002_sessions. Run `entryguard-server migrate` first."

    assert refusal(settings_in(tmp_path)) == sentence


def test_a_missing_setting_stops_the_start(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    del settings["ENTRYGUARD_JWT_SECRET"]

    assert refusal(settings) == "ENTRYGUARD_JWT_SECRET is not set: signs access and refresh tokens."


def test_limits_that_are_nonsense_stop_the_start(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, ENTRYGUARD_RATE_LIMITS="login=often")

    assert refusal(settings) == "ENTRYGUARD_RATE_LIMITS needs for login a number and a period like 30/minute."


def test_a_database_that_is_away_stops_the_start(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, ENTRYGUARD_DATABASE_URL="postgresql://entryguard:hunter2@127.0.0.1:1/x")

    assert refusal(settings) == "The database does not answer (OperationalError)."


@pytest.mark.parametrize("arguments", [("serve",), ("dev", "--data-dir", "data")])
def test_a_port_that_another_server_has_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    settings = settings_in(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert command("migrate", settings=settings).returncode == 0

    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # as the server itself listens
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = str(listener.getsockname()[1])
        done = command(*arguments, "--port", port, settings=settings if arguments == ("serve",) else {})

    assert done.returncode == 1
    assert f"Port {port} of 127.0.0.1 can't be listened on: address already in use. Choose --port." in done.stderr


def test_a_folder_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")

    done = command("dev", "--data-dir", str(tmp_path / "file" / "data"), settings={})

    assert done.returncode == 1
    assert done.stderr == f"Error: {tmp_path}/file/data can't be made: Not a directory. Choose --data-dir.\n"
