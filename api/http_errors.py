"""The one place where an error becomes an answer: the same body for everything that can go wrong."""

import logging
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import flask
from werkzeug.exceptions import HTTPException

from api.database import AWAY
from api.errors import (
    EntryGuardError,
    InternalError,
    InvalidInput,
    MethodNotAllowed,
    PathNotFound,
    PayloadTooLarge,
    RateLimited,
    Unavailable,
    UnsupportedMediaType,
)

STATUS: Mapping[str, int] = {
    "VALIDATION_ERROR": 400,
    "MAX_RESOURCES_REACHED": 400,
    "CREDENTIAL_IN_USE": 400,
    "RESOURCE_IN_USE": 400,
    "VERIFICATION_FAILED": 400,
    "SESSION_LIMIT_REACHED": 400,
    "DURATION_EXCEEDED": 400,
    "LAST_ADMIN": 400,
    "UNSAFE_URL": 400,
    "UNAUTHORIZED": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "CREDENTIAL_NOT_FOUND": 404,
    "RESOURCE_NOT_FOUND": 404,
    "SESSION_NOT_FOUND": 404,
    "ROLE_NOT_FOUND": 404,
    "STATIC_IP_RULE_NOT_FOUND": 404,
    "USER_NOT_FOUND": 404,
    "API_KEY_NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "REQUEST_TIMEOUT": 408,
    "CONFLICT": 409,
    "PRECONDITION_FAILED": 412,
    "PAYLOAD_TOO_LARGE": 413,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "RATE_LIMIT_EXCEEDED": 429,
    "INTERNAL_ERROR": 500,
    "UNAVAILABLE": 503,
}

_log = logging.getLogger(__name__)


def register(app: flask.Flask) -> None:
    """Let `app` answer every error with our body, its own and the server's."""
    # By name, for Flask has a way of its own with HTTPException.
    for kind in (EntryGuardError, HTTPException, *AWAY, Exception):
        app.register_error_handler(kind, as_json)


def answer(error: EntryGuardError) -> flask.Response:
    """The error as a response."""
    response = flask.jsonify(body(error))
    response.status_code = STATUS[error.code]
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if response.status_code == 408:
        response.headers["Connection"] = "close"  # what still comes of the body is no further request
    if isinstance(error, RateLimited | Unavailable):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def body(error: EntryGuardError) -> dict[str, Any]:
    """What an error looks like to the caller."""
    return {
        "error": error.code,
        "message": error.message,
        "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "requestId": flask.g.get("request_id"),
        **error.extra,
    }


def named(error: Exception) -> EntryGuardError:
    """Whatever was raised as an error of ours; what we did not foresee is logged."""
    if isinstance(error, EntryGuardError):
        return error
    if isinstance(error, HTTPException):
        return _of_http(error)
    return _of_database(error) if isinstance(error, AWAY) else _of_crash(error)


def as_json(error: Exception) -> flask.Response:
    """Whatever was raised as a response."""
    response = answer(named(error))
    if isinstance(error, HTTPException) and error.code == 405:
        response.headers["Allow"] = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
    return response


def _of_http(error: HTTPException) -> EntryGuardError:
    """Flask's, Werkzeug's and the limiter's own errors."""
    if error.code == 429:
        return RateLimited(retry_after=int(flask.g.get("retry_after", 60)))
    known = {404: PathNotFound, 405: MethodNotAllowed, 413: PayloadTooLarge, 415: UnsupportedMediaType}
    if error.code is None or error.code >= 500:
        return InternalError()
    return known[error.code]() if error.code in known else InvalidInput("The request cannot be understood.")


def _of_database(error: Exception) -> EntryGuardError:
    _log.warning("the database is away: %s, request %s", type(error).__name__, flask.g.get("request_id"))
    return Unavailable()


def _of_crash(error: Exception) -> EntryGuardError:
    # The text of an exception may hold what a caller sent; its kind and the lines it passed hold only our code.
    _log.error(
        "request %s failed: %s\n%s",
        flask.g.get("request_id"),
        type(error).__qualname__,
        "".join(traceback.format_tb(error.__traceback__)),
    )
    return InternalError()
