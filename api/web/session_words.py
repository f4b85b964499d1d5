"""What becomes of sessions, in words."""

from collections.abc import Mapping
from typing import Final

# The badge of a session of which something is left: its colour, its picture, its word.
BADGES: Mapping[str, tuple[str, str, str]] = {
    "PENDING": ("", "clock", "Opening"),
    "ACTIVE": ("good", "check", "Open"),
    "PARTIAL": ("warn", "clock", "Partly open"),
    "FAILED": ("bad", "cross", "Not open"),
    "EXPIRING": ("warn", "clock", "Closing"),
}

# What became of a resource in it.
STATES: Mapping[str, str] = {
    "PENDING": "being opened",
    "APPLIED": "open",
    "FAILED": "not open",
    "REMOVING": "being closed",
    "REMOVED": "closed",
}

ENDINGS: Mapping[str, str] = {
    "EXPIRED": "Its time was up",
    "MANUAL": "It was stopped",
    "USER_DEACTIVATED": "Its holder was deactivated",
    "ROLE_REMOVED": "The role that allowed it was taken away",
    "RESOURCE_CHANGED": "Its resource was changed",
    "RESOURCE_DELETED": "Its resource was deleted",
    "CREDENTIAL_DELETED": "The credential behind it was deleted",
    "ORGANIZATION_SUSPENDED": "The organisation was suspended",
}

_FOR_ADMINISTRATORS: Final = "Mend it under Resources or Credentials; it opens by itself then, while the session lasts."
_FOR_USERS: Final = "Tell an administrator; once it is mended it opens by itself, while the session lasts."
_ASKED_AGAIN: Final = "Nothing for you to do: the cloud is asked again until it does as it should."


def remedy(status: str, *, is_admin: bool) -> str | None:
    """What to do about an error of a resource in this state."""
    if status == "FAILED":
        return _FOR_ADMINISTRATORS if is_admin else _FOR_USERS
    return _ASKED_AGAIN if status in ("PENDING", "REMOVING") else None
