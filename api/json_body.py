"""Reads a JSON body so that what is ambiguous or built to hurt is refused with a sentence, never a crash.

Python's own reader keeps the last of two equal keys, takes NaN, half a character and NUL, and fails on a number of
5,000 digits or an array 100,000 deep with errors that are no JSONDecodeError.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NoReturn

import flask
import marshmallow
from webargs.flaskparser import FlaskParser

from api.errors import InvalidInput, PayloadTooLarge, UnsupportedMediaType

MAXIMUM_BYTES = 256 * 1024
MAXIMUM_DEPTH = 32
# The integers that every JSON reader has in common (RFC 8259, section 6).
MAXIMUM_INTEGER = 2**53 - 1
_MAXIMUM_DIGITS = 16
# What an answer tells of a body that is wrong all over, and of a name of the caller's own making.
_ERRORS_AT_MOST = 20
_NAME_AT_MOST = 64


class _Refused(ValueError):
    """The text is JSON of a kind that is not taken; the message is for the caller."""


def loads(text: bytes) -> Any:
    """Read UTF-8 JSON. Raises InvalidInput with a sentence that holds nothing of the text."""
    try:
        value = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_number,
            parse_constant=_constant,
        )
        _look_through(value)
    except _Refused as refusal:
        raise InvalidInput(f"The request body {refusal}.") from None
    except RecursionError:
        raise InvalidInput(f"The request body is nested deeper than {MAXIMUM_DEPTH} levels.") from None
    except ValueError:  # malformed JSON and malformed UTF-8 alike
        raise InvalidInput("The request body is not valid JSON.") from None
    return value


def read(request: flask.Request) -> Any:
    """The request's JSON body. Raises InvalidInput, PayloadTooLarge, and UnsupportedMediaType for another kind."""
    kind = request.mimetype
    # A key or a token in a header is never sent by a browser on its own, so a body under it may go by any name; the
    # published examples send none, which curl calls a form. Without one, only what a foreign page's form cannot send.
    carries_key = "Authorization" in request.headers or "X-API-Key" in request.headers
    if kind.startswith("multipart/") or not (carries_key or kind == "application/json"):
        raise UnsupportedMediaType
    # A body in chunks tells no length before.
    if (request.content_length or 0) > MAXIMUM_BYTES or len(text := request.get_data(cache=True)) > MAXIMUM_BYTES:
        raise PayloadTooLarge
    if not text.strip():
        raise InvalidInput("The request needs a JSON object as its body.")
    return loads(text)


class StrictParser(FlaskParser):
    """webargs as this API speaks: strict JSON, unknown parameters refused, and errors in our own words."""

    DEFAULT_VALIDATION_STATUS = 400
    DEFAULT_UNKNOWN_BY_LOCATION = {"json": None, "query": marshmallow.RAISE, "path": marshmallow.RAISE}

    def load_json(self, req: flask.Request, schema: marshmallow.Schema) -> Any:
        return read(req)

    def load_querystring(self, req: flask.Request, schema: marshmallow.Schema) -> Any:
        flask.g.is_query_read = True
        for name, values in req.args.lists():
            if len(values) > 1:
                raise marshmallow.ValidationError({name: ["Must be given once."]})
        return super().load_querystring(req, schema)

    def handle_error(self, error: marshmallow.ValidationError, req: Any, schema: Any, **_: Any) -> NoReturn:
        messages: Any = error.messages
        raise refusal({} if not isinstance(messages, Mapping) else next(iter(messages.values())))


def checked(value: Any) -> Any:
    """The same value, that came in another way than as JSON. Raises InvalidInput for text that no database takes."""
    try:
        _look_through(value)
    except _Refused as refusal:
        raise InvalidInput(f"The request {refusal}.") from None
    return value


def refuse_unread_query() -> None:
    """Raises InvalidInput where the request has parameters and its route takes none."""
    if flask.request.args and not flask.g.get("is_query_read"):
        raise refusal({name: ["Unknown field"] for name in flask.request.args})


def refusal(messages: Any) -> InvalidInput:
    """marshmallow's nested messages as one error: a sentence about the first, and the first of them by dotted name."""
    details: dict[str, list[str]] = {}
    for name, reasons in islice(_sentences("", messages), _ERRORS_AT_MOST):
        details.setdefault(name or "body", []).extend(reasons)
    name, reasons = next(iter(details.items()), ("", ["Invalid input."]))
    sentence = reasons[0] if not name or reasons[0].startswith(name) else f"{name}: {reasons[0]}"
    return InvalidInput(sentence, details)


def _sentences(name: str, messages: Any) -> Iterator[tuple[str, list[str]]]:
    """The reasons for each field, by its dotted name."""
    if isinstance(messages, Mapping):
        for key, inner in messages.items():
            part = "" if key == "_schema" else str(key)[:_NAME_AT_MOST]
            yield from _sentences(".".join(filter(None, (name, part))), inner)
        return
    reasons = messages if isinstance(messages, list) else [messages]
    missing = marshmallow.fields.Field.default_error_messages["required"]
    yield name, [f"{name} is required" if reason == missing else str(reason) for reason in reasons]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Refused("names a key twice")
    return found


def _integer(digits: str) -> int:
    if len(digits.lstrip("-")) > _MAXIMUM_DIGITS or abs(int(digits)) > MAXIMUM_INTEGER:
        raise _Refused("holds a number that is too large")
    return int(digits)


def _number(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise _Refused("holds a number that is too large")
    return value


def _constant(_: str) -> NoReturn:
    raise _Refused("holds NaN or Infinity, which JSON has no word for")


def _look_through(value: Any) -> None:
    """Refuse what nests too deep, and text that no database takes."""
    level = [value]
    for _ in range(MAXIMUM_DEPTH):
        if not level:
            return
        for text in level:
            if isinstance(text, str):
                _check_text(text)
        level = [inner for outer in level for inner in _inside(outer)]
    if level:
        raise _Refused(f"is nested deeper than {MAXIMUM_DEPTH} levels")


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return value if isinstance(value, list) else []


def _check_text(text: str) -> None:
    if "\0" in text:
        raise _Refused("holds a NUL character")
    if any("\ud800" <= mark <= "\udfff" for mark in text):
        raise _Refused("holds half a character (a lone surrogate)")
