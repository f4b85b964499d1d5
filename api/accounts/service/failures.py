"""Slows down whoever guesses passwords: by the account that is guessed at, and by the address that guesses.

Counted in the database, so that it holds for all processes, and with Redis away. Only a keyed hash says who is counted.
"""

import hashlib
import hmac
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from api.accounts.models import SignInFailure
from api.database import current_time, delete, write
from api.errors import RateLimited
from api.secret import Secret

# How many tries go unpunished. An address may be a whole company's.
FREE_FOR_ACCOUNT = 10
FREE_FOR_EMAIL = 15  # whichever organisation is named with it, or none: each is a way to guess at the same account
FREE_FOR_ADDRESS = 50
LONGEST_BLOCK_SECONDS = 15 * 60

_FORGOTTEN_AFTER = timedelta(minutes=15)
_IPV6_PREFIX = 64  # what a provider gives to one customer


@dataclass(frozen=True, slots=True)
class Counted:
    """A try to sign in that was counted before its password was looked at."""

    account: bytes
    email: bytes
    address: bytes

    @property
    def subjects(self) -> tuple[bytes, ...]:
        return self.account, self.email, self.address


def count(key: Secret, email: str, organisation_slug: str | None, ip_address: str | None) -> Counted:
    """Count a try to sign in. Raises RateLimited where one of the three is blocked.

    Before the password is looked at, so that a hundred tries at once are a hundred tries. `forgive` takes it back.
    """
    # With the organisation as it was named: else whoever has an account of the same address in one of his own could
    # sign in there between guesses, and start the count anew.
    account = f"{organisation_slug or ''}\0{email}"
    tried = Counted(
        _hashed(key, "account", account), _hashed(key, "email", email), _hashed(key, "address", _customer(ip_address))
    )
    free = {tried.account: FREE_FOR_ACCOUNT, tried.email: FREE_FOR_EMAIL, tried.address: FREE_FOR_ADDRESS}
    with write():
        moment = current_time()
        rows = _locked_rows(free, moment)
        if blocked := [row.blocked_until for row in rows if row.blocked_until > moment]:
            raise RateLimited(retry_after=1 + int((max(blocked) - moment).total_seconds()))
        for row in rows:
            _add_one(row, free[bytes(row.subject)], moment)
    return tried


def forgive(tried: Counted) -> None:
    """The password was right: the account starts anew, and the address is given back this one try. Inside `write`.

    An address is not forgiven all, else its owner could sign in as himself between guesses. Nor is what was tried at
    the email in other ways: an account of the same email may be somebody else's, in another organisation.
    """
    rows = {bytes(row.subject): row for row in _locked_rows(tried.subjects, current_time())}
    delete(SignInFailure, SignInFailure.subject == tried.account)
    for subject, forgiven in ((tried.email, rows[tried.account].failures), (tried.address, 1)):
        left = max(0, rows[subject].failures - forgiven)
        SignInFailure.update(failures=left).where(SignInFailure.subject == subject).execute()


def block_seconds(failures: int, free: int) -> int:
    """How long to wait after so many failures in a row: nothing at first, then 1 s, doubling."""
    return 0 if failures < free else min(LONGEST_BLOCK_SECONDS, int(2 ** min(failures - free, 20)))


def _locked_rows(subjects: Iterable[bytes], moment: datetime) -> list[SignInFailure]:
    """The counts, made if need be, and this transaction's until it ends."""
    # Always in the same order, so that no two wait for each other. An update that changes nothing locks what is there.
    for subject in sorted(subjects):
        SignInFailure.insert(subject=subject, failures=0, blocked_until=moment, forgotten_at=moment).on_conflict(
            conflict_target=[SignInFailure.subject], update={SignInFailure.failures: SignInFailure.failures}
        ).execute()
    return list(SignInFailure.select().where(SignInFailure.subject.in_(sorted(subjects))))


def _add_one(row: SignInFailure, free: int, moment: datetime) -> None:
    failures = 1 if row.forgotten_at <= moment else row.failures + 1
    blocked_until = moment + timedelta(seconds=block_seconds(failures, free))
    SignInFailure.update(
        failures=failures, blocked_until=blocked_until, forgotten_at=blocked_until + _FORGOTTEN_AFTER
    ).where(SignInFailure.subject == row.subject).execute()


def _customer(ip_address: str | None) -> str:
    if ip_address is None:
        return "unknown"
    address = ipaddress.ip_address(ip_address)
    return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False)) if address.version == 6 else str(address)


def _hashed(key: Secret, kind: str, subject: str) -> bytes:
    return hmac.digest(key.reveal(), f"sign-in {kind}\0{subject}".encode(), hashlib.sha256)
