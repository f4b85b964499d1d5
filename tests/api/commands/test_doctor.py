"""`entryguard-server doctor`."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from api.commands.doctor import doctor


@pytest.mark.engines("sqlite")
def test_a_database_without_tables_is_told_in_a_sentence(ring_environment: dict[str, str], tmp_path: Path) -> None:
    empty = {"ENTRYGUARD_DATABASE_URL": f"sqlite:///{tmp_path / 'empty.sqlite'}"}

    result = CliRunner().invoke(doctor, env=ring_environment | empty)

    assert (result.exit_code, result.output) == (
        1,
        "✗ The database lacks 0001_first, 0002_sessions. Run `entryguard-server migrate`.\n",
    )
