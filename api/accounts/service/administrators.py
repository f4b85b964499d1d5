"""What the operator does for accounts, from the command line."""

import dataclasses
import uuid
from collections.abc import Mapping
from datetime import datetime

from api import audit
from api.accounts import passwords
from api.accounts.models import Organisation, User
from api.accounts.service import organisations, users
from api.actor import Actor
from api.database import current_time, write
from api.errors import Conflict, NotFound
from api.secret import Secret

_OPERATOR = Actor.system(None)


def first_administrator(email: str, password: Secret, organisation_name: str, tier: str) -> User | None:
    """Make the first organisation and its administrator; None where there are organisations already."""
    wanted = _administrator(email, password)
    password_hash = passwords.hashed(password)
    with write():
        if Organisation.select().exists():
            return None
        organisation = organisations.create_organisation(_OPERATOR, organisation_name, tier)
        return users.add(_acting_for(organisation), wanted, password_hash, uuid.uuid4())


def add_administrator(email: str, password: Secret, organisation_slug_or_name: str, tier: str) -> User:
    """Add an administrator to an organisation, which is made if nothing has that slug or name.

    Raises Conflict where the address is in use there, or where several organisations have that name.
    """
    wanted = _administrator(email, password)
    password_hash = passwords.hashed(password)
    with write():
        organisation = _named(organisation_slug_or_name)
        if organisation is None:
            organisation = organisations.create_organisation(_OPERATOR, organisation_slug_or_name, tier)
        return users.add(_acting_for(organisation), wanted, password_hash, uuid.uuid4())


def reset_password(email: str, password: Secret, organisation_slug_or_name: str) -> User:
    """Give a person a new password and sign them out everywhere. Raises NotFound, Conflict, InvalidInput."""
    passwords.check(password)
    organisation = _named(organisation_slug_or_name)
    user = None if organisation is None else _member(organisation, users.plain_email(email))
    if organisation is None or user is None:
        raise NotFound(f"There is no user {email} in {organisation_slug_or_name}.")
    users.set_password(_acting_for(organisation), user, password)
    return user


def suspend_organisation(slug_or_name: str) -> Organisation:
    """Let nobody of an organisation act any more. Raises NotFound; Conflict where it is suspended. Inside `write`."""
    organisation = _locked(slug_or_name)
    if organisation.suspended_at is not None:
        raise Conflict(f"{organisation.name} is suspended already.")
    return _change_suspension(organisation, current_time())


def resume_organisation(slug_or_name: str) -> Organisation:
    """Let an organisation's people and keys act again. Raises NotFound; Conflict where they may. Inside `write`."""
    organisation = _locked(slug_or_name)
    if organisation.suspended_at is None:
        raise Conflict(f"{organisation.name} is not suspended.")
    return _change_suspension(organisation, None)


def change_tier(slug_or_name: str, tier: str) -> Organisation:
    """Give an organisation the limits of another tier: for what is asked for from then on, what is there stays.

    Raises NotFound; Conflict where it has that tier.
    """
    with write():
        organisation = _locked(slug_or_name)
        before = organisation.tier
        if before == tier:
            raise Conflict(f"{organisation.name} is {tier} already.")
        organisation.tier = tier
        return _changed(organisation, {"changed": ["tier"], "tier": {"from": before, "to": tier}})


def _locked(slug_or_name: str) -> Organisation:
    found = _named(slug_or_name)
    if found is None:
        raise NotFound(f"There is no organization {slug_or_name}.")
    return organisations.locked_organisation(found.id)


def _change_suspension(organisation: Organisation, since: datetime | None) -> Organisation:
    organisation.suspended_at = since
    return _changed(organisation, {"suspended": since is not None})


def _changed(organisation: Organisation, details: Mapping[str, object]) -> Organisation:
    """Write a change down. details: what the audit trail tells of it."""
    organisation.revision += 1
    organisation.updated_at = current_time()
    organisation.save()
    actor, subject = _acting_for(organisation), organisations.subject(organisation)
    audit.record(actor, "ORGANIZATION_UPDATE", subject, details=details)
    return organisation


def _administrator(email: str, password: Secret) -> users.NewUser:
    passwords.check(password)
    plain = users.plain_email(email)
    return users.NewUser(email=plain, name=plain.partition("@")[0], password=password, role=users.ADMIN)


def _named(slug_or_name: str) -> Organisation | None:
    """The organisation with that slug, else with that name. Raises Conflict where several have it."""
    found = list(Organisation.select().where(Organisation.slug == slug_or_name)) or list(
        Organisation.select().where(Organisation.name == slug_or_name)
    )
    if len(found) > 1:
        slugs = ", ".join(organisation.slug for organisation in found)
        raise Conflict(f"Several organizations are named {slug_or_name}. Name one by its slug: {slugs}.")
    return found[0] if found else None


def _member(organisation: Organisation, email: str) -> User | None:
    member: User | None = User.get_or_none(User.organisation_id == organisation.id, User.email == email)
    return member


def _acting_for(organisation: Organisation) -> Actor:
    return dataclasses.replace(_OPERATOR, organisation_id=organisation.id)
