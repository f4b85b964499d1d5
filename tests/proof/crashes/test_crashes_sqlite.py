"""Processes die at SQLite."""

import pytest

from tests.proof.crashes.claims import ClaimsOfCrashes

pytestmark = [pytest.mark.engines("sqlite"), pytest.mark.timeout(600)]


class TestSQLite(ClaimsOfCrashes):
    """The claims, with a database of SQLite."""
