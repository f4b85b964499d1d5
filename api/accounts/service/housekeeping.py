"""What nobody asks about any more."""

from api.accounts.models import Login, SignInFailure
from api.database import delete, locked, now, write


def forget_expired() -> None:
    """Delete logins that ran out and failures to sign in that no longer count. To be done now and then."""
    with write():
        delete(Login, Login.expires_at < now())
        # Not what somebody is counting just now: he holds one count and may wait for the next.
        old = SignInFailure.select(SignInFailure.subject).where(SignInFailure.forgotten_at < now())
        subjects = [row.subject for row in locked(old, "SKIP LOCKED")]
        delete(SignInFailure, SignInFailure.subject.in_(subjects))
