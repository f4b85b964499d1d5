"""What a table is waiting for: one question for all of its badges that are about to change by themselves."""

from collections.abc import Iterable
from itertools import islice
from typing import Protocol, TypeVar

import flask

# What one question is about: a table may show a thousand that wait.
_AT_ONCE = 20


class Changing(Protocol):
    """A row that says whether it is about to change by itself."""

    @property
    def is_awaited(self) -> bool: ...


Row = TypeVar("Row", bound=Changing)


def awaited(rows: Iterable[Row]) -> list[Row]:
    """The first few to ask about."""
    return list(islice((row for row in rows if row.is_awaited), _AT_ONCE))


def asked_about() -> list[str]:
    """The ids that the request at hand asks about."""
    return flask.request.args.getlist("id")[:_AT_ONCE]
