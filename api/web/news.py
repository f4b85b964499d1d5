"""What a page is waiting for: one question for all that is about to change by itself, answered only where it did."""

import hashlib
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Protocol

import flask

from api.access import current_actor
from api.errors import NotFound
from api.identifiers import parse

# What one question is about: a table may show a thousand that wait.
_AT_ONCE = 20

News = str | tuple[str, int] | tuple[str, int, dict[str, str]]

AS_IT_WAS: News = ("", 204)
"""The answer to a page that shows what there is."""


class Changing(Protocol):
    """A row that says whether it is about to change by itself."""

    id: uuid.UUID
    updated_at: datetime
    wanted_revision: int
    seen_revision: int
    deleting_since: datetime | None

    @property
    def is_awaited(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Awaited:
    """The first few rows of a table that are about to change. has_more: others are, too."""

    rows: Sequence[Changing]
    has_more: bool = False

    @property
    def ids(self) -> list[str]:
        return [str(row.id) for row in self.rows]

    @property
    def seen(self) -> str:
        return look_of(self.rows)


def awaited(rows: Iterable[Changing]) -> Awaited:
    """What of a table is to be asked about."""
    first = list(islice((row for row in rows if row.is_awaited), _AT_ONCE + 1))
    return Awaited(first[:_AT_ONCE], has_more=len(first) > _AT_ONCE)


def look_of(rows: Iterable[Changing]) -> str:
    """The same for rows that look the same: a verdict moves the first of the times, a wish for one the numbers."""
    seen = [(row.id.hex, row.updated_at, row.wanted_revision, row.seen_revision, row.deleting_since) for row in rows]
    return hashlib.sha256(repr(sorted(seen)).encode()).hexdigest()[:16]


def is_seen(rows: Iterable[Changing]) -> bool:
    """The page that asks shows the rows as they are."""
    return flask.request.args.get("seen") == look_of(rows)


def of_table(room: str, found: Callable[[uuid.UUID, Sequence[uuid.UUID]], Sequence[Changing]]) -> News:
    """The badges of those that are asked about, as they are now, and what is still to be asked about.

    found: those with these ids that an organisation has.
    """
    asked = flask.request.args.getlist("id")[:_AT_ONCE]
    rows = found(current_actor().organisation, list(_parsed(asked)))
    if is_seen(rows):
        return AS_IT_WAS
    still = Awaited(awaited(rows).rows, has_more="more" in flask.request.args)
    if still.has_more and not still.rows:
        return "", 200, {"HX-Refresh": "true"}  # the page, as it would be now, asks about the next few
    there = {str(row.id) for row in rows}
    gone = [one for one in asked if one not in there]
    return flask.render_template("parts/news.html", room=room, rows=rows, gone=gone, awaited=still)


def _parsed(texts: Iterable[str]) -> Iterator[uuid.UUID]:
    for text in texts:
        with suppress(NotFound):
            yield parse(text, NotFound)
