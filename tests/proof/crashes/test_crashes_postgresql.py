"""Processes die at PostgreSQL."""

import pytest

from tests.proof.crashes.claims import ClaimsOfCrashes

pytestmark = [pytest.mark.engines("postgresql"), pytest.mark.timeout(600)]


class TestPostgreSQL(ClaimsOfCrashes):
    """The claims, with a database of PostgreSQL."""
