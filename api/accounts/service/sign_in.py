"""Signing in and out, and the exchange of refresh tokens."""

import dataclasses
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from api import audit, cookies, tokens
from api.access import hash_of, standing_login
from api.accounts import passwords
from api.accounts.models import Login, Organisation, User
from api.accounts.service import failures, organisations, users
from api.actor import Actor
from api.database import current_time, locked, now, write
from api.errors import NotAllowed, Unauthenticated
from api.secret import Secret

WRONG = "The email or the password is wrong"

Opened = TypeVar("Opened")


@dataclass(frozen=True, slots=True)
class Attempt:
    """What somebody shows to sign in. organization_slug: None where the address is in one organisation only."""

    email: str
    password: Secret = field(repr=False)
    organization_slug: str | None = None


@dataclass(frozen=True, slots=True)
class Registration:
    """An organisation to make, with its first administrator."""

    organization_name: str
    email: str
    name: str
    password: Secret = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A login: whose it is, and the tokens to act with and to go on with."""

    user: User
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)


def register(stranger: Actor, wanted: Registration, tier: str) -> SignedIn:
    """Make an organisation and sign its first administrator in."""
    password_hash = passwords.hashed(wanted.password)
    administrator = users.NewUser(wanted.email, wanted.name, wanted.password, users.ADMIN)
    with write():
        organisation = organisations.create_organisation(stranger, wanted.organization_name, tier)
        actor = dataclasses.replace(stranger, organisation_id=organisation.id, email=wanted.email)
        user = users.add(actor, administrator, password_hash, uuid.uuid4())
        return _opened(stranger, user)


def sign_in(stranger: Actor, attempt: Attempt, failure_key: Secret) -> SignedIn:
    """Open a login for whoever knows the password.

    Raises Unauthenticated, in the same words and after the same time whatever was wrong; RateLimited after many tries.
    """
    return _admitted(stranger, attempt, failure_key, _opened)


def sign_in_on_pages(stranger: Actor, attempt: Attempt, failure_key: Secret) -> cookies.Shown:
    """The same for a browser, which is to show what this returns; it lasts as long as the cookie. Raises the same."""
    return _admitted(stranger, attempt, failure_key, _opened_on_pages)


def _admitted(
    stranger: Actor, attempt: Attempt, failure_key: Secret, opened: Callable[[Actor, User], Opened]
) -> Opened:
    tried = failures.count(failure_key, attempt.email, attempt.organization_slug, stranger.ip_address)
    user = _named(attempt)
    if not passwords.matches(attempt.password, user.password_hash if user else None) or user is None:
        _note_failure(stranger, attempt)
        raise Unauthenticated(WRONG)
    renewed_hash = passwords.hashed(attempt.password) if passwords.is_outdated(user.password_hash) else None
    with write():
        # Read again: who is deactivated, or gets another password, just now must not be left with a login.
        user = locked(User.select().where(User.id == user.id, _as_it_was(user))).first()
        if user is None:
            raise Unauthenticated(WRONG)
        failures.forgive(tried)
        if renewed_hash is not None:
            User.update(password_hash=renewed_hash).where(User.id == user.id).execute()
        return opened(stranger, user)


def refresh(stranger: Actor, refresh_token: Secret) -> SignedIn:
    """Exchange a refresh token for new tokens. Raises Unauthenticated.

    A token is good for one exchange. Whoever shows one again holds a copy, or somebody else does: its login ends, and
    with it all that came of it.
    """
    shown = refresh_token.reveal_text()
    claims = tokens.read(shown, "refresh")
    with write():
        renewed = _exchanged(claims, shown)
        if renewed is None:
            _end_if_copied(stranger, claims, shown)
    # After the commit: an exception inside would bring the login back.
    if renewed is None:
        raise Unauthenticated
    return renewed


def sign_out(actor: Actor) -> None:
    """End the login that the caller came with; its tokens stop at once. Raises NotAllowed for an API key."""
    if actor.login_id is None:
        raise NotAllowed("An API key does not sign in or out; revoke it with DELETE /api-keys/{id}")
    with write():
        if Login.update(ended_at=now()).where(Login.id == actor.login_id, Login.ended_at.is_null()).execute():
            audit.record(actor, "USER_LOGOUT", users.subject(users.of(actor.organisation, _id(actor))))


def _named(attempt: Attempt) -> User | None:
    """The one active person whom an attempt names."""
    query = _all_named(attempt).where(User.is_active, Organisation.suspended_at.is_null())
    found = list(query.limit(2))
    return found[0] if len(found) == 1 else None


def _all_named(attempt: Attempt) -> Any:
    query = User.select().join(Organisation, on=(Organisation.id == User.organisation_id))
    if attempt.organization_slug is not None:
        query = query.where(Organisation.slug == attempt.organization_slug)
    return query.where(User.email == attempt.email)


def _as_it_was(user: User) -> Any:
    return (User.password_hash == user.password_hash) & User.is_active


def _note_failure(stranger: Actor, attempt: Attempt) -> None:
    """Tell the organisation that was meant, if it can be known, that somebody failed to sign in."""
    with write():
        if attempt.organization_slug is not None:
            meant = list(Organisation.select().where(Organisation.slug == attempt.organization_slug))
            organisation_id = meant[0].id if meant else None
        else:
            known = list(_all_named(attempt).limit(2))
            organisation_id = known[0].organisation_id if len(known) == 1 else None
        guest = dataclasses.replace(stranger, organisation_id=organisation_id, email=attempt.email)
        audit.record(guest, "USER_LOGIN_FAILED", error=WRONG)


def _opened(stranger: Actor, user: User) -> SignedIn:
    """A new login of `user`. Inside `write`."""
    login_id, moment = uuid.uuid4(), current_time()
    opened = SignedIn(
        user, tokens.issue("access", user, login_id, moment), tokens.issue("refresh", user, login_id, moment)
    )
    _keep(user, login_id, opened.refresh_token, moment, tokens.LIFETIME["refresh"])
    audit.record(_as_actor(stranger, user), "USER_LOGIN", users.subject(user))
    return opened


def _opened_on_pages(stranger: Actor, user: User) -> cookies.Shown:
    """A new login of `user`. Inside `write`."""
    opened = cookies.Shown(uuid.uuid4(), cookies.new_key())
    _keep(user, opened.login_id, opened.key, current_time(), cookies.LIFETIME)
    audit.record(_as_actor(stranger, user), "USER_LOGIN", users.subject(user))
    return opened


def _keep(user: User, login_id: uuid.UUID, shown: str, moment: datetime, lifetime: timedelta) -> None:
    """Store a login, and of what its owner is to show only the hash."""
    Login.create(
        id=login_id,
        organisation_id=user.organisation_id,
        user_id=user.id,
        refresh_hash=hash_of(shown),
        created_at=moment,
        expires_at=moment + lifetime,
    )


def _exchanged(claims: tokens.Claims, shown: str) -> SignedIn | None:
    """New tokens in the place of the one shown; None where it is not the login's last, or something has ended."""
    if standing_login(claims) is None:
        return None
    user, moment = users.of(claims.organisation_id, claims.user_id), current_time()
    renewed = SignedIn(
        user,
        tokens.issue("access", user, claims.login_id, moment),
        tokens.issue("refresh", user, claims.login_id, moment),
    )
    # Of two that come at once with the same token the second finds the hash changed.
    exchanged = (
        Login.update(refresh_hash=hash_of(renewed.refresh_token), expires_at=moment + tokens.LIFETIME["refresh"])
        .where(Login.id == claims.login_id, Login.refresh_hash == hash_of(shown), Login.ended_at.is_null())
        .execute()
    )
    return renewed if exchanged else None


def _end_if_copied(stranger: Actor, claims: tokens.Claims, shown: str) -> None:
    """End the login whose refresh token is shown a second time."""
    ended = (
        Login.update(ended_at=now())
        .where(
            Login.id == claims.login_id,
            Login.refresh_hash != hash_of(shown),
            Login.ended_at.is_null(),
        )
        .execute()
    )
    if ended:
        user = users.of(claims.organisation_id, claims.user_id)
        details = {"reason": "a refresh token was used twice"}
        audit.record(_as_actor(stranger, user), "USER_LOGOUT", users.subject(user), details=details)


def _as_actor(stranger: Actor, user: User) -> Actor:
    """Who was a stranger until a moment ago, for the audit trail."""
    return dataclasses.replace(stranger, organisation_id=user.organisation_id, email=user.email)


def _id(actor: Actor) -> uuid.UUID:
    if actor.user_id is None:
        raise LookupError("a login belongs to a user")
    return actor.user_id
