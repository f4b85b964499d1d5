"""What can be done with organisations, their people, logins and API keys.

Each of `api_keys`, `organisations`, `sign_in` and `users` has the verbs of one of them. What commands and other rooms
call is here by name.
"""

from api.accounts.service.administrators import (
    add_administrator,
    change_tier,
    first_administrator,
    reset_password,
    resume_organisation,
    suspend_organisation,
)
from api.accounts.service.organisations import (
    as_now,
    create_organisation,
    held_organisation,
    locked_by,
    subject,
)
from api.accounts.tiers import Limits, limits_of

__all__ = [
    "Limits",
    "add_administrator",
    "as_now",
    "change_tier",
    "create_organisation",
    "first_administrator",
    "held_organisation",
    "limits_of",
    "locked_by",
    "reset_password",
    "resume_organisation",
    "subject",
    "suspend_organisation",
]
