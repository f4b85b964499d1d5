"""How long a session may last: what to choose from, and how it is written."""

from collections.abc import Collection
from dataclasses import dataclass

USUAL_MINUTES = (30, 60, 120, 240, 480, 1440)


@dataclass(frozen=True, slots=True)
class Duration:
    """A duration to choose. is_offered: it may be chosen for all that is chosen."""

    minutes: int
    is_offered: bool

    @property
    def is_usual(self) -> bool:
        return self.minutes in USUAL_MINUTES

    def __str__(self) -> str:
        return written(self.minutes)


def choices(limits: Collection[int], limit: int, least_seconds: int = 60) -> list[Duration]:
    """The usual durations, and each that is a limit itself; those up to `limit` are offered now.

    limits: in minutes, of which one will be the limit when the reader chooses otherwise.
    """
    known = {*(minutes for minutes in USUAL_MINUTES if minutes <= max(limits, default=0)), *limits}
    return [
        Duration(minutes, minutes == limit or (minutes < limit and minutes in USUAL_MINUTES))
        for minutes in sorted(known)
        if minutes * 60 >= least_seconds
    ]


def written(minutes: int) -> str:
    """`1 h 30 min`"""
    hours, rest = divmod(minutes, 60)
    return " ".join(([f"{hours} h"] if hours else []) + ([f"{rest} min"] if rest or not hours else []))


def clock(seconds: int) -> str:
    """`1:59:07`"""
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
