"""P16: what was backed up while it was written to, and restored, is whole: every secret opens, and a server starts."""

from pathlib import Path

import pytest

from api.audit_log.models import AuditEntry
from api.credentials import secrets
from api.credentials.models import Credential, CredentialSecret
from api.database import connection, database, forget_connections, is_sqlite
from api.key_ring_file import KeyRingFile
from api.settings import Settings
from api.start import start
from api.vault import Sealed, Vault
from tests.api.commands.conftest import ring_environment, ring_file, running_vault  # noqa: F401  fixtures, by name
from tests.api.conftest import HIGH_LIMITS
from tests.eventually import eventually
from tests.proof.ledger import proven
from tests.proof.promises.backups import restored
from tests.proof.promises.busy_api import BusyApi
from tests.proof.scale import FULL
from tests.rotations import PLAIN, make_credentials, refusal, run
from tests.served_api import EMAIL, PASSWORD
from tests.server_process import ApiProcess

RESTORES = 20 if FULL else 3


def opened(vault: Vault) -> int:
    """How many secrets there are; all of them open, to what was sealed."""
    rows = list(CredentialSecret.select())
    for row in rows:
        name = secrets.seal_name(row.organisation_id, row.credential_id, row.version)
        plain = vault.open(Sealed(row.key_id, row.wrapped_key, row.sealed_data), name)
        assert plain == PLAIN or "secretAccessKey" in plain.reveal_json()
    return len(rows)


def check_whole(made_beside: int) -> None:
    """Nothing is half there. `made_beside`: how many credentials were made without the API, and so without an event."""
    if is_sqlite():
        assert [row[0] for row in database.execute_sql("PRAGMA integrity_check")] == ["ok"]
        assert list(database.execute_sql("PRAGMA foreign_key_check")) == []
    credentials = {row.id: row for row in Credential.select()}
    kept = {(row.credential_id, row.state): row.version for row in CredentialSecret.select()}
    for credential in credentials.values():
        newest = secrets.CANDIDATE if credential.candidate_status == "VERIFYING" else secrets.CURRENT
        assert kept[credential.id, newest] == credential.secret_version
        assert credential.due_at is not None or credential.account is None
    told = {"CREDENTIAL_CREATE": set[str](), "CREDENTIAL_DELETE": set[str]()}
    for entry in AuditEntry.select().where(AuditEntry.event_type.in_(list(told))):
        told[entry.event_type].add(str(entry.resource_id))
    there = {str(credential_id) for credential_id in credentials}
    alive = told["CREDENTIAL_CREATE"] - told["CREDENTIAL_DELETE"]
    assert alive <= there and len(there - alive) == made_beside


def look_into(url: str, environment: dict[str, str]) -> tuple[int, int]:
    """Start over the restored copy as every process does; how many secrets and events it has."""
    vault = start(Settings.from_environment({**environment, "ENTRYGUARD_DATABASE_URL": url}), connections=2)
    with connection():
        check_whole(made_beside=5)
        counts = opened(vault), AuditEntry.select().count()
    database.close_all()
    forget_connections()
    return counts


@pytest.mark.timeout(1200 if FULL else 240)
def test_a_backup_of_a_busy_server_is_whole_and_a_server_starts_on_it(
    running_vault: Vault,  # noqa: F811  fixtures, as they are asked for
    ring_environment: dict[str, str],  # noqa: F811
    tmp_path: Path,
) -> None:
    make_credentials(running_vault, 5)
    settings = {**ring_environment, "ENTRYGUARD_RATE_LIMITS": HIGH_LIMITS}
    url = settings["ENTRYGUARD_DATABASE_URL"]
    copies = []
    with BusyApi(settings, tmp_path) as api:
        for _ in range(RESTORES):
            written = api.answers.total()
            assert eventually(lambda before=written: api.answers.total() > before + 5, seconds=60)  # type: ignore[misc]
            copies.append(restored(url, tmp_path))
    assert api.failures == []

    counts = [look_into(copy, settings) for copy in copies]

    events = [count for _, count in counts]
    assert events == sorted(set(events)), "else nobody wrote meanwhile"
    _a_server_serves({**settings, "ENTRYGUARD_DATABASE_URL": copies[-1]}, tmp_path)
    secrets_opened = sum(count for count, _ in counts)
    proven(
        "P16",
        f"live backups of a busy server restored, {url.partition(':')[0]}",
        f"{RESTORES} of {RESTORES} whole and started on; all {secrets_opened:,} secrets in them opened",
    )


def _a_server_serves(settings: dict[str, str], folder: Path) -> None:
    api = ApiProcess(settings, folder / "restored.log")
    api.start()
    try:
        api.wait_until_ready(degraded=["redis", "worker"])
        status, answer = api.ask("POST", "/api/v1/auth/login", {"email": EMAIL, "password": PASSWORD})
        assert status == 200, answer
        headers = {"Authorization": f"Bearer {answer['accessToken']}"}
        status, listed = api.ask("GET", "/api/v1/credentials", headers=headers)
        assert status == 200 and len(listed) > 0
    finally:
        api.terminate(15)


def test_a_backup_from_before_a_rotation_needs_the_ring_of_its_time(
    running_vault: Vault,  # noqa: F811
    ring_environment: dict[str, str],  # noqa: F811
    ring_file: KeyRingFile,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_credentials(running_vault, 5)
    old_ring = tmp_path / "old-ring"
    old_ring.write_bytes(ring_file.path.read_bytes())
    old_ring.chmod(0o400)
    database.close_all()
    copy = restored(ring_environment["ENTRYGUARD_DATABASE_URL"], tmp_path)
    for step in (["add"], ["promote", "key-2"], ["rewrap"], ["retire", "key-1"]):
        assert run(*step).exit_code == 0

    monkeypatch.setenv("ENTRYGUARD_DATABASE_URL", copy)
    assert "The key ring lacks key-1, which secrets in this database are sealed with." in refusal("status")
    monkeypatch.setenv("ENTRYGUARD_KEY_RING_FILE", str(old_ring))

    assert look_into(copy, {**ring_environment, "ENTRYGUARD_KEY_RING_FILE": str(old_ring)})[0] == 5
