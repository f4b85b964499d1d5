"""Long lists in pages: `?limit=&cursor=`, and the next cursor in `Link: rel="next"`.

A cursor names the last row of a page by the columns that the list is ordered by. So what is added or removed meanwhile
shifts nothing: no row comes twice, and none is left out.
"""

import base64
import binascii
import re
import urllib.parse
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import flask
import peewee
from marshmallow import ValidationError, fields, validate

from api.schemas import Body

LONGEST_PAGE = 500
PAGE = 50

_PLACE = re.compile(r"(0|[1-9][0-9]{0,18}):([0-9a-f]{32})")
_DIGITS = re.compile(r"[0-9]{1,9}")

Row = TypeVar("Row", bound=peewee.Model)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ends: the last row's place in the order (a time or a number), and its id."""

    rank: int
    id: uuid.UUID


@dataclass(frozen=True, slots=True)
class Page:
    """What part of a list is asked for. limit: None for all that comes after `cursor`."""

    limit: int | None = None
    cursor: Place | None = None


@dataclass(frozen=True, slots=True)
class Listing(Generic[Row]):
    """A part of a list; `next_cursor` is None where nothing comes after it."""

    rows: list[Row]
    next_cursor: str | None

    def headers(self) -> dict[str, str]:
        """The `Link` to the next page of the request at hand."""
        if self.next_cursor is None:
            return {}
        query = urllib.parse.urlencode({**flask.request.args, "cursor": self.next_cursor})
        return {"Link": f'<{flask.request.path}?{query}>; rel="next"'}


class Cursor(fields.Field[Place]):
    """A cursor as this server hands it out: nothing to build, only to give back."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Place:
        place = _read(value) if isinstance(value, str) else None
        if place is None:
            raise ValidationError("Not a cursor of this list.")
        return place


class Count(fields.Integer):
    """A whole number in a query string: digits, and nothing else that Python's `int` takes for one."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        if not isinstance(value, str) or not _DIGITS.fullmatch(value):
            raise self.make_error("invalid")
        return int(value)


def _limit(left_out: str) -> Count:
    described = f"How many to answer at most, such as 20; {left_out} if left out"
    return Count(validate=validate.Range(1, LONGEST_PAGE), metadata={"description": described})


class PageArguments(Body):
    """The query of every list."""

    target = Page

    limit = _limit("all of them")
    cursor = Cursor(
        metadata={
            "description": 'Where the page before ended: from its `Link: rel="next"` header',
            "type": "string",
        }
    )


class NewestPageArguments(PageArguments):
    """The query of a list that is always paged."""

    limit = _limit(str(PAGE))


def oldest_first(query: Any, page: Page) -> Listing[Any]:
    """The rows of a select in the order of their making, whole unless the page has a limit."""
    model = query.model
    return _listed(query, page.cursor, page.limit, (model.created_at, model.id))


def newest_first(query: Any, page: Page, rank: peewee.Field | None = None) -> Listing[Any]:
    """The rows of a select, the last one first, `PAGE` of them unless the page has a limit.

    rank: the column of integers or instants that gives the order; by default the moment of their making.
    """
    model = query.model
    return _listed(query, page.cursor, page.limit or PAGE, (rank or model.created_at, model.id), newest=True)


def _listed(
    query: Any, after: Place | None, limit: int | None, order: tuple[Any, Any], *, newest: bool = False
) -> Listing[Any]:
    rank, row_id = order
    if after is not None:
        beyond, beside = (rank < after.rank, row_id < after.id) if newest else (rank > after.rank, row_id > after.id)
        query = query.where(beyond | ((rank == after.rank) & beside))
    query = query.order_by(*((rank.desc(), row_id.desc()) if newest else order))
    rows = list(query if limit is None else query.limit(limit + 1))
    if limit is None or len(rows) <= limit:
        return Listing(rows, None)
    last = rows[limit - 1]
    return Listing(rows[:limit], _written(Place(rank.db_value(getattr(last, rank.name)), last.id)))


def _written(place: Place) -> str:
    return base64.urlsafe_b64encode(f"{place.rank}:{place.id.hex}".encode()).decode().rstrip("=")


def _read(cursor: str) -> Place | None:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    found = _PLACE.fullmatch(text)
    place = None if found is None else Place(int(found[1]), uuid.UUID(found[2]))
    # One cursor for a place: base64 has several spellings of the same bytes.
    return place if place is not None and _written(place) == cursor and place.rank < 2**63 else None
