"""Rules that should have been gone for a while."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import peewee

from api.database import current_time, now
from api.targets.models import Grant
from api.targets.service import REMOVING

OVERDUE_SECONDS = 120
"""How long after its end a grant's rule may be there before that is told of."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How many rules are overdue, and for how long the oldest of them should have been gone."""

    rules: int
    oldest_seconds: float


def figures() -> Figures:
    """Count the rules that are overdue."""
    rules, oldest = _overdue(peewee.fn.COUNT(Grant.rule_id.distinct()), peewee.fn.MIN(Grant.ended_at)).tuples().get()
    ended_at = Grant.ended_at.python_value(oldest) if isinstance(oldest, int) else oldest
    return Figures(rules, (current_time() - ended_at).total_seconds() if ended_at else 0.0)


def reasons(at_most: int) -> Mapping[uuid.UUID, str | None]:
    """Why rules that are overdue are still there, by rule; the oldest first."""
    rows = _overdue(Grant.rule_id, Grant.error).order_by(Grant.ended_at).limit(at_most)
    return {row.rule_id: row.error for row in rows}


def _overdue(*columns: Any) -> Any:
    return Grant.select(*columns).where(Grant.status == REMOVING, Grant.ended_at <= now(-OVERDUE_SECONDS))
