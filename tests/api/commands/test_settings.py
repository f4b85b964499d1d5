"""`entryguard-server settings`: what there is to set."""

import pytest
from click.testing import CliRunner

from api.commands.settings import settings


def test_where_a_setting_is_missing_all_of_them_are_listed_before_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ENTRYGUARD_DATABASE_URL", raising=False)

    answer = CliRunner().invoke(settings)

    assert answer.exit_code == 1
    assert "ENTRYGUARD_DATABASE_URL\n    where the data is" in answer.output
    assert "ENTRYGUARD_TRUSTED_PROXIES\n" in answer.output
    assert answer.output.splitlines()[-1].startswith("Error: ENTRYGUARD_DATABASE_URL is not set")
