"""A clock that stands still, for what is decided by a moment: at it, a microsecond before and after."""

import time
from types import SimpleNamespace

import pytest

from api.database import is_sqlite


@pytest.fixture
def standing_clock(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite's clock stands, and moves by `clock.offset` alone."""
    assert is_sqlite(), "PostgreSQL's clock is its own"
    moment = time.time_ns()
    monkeypatch.setattr("api.database.time", SimpleNamespace(time_ns=lambda: moment))
