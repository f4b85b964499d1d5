"""Reading from the API: one answer of the expected shape, or a list page by page."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pulumi_entryguard.client import Answer, Client
from pulumi_entryguard.errors import Unreachable, UnusableInput

PAGE = 500  # the most that the API gives at once

_T = TypeVar("_T")


def asked(client: Client, path: str, kind: type[_T], until: float = float("inf")) -> _T:
    """The body of a GET. Raises Unreachable where it is nothing of this kind. `until` as in `Client.request`."""
    return body_of(client, client.request("GET", path, until=until), kind)


def body_of(client: Client, answer: Answer, kind: type[_T]) -> _T:
    """The body of an answer. Raises Unreachable where it is nothing of this kind."""
    if not isinstance(answer.body, kind):
        raise Unreachable(f"{client.endpoint} did not answer like an EntryGuard API; is the endpoint right?")
    return answer.body


def paged(client: Client, path: str, query: str = "", size: int = PAGE) -> Iterator[Mapping[str, Any]]:
    """All objects of a list that comes in pages of a size. `query` as in `&status=ACTIVE`."""
    here = f"{path}?limit={size}{query}"
    after: str | None = ""
    while after is not None:
        answer = client.request("GET", here + (after and f"&cursor={after}"))
        yield from body_of(client, answer, list)
        after = answer.next_cursor


def is_id(text: str) -> bool:
    """Whether it is an id as the API writes it; else it is a name."""
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def only(ids: Sequence[str], name: str, noun: str, whose: str = "") -> str:
    """The one id that a name has. Raises UnusableInput where it is nobody's or that of several."""
    if not ids:
        raise UnusableInput(f'no {noun}{whose} is named "{name}"')
    if len(ids) > 1:
        raise UnusableInput(f'{len(ids)} {noun}s are named "{name}": give the id of one ({", ".join(ids)})')
    return ids[0]
