"""What all rooms' routes are made with: strict arguments, and documentation that follows from the decorators."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from flask_smorest import Blueprint
from marshmallow import fields

from api.errors import (
    EntryGuardError,
    InternalError,
    InvalidInput,
    NotAllowed,
    PayloadTooLarge,
    RateLimited,
    StaleObject,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
)
from api.http_errors import STATUS
from api.json_body import StrictParser, refuse_unread_query
from api.schemas import Body, Moment

View = TypeVar("View", bound=Callable[..., Any])

_EXAMPLE_TIME = "2026-02-18T12:30:00Z"
_EXAMPLE_REQUEST = "0b6d2f7c-6a0e-4b1d-9a63-3f1f2a1f7c55"


class Error(Body):
    """Every error of this API looks like this."""

    error = fields.String(required=True, metadata={"description": "The error's code", "example": "VALIDATION_ERROR"})
    message = fields.String(required=True, metadata={"description": "What is wrong and what to do, for a person"})
    timestamp = Moment(required=True, metadata={"description": "When (UTC)", "example": _EXAMPLE_TIME})
    request_id = fields.String(
        required=True, metadata={"description": "Names this request in the server's log", "example": _EXAMPLE_REQUEST}
    )
    details = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={"description": "On a VALIDATION_ERROR: the reasons for each field"},
    )


class Room(Blueprint):
    """A blueprint that refuses what it does not know and documents who may ask and what can go wrong."""

    ARGUMENTS_PARSER = StrictParser()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._prepare_doc_cbks.append(_document)

    def response(self, *args: Any, **kwargs: Any) -> Callable[[View], View]:
        """smorest's decorator, which every view has; a query that no `arguments` of the view has read is refused."""
        documented: Callable[[View], View] = super().response(*args, **kwargs)
        return lambda view: documented(_without_unread_query(view))

    @staticmethod
    def raises(*errors: EntryGuardError) -> Callable[[View], View]:
        """Document what this operation can answer beside what any can: examples of our errors."""

        def decorate(view: View) -> View:
            # smorest copies all that is in its place, and most of our errors can't be made again of their arguments.
            view._apidoc = {**getattr(view, "_apidoc", {}), "raises": lambda: errors}  # type: ignore[attr-defined]
            return view

        return decorate


def _without_unread_query(view: View) -> View:
    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        refuse_unread_query()
        return view(*args, **kwargs)

    return guarded  # type: ignore[return-value] # called as the view is


def _document(doc: dict[str, Any], info: Mapping[str, Any], *, method: str, **_: Any) -> dict[str, Any]:
    """Add to an operation's documentation who may ask and every error."""
    errors: list[EntryGuardError] = [*info.get("raises", tuple)(), RateLimited(30), InternalError(), Unavailable()]
    scope = info.get("requires")
    if scope is not None:
        errors += [Unauthenticated(), NotAllowed()]
        doc["security"] = [{"bearer": []}, {"apiKey": []}]
        doc["x-required-scope"] = scope
    if "requestBody" in doc:
        errors += [PayloadTooLarge(), UnsupportedMediaType()]
    if "arguments" in info:
        errors.append(InvalidInput("name is required", {"name": ["name is required"]}))
    if method in ("patch", "delete") and info.get("raises"):
        errors.append(StaleObject())
    # smorest's own errors, `default` among them, have another body than ours.
    responses = {status: answer for status, answer in doc.get("responses", {}).items() if str(status).startswith("2")}
    for status in sorted({STATUS[error.code] for error in errors}):
        responses[status] = _error_answer([error for error in errors if STATUS[error.code] == status])
    doc["responses"] = responses
    return doc


def _error_answer(errors: list[EntryGuardError]) -> dict[str, Any]:
    examples = {
        error.code: {
            "value": {
                "error": error.code,
                "message": error.message,
                "timestamp": _EXAMPLE_TIME,
                "requestId": _EXAMPLE_REQUEST,
                **error.extra,
            }
        }
        for error in errors
    }
    return {
        "description": " / ".join(examples),
        "content": {"application/json": {"schema": Error, "examples": examples}},
    }
