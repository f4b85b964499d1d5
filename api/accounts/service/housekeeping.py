"""What nobody asks about any more."""

from api.accounts.models import Login, SignInFailure
from api.database import delete, now, write


def forget_expired() -> None:
    """Delete logins that ran out and failures to sign in that no longer count. To be done now and then."""
    with write():
        delete(Login, Login.expires_at < now())
        delete(SignInFailure, SignInFailure.forgotten_at < now())
