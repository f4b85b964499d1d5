"""What an organisation's tier allows."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """resources: how many an organisation may have, None for any number. Sessions: the longest, and how many a user."""

    resources: int | None
    session_minutes: int
    sessions_per_user: int


LIMITS: Mapping[str, Limits] = {
    "FREE": Limits(resources=3, session_minutes=2 * 60, sessions_per_user=1),
    "PAID": Limits(resources=None, session_minutes=24 * 60, sessions_per_user=5),
}


def limits_of(tier: str) -> Limits:
    """What the tier FREE or PAID allows."""
    return LIMITS[tier]
