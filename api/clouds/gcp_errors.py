"""What the answers of Google mean that are no success: the token endpoint's, Compute Engine's, Resource Manager's."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import requests
from google.auth.exceptions import TransportError

from api.clouds.base import Full, Refused, Throttled, Unreachable
from api.clouds.gcp import LIST_NETWORKS, SEE_NETWORK, Gcp

DENIED = "Permission denied"
SWITCHED_OFF = "SERVICE_DISABLED"
# The token has been accepted before: a fresh one may be.
STALE = "authError"
EXISTS = "alreadyExists"
NOT_FOUND = "notFound"

_THROTTLED = {"dailyLimitExceeded", "rateLimitExceeded", "rate_limit_exceeded", "userRateLimitExceeded"} | {
    "RATE_LIMIT_EXCEEDED",
    "RESOURCE_OPERATION_RATE_EXCEEDED",
}
# Words that say nothing about the key and what it asked for: Google is busy or ailing, or another change is under way.
_FOR_NOW = {"backendError", "conditionNotMet", "internal_failure", "resourceInUseByAnotherResource"} | {
    "resourceNotReady",
    "server_error",
    "temporarily_unavailable",
    "INTERNAL_ERROR",
    "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE",
    "RESOURCE_NOT_READY",
    "SERVICE_UNAVAILABLE",
}
# Google's words for the same few causes, the more telling ones first: an answer may hold several.
_CODES = {
    "SERVICE_DISABLED": SWITCHED_OFF,
    "accessNotConfigured": SWITCHED_OFF,
    "BILLING_DISABLED": "BILLING_DISABLED",
    "billingDisabled": "BILLING_DISABLED",
    "billingNotEnabled": "BILLING_DISABLED",
    "quotaExceeded": "quotaExceeded",
    "QUOTA_EXCEEDED": "quotaExceeded",
    "alreadyExists": EXISTS,
    "RESOURCE_ALREADY_EXISTS": EXISTS,
    "notFound": NOT_FOUND,
    "RESOURCE_NOT_FOUND": NOT_FOUND,
    "NOT_FOUND": NOT_FOUND,
    "authError": STALE,
    "UNAUTHENTICATED": STALE,
    "forbidden": DENIED,
    "PERMISSIONS_ERROR": DENIED,
    "PERMISSION_DENIED": DENIED,
    "invalid": "invalid",
    "badRequest": "invalid",
    "INVALID_ARGUMENT": "invalid",
    "INVALID_FIELD_VALUE": "invalid",
    "INVALID_USAGE": "invalid",
}
_WORD = re.compile(r"[A-Za-z]\w{0,63}")
_PERMISSION = re.compile(r"compute\.\w+\.\w+")
# How an invalid_grant goes on that is about the time, not about the key.
_CLOCK_DIFFERS = re.compile(r"iat and exp|reasonable timeframe")


class Broken(Unreachable):
    """The connection broke before the answer came: what was asked for may be done, or not."""


def failure_of(status: int, body: object) -> Refused | Unreachable:
    """What an answer means that is no success: for good, or for now. `body` is what its JSON says.

    Google's text is not handed on: it may hold the account's address, and whatever else stands behind an endpoint.
    """
    return _meaning(status, list(_words(body)), str(body))


def failure_of_operation(errors: Iterable[Any]) -> Refused | Unreachable:
    """What the errors mean that an operation has ended in."""
    listed = list(errors)
    return _meaning(0, [str(error.code) for error in listed], " ".join(str(error.message) for error in listed))


def failure_of_call(error: TransportError | requests.RequestException) -> Unreachable:
    """What it means that there was no answer."""
    cause = error.args[0] if isinstance(error, TransportError) and error.args else error
    broke = isinstance(cause, requests.ConnectionError) and not isinstance(cause, requests.Timeout)
    return (Broken if broke else Unreachable)(f"Google did not answer ({type(cause).__name__})")


def not_google(status: int) -> Unreachable:
    """A proxy's page, say."""
    return Unreachable(f"something answered that is not Google (HTTP {status})")


def lacking(missing: Iterable[str]) -> Refused:
    """Permissions are missing, in the published words."""
    return Refused("AccessDenied", _lacks(tuple(missing)), tuple(missing))


def denied(missing: Iterable[str] = ()) -> Refused:
    """A call was refused; Google may have said for want of what."""
    named = tuple(missing)
    return Refused(DENIED, _lacks(named) if named else Gcp.hints[DENIED], named)


def refusal_by(code: str) -> Refused:
    """A refusal by its code, with our sentence about it."""
    kind = Full if code == "quotaExceeded" else Refused
    return kind(code, Gcp.hints.get(code, "Google refuses this"))


def _meaning(status: int, words: list[str], text: str) -> Refused | Unreachable:
    if status == 429 or _THROTTLED.intersection(words):
        return Throttled("Google asks to be asked less often")
    if status >= 500 or _FOR_NOW.intersection(words):
        return Unreachable(f"Google asks to come back later ({words[0] if words else status})")
    if not words:
        return not_google(status)
    if "invalid_grant" in words and _CLOCK_DIFFERS.search(text):
        return Unreachable("this machine's clock differs from that of Google")
    code = next((code for word, code in _CODES.items() if word in words), words[0])
    if code == DENIED:
        said = set(_PERMISSION.findall(text))
        return denied(name for name in (*Gcp.permissions, SEE_NETWORK, LIST_NETWORKS) if name in said)
    return refusal_by(code)


def _words(body: object) -> Iterator[str]:
    """The codes in an error's body. That of the token endpoint is a text, those of the others have several."""
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        parts = [part for name in ("details", "errors") for part in _listed(error.get(name))]
        said = [*(part.get("reason") for part in parts), error.get("status")]
    else:
        said = [error]
    yield from (word for word in said if isinstance(word, str) and _WORD.fullmatch(word))


def _listed(parts: object) -> list[dict[str, Any]]:
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def _lacks(missing: tuple[str, ...]) -> str:
    return f"Service account lacks {', '.join(missing)} permission{'s' if len(missing) > 1 else ''}"
