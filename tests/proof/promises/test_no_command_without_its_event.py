"""P10: no step of an operator's without the event that tells of it, neither in the database nor in the key ring."""

from pathlib import Path

from click.testing import CliRunner

from api.commands.admin import admin
from api.commands.keys import keys
from api.database import connection
from api.key_ring_file import KeyRingFile
from api.vault import Vault
from tests.api.commands.conftest import ring_environment, ring_file, running_vault  # noqa: F401  fixtures, by name
from tests.proof.contents import contents
from tests.proof.ledger import proven
from tests.proof.promises.broken_trail import HELP_TABLES, broken_trail
from tests.rotations import make_credentials

STEPS = {
    "keys add": (keys, ["add"], ""),
    "keys promote": (keys, ["promote", "key-2"], ""),
    "keys rewrap": (keys, ["rewrap"], ""),
    "keys retire": (keys, ["retire", "key-1"], ""),
    "admin create": (
        admin,
        ["create", "--email", "ada@example.com", "--organization", "Acme"],
        "a long password, so long\n",
    ),
    "admin reset-password": (
        admin,
        ["reset-password", "--email", "ada@example.com", "--organization", "acme"],
        "another long password\n",
    ),
    "admin organization suspend": (admin, ["organization", "suspend", "--organization", "Acme"], ""),
    "admin organization resume": (admin, ["organization", "resume", "--organization", "acme"], ""),
    "admin organization tier": (admin, ["organization", "tier", "--organization", "acme", "FREE"], ""),
}
"""What an operator does, in this order."""


def _state(ring: Path) -> tuple[str, dict[str, list[str]]]:
    with connection():
        return ring.read_text(encoding="ascii"), contents(HELP_TABLES)


def test_no_step_of_an_operators_is_done_without_its_event(
    running_vault: Vault,  # noqa: F811  fixtures, as they are asked for
    ring_file: KeyRingFile,  # noqa: F811
    database_url: str,
) -> None:
    make_credentials(running_vault, 3)
    for name, (command, arguments, text) in STEPS.items():
        before = _state(ring_file.path)
        with broken_trail():
            refused = CliRunner().invoke(command, arguments, input=text)
        assert refused.exit_code != 0 and _state(ring_file.path) == before, name

        done = CliRunner().invoke(command, arguments, input=text, catch_exceptions=False)
        assert done.exit_code == 0 and _state(ring_file.path) != before, (name, done.output)
    engine = database_url.partition(":")[0]
    proven(
        "P10", f"the audit row of an operator's command refused by {engine}", f"{len(STEPS)} of {len(STEPS)} not done"
    )
