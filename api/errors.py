"""What can go wrong, as named errors: a code from the API contract and a sentence for the reader.

Only `http_errors.py` knows which status a code has.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

Details = Mapping[str, Sequence[str]]


class EntryGuardError(Exception):
    """The base of all of them. `message` is shown to the caller: no secret, no path, no exception's text."""

    code: ClassVar[str] = "INTERNAL_ERROR"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @property
    def extra(self) -> Mapping[str, Any]:
        """What stands in the error body beside the fields that every error has."""
        return {}


class InvalidInput(EntryGuardError):
    """The request cannot be understood or breaks a rule; `details` says which field and why."""

    code = "VALIDATION_ERROR"

    def __init__(self, message: str, details: Details | None = None) -> None:
        super().__init__(message)
        self.details = details or {}

    @property
    def extra(self) -> Mapping[str, Any]:
        return {"details": {field: list(reasons) for field, reasons in self.details.items()}} if self.details else {}


def refuse(details: Details) -> None:
    """Raises InvalidInput where `details` holds a reason; its sentence is the first one."""
    if details:
        raise InvalidInput(next(iter(details.values()))[0], details)


class UnsafeUrl(EntryGuardError):
    """A URL that the server must not call."""

    code = "UNSAFE_URL"


class TooManyResources(EntryGuardError):
    """The organisation's tier allows no further resource."""

    code = "MAX_RESOURCES_REACHED"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"Organization has reached maximum of {limit} resources for Free tier. "
            "Add credits to unlock unlimited resources."
        )


class SessionLimitReached(EntryGuardError):
    """The user, or the key, has as many sessions open as the tier allows."""

    code = "SESSION_LIMIT_REACHED"

    def __init__(self, limit: int) -> None:
        sessions = "session" if limit == 1 else "sessions"
        super().__init__(f"You have {limit} {sessions} open, which is all that your tier allows. Stop one first.")


class DurationExceeded(EntryGuardError):
    """A session would last longer than tier, roles and resources allow."""

    code = "DURATION_EXCEEDED"

    def __init__(self, max_minutes: int) -> None:
        super().__init__(f"A session on these resources lasts {max_minutes} minutes at most, from start to end.")
        self.max_minutes = max_minutes

    @property
    def extra(self) -> Mapping[str, Any]:
        return {"maxDurationMinutes": self.max_minutes}


class CredentialInUse(EntryGuardError):
    """Rules that were put into a cloud with the credential, or are to be, are not gone. by: whose they are."""

    code = "CREDENTIAL_IN_USE"

    def __init__(self, by: str) -> None:
        super().__init__(f"Credential is in use by {by}. Delete it with force=true to end what they let in.")


class ResourceInUse(EntryGuardError):
    """Rules on the resource are not gone from the cloud, or are to be there. by: whose they are."""

    code = "RESOURCE_IN_USE"

    def __init__(self, by: str) -> None:
        super().__init__(f"Resource is in use by {by}. Delete it with force=true to end what they let in.")


class VerificationFailed(EntryGuardError):
    """The cloud's own reason, its code first."""

    code = "VERIFICATION_FAILED"

    def __init__(self, reason: str | None) -> None:
        super().__init__(reason or "The object is gone.")


class LastAdmin(EntryGuardError):
    """An organisation keeps at least one administrator who can sign in."""

    code = "LAST_ADMIN"

    def __init__(self) -> None:
        super().__init__(
            "The last administrator can be neither demoted nor removed. Make somebody else ORG_ADMIN first."
        )


class Unauthenticated(EntryGuardError):
    """Nobody is known to be asking."""

    code = "UNAUTHORIZED"

    def __init__(self, message: str = "Missing or invalid authentication token") -> None:
        super().__init__(message)


class NotAllowed(EntryGuardError):
    """Somebody is asking who may not."""

    code = "FORBIDDEN"

    def __init__(self, message: str = "User lacks ORG_ADMIN role") -> None:
        super().__init__(message)


class NotFound(EntryGuardError):
    """Not there, or another organisation's: the caller cannot tell which."""

    code = "NOT_FOUND"


class CredentialNotFound(NotFound):
    code = "CREDENTIAL_NOT_FOUND"

    def __init__(self, credential_id: object) -> None:
        super().__init__(f"Credential with ID {credential_id} not found")


class ResourceNotFound(NotFound):
    code = "RESOURCE_NOT_FOUND"

    def __init__(self, resource_id: object) -> None:
        super().__init__(f"Resource with ID {resource_id} not found")


class SessionNotFound(NotFound):
    code = "SESSION_NOT_FOUND"

    def __init__(self, session_id: object) -> None:
        super().__init__(f"Session with ID {session_id} not found")


class RoleNotFound(NotFound):
    code = "ROLE_NOT_FOUND"

    def __init__(self, role_id: object) -> None:
        super().__init__(f"Role with ID {role_id} not found")


class StaticRuleNotFound(NotFound):
    code = "STATIC_IP_RULE_NOT_FOUND"

    def __init__(self, rule_id: object) -> None:
        super().__init__(f"Static IP rule with ID {rule_id} not found")


class UserNotFound(NotFound):
    code = "USER_NOT_FOUND"

    def __init__(self, user_id: object) -> None:
        super().__init__(f"User with ID {user_id} not found")


class ApiKeyNotFound(NotFound):
    code = "API_KEY_NOT_FOUND"

    def __init__(self, key_id: object) -> None:
        super().__init__(f"API key with ID {key_id} not found")


class PathNotFound(NotFound):
    """No such path."""

    def __init__(self) -> None:
        super().__init__("There is nothing at this path. /api/v1/openapi.json lists what there is.")


class MethodNotAllowed(EntryGuardError):
    """The path is there; the method is not."""

    code = "METHOD_NOT_ALLOWED"

    def __init__(self) -> None:
        super().__init__("This path does not take that method; the Allow header names those that it takes.")


class RequestTimeout(EntryGuardError):
    """The body did not come in time."""

    code = "REQUEST_TIMEOUT"

    def __init__(self) -> None:
        super().__init__("The request body took too long to arrive. Send it again.")


class PayloadTooLarge(EntryGuardError):
    """The body is over the limit."""

    code = "PAYLOAD_TOO_LARGE"

    def __init__(self) -> None:
        super().__init__("The request body is larger than 256 KiB.")


class UnsupportedMediaType(EntryGuardError):
    """The body is of a kind that is not read."""

    code = "UNSUPPORTED_MEDIA_TYPE"

    def __init__(self) -> None:
        super().__init__("Send the body as JSON, with Content-Type: application/json.")


class InternalError(EntryGuardError):
    """Something went wrong that we did not foresee; the log has it under the request's id."""

    def __init__(self) -> None:
        super().__init__("Something went wrong on our side. Tell your operator the requestId.")


class Conflict(EntryGuardError):
    """The request contradicts what is there."""

    code = "CONFLICT"


class StaleObject(EntryGuardError):
    """`If-Match` names a revision that somebody has changed since."""

    code = "PRECONDITION_FAILED"

    def __init__(self) -> None:
        super().__init__("The object was changed since you read it. Read it again and repeat the change.")


class RateLimited(EntryGuardError):
    """The caller asks too often. `retry_after` is in seconds."""

    code = "RATE_LIMIT_EXCEEDED"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Rate limit exceeded. Try again in {retry_after} s.")
        self.retry_after = retry_after


class Unavailable(EntryGuardError):
    """Something that the server needs is away. `retry_after` is in seconds."""

    code = "UNAVAILABLE"

    def __init__(
        self, message: str = "The service is not available just now. Try again shortly.", retry_after: int = 5
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
