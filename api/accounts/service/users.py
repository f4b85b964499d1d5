"""The people of an organisation."""

import re
import uuid
from dataclasses import dataclass, field

from api import audit, idempotency
from api.accounts import passwords
from api.accounts.models import Login, User
from api.accounts.service import api_keys, organisations
from api.actor import Actor
from api.conditional import check_if_match
from api.database import current_time, delete, now, write
from api.errors import Conflict, InvalidInput, LastAdmin, NotAllowed, UserNotFound
from api.paging import Listing, Page, oldest_first
from api.secret import Secret

ROLES = ("ORG_ADMIN", "USER")
ADMIN = "ORG_ADMIN"

# Who has the address shows by being reached there. What is kept out is what could mean something to a header or a page.
_EMAIL = re.compile(r'[^\s@"(),:;<>\[\]\\\x00-\x1f\x7f]+@[^\s@"(),:;<>\[\]\\\x00-\x1f\x7f]+')
_LONGEST_EMAIL = 254  # RFC 5321, 4.5.3.1.3, less the brackets


@dataclass(frozen=True, slots=True)
class NewUser:
    """A person to add."""

    email: str
    name: str
    password: Secret = field(repr=False)
    role: str = "USER"


@dataclass(frozen=True, slots=True)
class UserChange:
    """What a caller changes; None leaves it as it is."""

    name: str | None = None
    role: str | None = None
    is_active: bool | None = None


def plain_email(text: str) -> str:
    """An e-mail address as it is kept: in small letters. Raises InvalidInput for what is none."""
    email = text.strip().lower()
    if not _EMAIL.fullmatch(email) or len(email) > _LONGEST_EMAIL:
        raise InvalidInput("This is not an e-mail address.")
    return email


def create(actor: Actor, wanted: NewUser, request: idempotency.Asked | None = None) -> User:
    """Add a person to the caller's organisation. Raises Conflict where the address is in use there, NotAllowed."""
    _check_may_have_role(actor, wanted.role)
    password_hash = passwords.hashed(wanted.password)  # before the transaction: it takes a while
    return idempotency.once(
        request,
        lambda user_id: add(actor, wanted, password_hash, user_id),
        lambda user_id: of(actor.organisation, user_id),
    )


def add(actor: Actor, wanted: NewUser, password_hash: str, user_id: uuid.UUID) -> User:
    """Write a new person down. Raises Conflict."""
    with write():
        organisations.locked_by(actor)
        if User.select().where(User.organisation_id == actor.organisation, User.email == wanted.email).exists():
            raise Conflict("A user with this email is in the organization already.")
        moment = current_time()
        user = User.create(
            id=user_id,
            organisation_id=actor.organisation,
            email=wanted.email,
            name=wanted.name,
            password_hash=password_hash,
            role=wanted.role,
            created_at=moment,
            updated_at=moment,
        )
        audit.record(actor, "USER_CREATE", subject(user), details={"role": user.role})
    return user


def of(organisation_id: uuid.UUID, user_id: uuid.UUID) -> User:
    """The organisation's user. Raises UserNotFound, whether it is nobody's or somebody else's."""
    user: User | None = User.get_or_none(User.organisation_id == organisation_id, User.id == user_id)
    if user is None:
        raise UserNotFound(user_id)
    return user


def listed(actor: Actor, page: Page) -> Listing[User]:
    """The organisation's people, oldest first, those who are deactivated among them."""
    return oldest_first(User.select().where(User.organisation_id == actor.organisation), page)


def change(actor: Actor, user_id: uuid.UUID, wanted: UserChange) -> User:
    """Rename, promote, demote, deactivate or reactivate a person; it holds from their next request on.

    Raises UserNotFound, StaleObject, LastAdmin, NotAllowed.
    """
    with write():
        user = _locked(actor, user_id)
        _check_may_have_role(actor, wanted.role)
        before = {"name": user.name, "role": user.role, "is_active": user.is_active}
        after = {name: value for name in before if (value := getattr(wanted, name)) is not None}
        changes = {name: value for name, value in after.items() if value != before[name]}
        if not changes:
            return user
        stays_admin = changes.get("role", ADMIN) == ADMIN and changes.get("is_active", True)
        if not stays_admin:
            _check_others_administer(user)
        for name, value in changes.items():
            setattr(user, name, value)
        user.revision += 1
        user.updated_at = current_time()
        user.save()
        audit.record(actor, "USER_UPDATE", subject(user), details=_told(before, changes))
        if not user.is_active:
            _end_what_they_hold(actor, user)
    return user


def remove(actor: Actor, user_id: uuid.UUID) -> None:
    """Delete a person with their logins and their own keys. Raises UserNotFound, StaleObject, LastAdmin, NotAllowed."""
    with write():
        user = _locked(actor, user_id)
        _check_others_administer(user)
        _end_what_they_hold(actor, user)
        audit.record(actor, "USER_DELETE", subject(user))
        delete(User, User.id == user.id)


def set_password(actor: Actor, user: User, password: Secret) -> None:
    """Give a person another password, and end all their logins."""
    password_hash = passwords.hashed(password)
    with write():
        User.update(password_hash=password_hash, updated_at=now()).where(User.id == user.id).execute()
        end_logins(user)
        audit.record(actor, "USER_UPDATE", subject(user), details={"changed": ["password"]})


def end_logins(user: User) -> None:
    """Sign a person out everywhere. Inside `write`."""
    Login.update(ended_at=now()).where(Login.user_id == user.id, Login.ended_at.is_null()).execute()


def subject(user: User) -> audit.Subject:
    """How the audit trail names a person."""
    return audit.Subject("USER", user.id, user.email)


def _locked(actor: Actor, user_id: uuid.UUID) -> User:
    """The user to change. The organisation's lock makes one of two demotions at once see the other."""
    organisations.locked_by(actor)
    user = of(actor.organisation, user_id)
    _check_may_have_role(actor, user.role)
    check_if_match(user.revision)
    return user


def _check_may_have_role(actor: Actor, role: str | None) -> None:
    """A key that could make administrators, or unmake them, could do whatever they can, whatever its scopes."""
    if role == ADMIN and actor.scopes is not None:
        raise NotAllowed("Only a person with the ORG_ADMIN role can make or change an administrator, not an API key")


def _check_others_administer(user: User) -> None:
    """Raises LastAdmin if nobody but `user` can administer the organisation."""
    if user.role != ADMIN or not user.is_active:
        return
    others = User.select().where(
        User.organisation_id == user.organisation_id,
        User.id != user.id,
        User.role == ADMIN,
        User.is_active,
        User.password_hash.is_null(False),
    )
    if not others.exists():
        raise LastAdmin


def _end_what_they_hold(actor: Actor, user: User) -> None:
    end_logins(user)
    api_keys.revoke_all_of(actor, user)


def _told(before: dict[str, object], changes: dict[str, object]) -> dict[str, object]:
    """What an audit entry tells of a change: which fields, and the role and state before and after."""
    names = {"name": "name", "role": "role", "is_active": "isActive"}
    told: dict[str, object] = {"changed": [names[name] for name in changes]}
    for name in changes.keys() - {"name"}:
        told[names[name]] = {"from": before[name], "to": changes[name]}
    return told
