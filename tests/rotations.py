"""An operator who rotates keys, and what is there afterwards."""

from datetime import UTC, datetime
from typing import Any

from click.testing import CliRunner, Result

from api.audit_log.models import AuditEntry
from api.commands.keys import keys
from api.credentials import key_rotation, secrets
from api.credentials.models import CredentialSecret
from api.database import connection, write
from api.secret import Secret
from api.vault import Sealed, Vault
from tests.rows import make_credential, make_organisation

PLAIN = Secret.of_text("canary-9b41e7")


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
