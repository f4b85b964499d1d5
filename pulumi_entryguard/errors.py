"""What can go wrong, as named errors. `str(error)` is one line that a user can act on, and never holds a secret.

EntryGuardError
├── NotConfigured        no endpoint, no token, an endpoint that is not one
├── UnusableInput        the program's inputs can't be sent: an unset environment variable, an unreadable file
├── Unreachable          no answer came: for now
├── ApiError             the API answered with an error
│   ├── NotAuthorized    401, 403
│   ├── NotFound         404 about an object
│   ├── Conflict         409
│   ├── RateLimited      429, for longer than we wait
│   └── Unavailable      503, for longer than we wait
│       └── AnswerLost   502, 504: a proxy in between got no answer
├── BadVerdict           EntryGuard looked, and the answer is no
├── NoVerdict            EntryGuard did not look in time
├── NotOpened            a session is not open, or not on every resource
├── HalfMade             the object is there, but not as wanted (in `failures`)
└── Unforeseen           a defect in this package
"""

from collections.abc import Mapping, Sequence


class EntryGuardError(Exception):
    """Anything that this package raises."""


class NotConfigured(EntryGuardError):
    """The endpoint or the token is missing or makes no sense."""


class UnusableInput(EntryGuardError):
    """What the program gave can't be sent."""


class Unreachable(EntryGuardError):
    """No answer came from the API."""


class BadVerdict(EntryGuardError):
    """EntryGuard verified what was sent, and it is not good."""


class NoVerdict(EntryGuardError):
    """EntryGuard did not verify what was sent in the time given."""


class NotOpened(EntryGuardError):
    """A session is not open, or not on every resource."""


class Unforeseen(EntryGuardError):
    """A defect in this package."""


class ApiError(EntryGuardError):
    """The API answered with an error.

    `status` is HTTP's, `code` and `message` the API's own, `details` says per field what is wrong with it,
    `request_id` finds the request in the server's log.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: Mapping[str, Sequence[str]] | None = None,
        request_id: str | None = None,
    ) -> None:
        self.status = status
        self.code = code
        self.message = message
        self.details = dict(details or {})
        self.request_id = request_id
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        reasons = [
            reason if reason.startswith(field) else f"{field}: {reason}"
            for field, said in sorted(self.details.items())
            for reason in said
        ]
        # The message is the first of them.
        others = "; ".join(reason for reason in reasons if reason != self.message)
        more = f" ({others})" if others else ""
        trace = f" [request {self.request_id}]" if self.status >= 500 and self.request_id else ""
        return f"{self.code}: {self.message}{more}{trace}"


class NotAuthorized(ApiError):
    """The token is missing, wrong, expired, or not allowed to do this."""


class NotFound(ApiError):
    """The object does not exist, or belongs to another organisation."""


class Conflict(ApiError):
    """The object is being deleted, or another request is under way."""


class RateLimited(ApiError):
    """Too many requests, and the API asks for a longer pause than we make."""


class Unavailable(ApiError):
    """The API can't serve now, and did not come back while we waited."""


class AnswerLost(Unavailable):
    """A proxy in between got no answer from the API, which may have done all the same what it was asked."""


# After these, what was asked for may be done or not.
NOT_KNOWN = (AnswerLost, Unreachable)

# The API says the same whatever is wrong with it.
MEND_ACCESS = (
    "mend the API key (entryguard:apiKey, ENTRYGUARD_API_KEY), or sign in for another access token, which lasts "
    "15 minutes, or with `entryguard login`"
)

_NAMED: dict[int, type[ApiError]] = {
    401: NotAuthorized,
    403: NotAuthorized,
    409: Conflict,
    429: RateLimited,
    502: AnswerLost,
    503: Unavailable,
    504: AnswerLost,
}


def api_error(status: int, body: object, server: str, unauthorized: str | None = None) -> ApiError:
    """Make the named error of an answer. What is not EntryGuard's own error body is never quoted.

    `unauthorized` says what to do where the API does not know the caller.
    """
    kind = _NAMED.get(status, ApiError)
    if not isinstance(body, dict) or not isinstance(body.get("error"), str):
        return kind(status, f"HTTP_{status}", _foreign(kind, server))
    details = body.get("details")
    request_id = body.get("requestId")
    code, message = body["error"], str(body.get("message", ""))
    if status == 401 and unauthorized:
        message = f"{message}: {unauthorized}"
    elif status == 404 and code.endswith("_NOT_FOUND"):
        kind = NotFound
    elif status == 404:
        # Nothing is at the path, which is no word about the object: Pulumi would forget what is there.
        message = f"{message} Is the endpoint right?"
    return kind(
        status,
        code,
        message,
        _fields(details) if isinstance(details, dict) else None,
        request_id if isinstance(request_id, str) else None,
    )


def _foreign(kind: type[ApiError], server: str) -> str:
    if issubclass(kind, Unavailable):
        return f"the proxy at {server} gets no answer from EntryGuard"
    return f"{server} did not answer like an EntryGuard API; is the endpoint right?"


def _fields(details: Mapping[object, object]) -> dict[str, list[str]]:
    return {
        str(field): [str(line) for line in said] if isinstance(said, list) else [str(said)]
        for field, said in details.items()
    }
