"""Rows to test with: what a test does not name is made up."""

import itertools
import uuid
from datetime import timedelta
from ipaddress import ip_network
from typing import Any, TypeVar

import peewee

from api.accounts.models import Organisation
from api.credentials.models import Credential
from api.database import current_time, write
from api.due import Turn, want
from api.resources.models import Resource
from api.sessions.models import Session
from api.sessions.service import follow
from api.static_rules.models import StaticRule
from api.targets.models import Target
from api.targets.service import Asked, end, grant, hold

Row = TypeVar("Row", Credential, Resource, Session, StaticRule, Target)

_numbers = itertools.count(1)


def make_organisation(**columns: Any) -> Organisation:
    """An organisation that is served like any other."""
    number = next(_numbers)
    moment = current_time()
    defaults: dict[str, Any] = {"slug": f"org-{number}", "name": f"Organisation {number}", "tier": "PAID"}
    with write():
        organisation = Organisation.create(**{**defaults, "created_at": moment, "updated_at": moment, **columns})
        Turn.create(organisation_id=organisation.id)
    return organisation


def make_credential(organisation: Organisation | None = None, **columns: Any) -> Credential:
    """A credential without a secret, never verified and not due."""
    organisation = organisation or make_organisation()
    moment = current_time()
    defaults: dict[str, Any] = {
        "organisation_id": organisation.id,
        "name": f"credential {next(_numbers)}",
        "provider": "AWS",
        "credential_type": "ACCESS_KEY",
        "created_at": moment,
        "updated_at": moment,
    }
    with write():
        return Credential.create(**{**defaults, **columns})


def make_resource(credential: Credential, **columns: Any) -> Resource:
    """A resource of the credential, never verified and not due."""
    number = next(_numbers)
    moment = current_time()
    defaults: dict[str, Any] = {
        "organisation_id": credential.organisation_id,
        "credential_id": credential.id,
        "name": f"resource {number}",
        "provider": credential.provider,
        "resource_type": "SECURITY_GROUP",
        "resource_identifier": f"sg-{number:017x}",
        "region": "eu-central-1",
        "created_at": moment,
        "updated_at": moment,
    }
    with write():
        return Resource.create(**{**defaults, **columns})


def make_target(credential: Credential, **columns: Any) -> Target:
    """An object that the credential's rules are put on, not due."""
    number = next(_numbers)
    defaults: dict[str, Any] = {
        "organisation_id": credential.organisation_id,
        "credential_id": credential.id,
        "provider": credential.provider,
        "account": "123456789012",
        "region": "eu-central-1",
        "identifier": f"sg-{number:017x}",
        "resource_type": "SECURITY_GROUP",
    }
    with write():
        return Target.create(**{**defaults, **columns})


def make_session(
    organisation_id: uuid.UUID, *resources: Resource, address: str = "81.2.69.142", **columns: Any
) -> Session:
    """A session of an organisation's key that lets an address in to the resources, for an hour."""
    moment = current_time()
    defaults: dict[str, Any] = {
        "organisation_id": organisation_id,
        "user_name": "pipeline",
        "user_email": "pipeline",
        "status": "PENDING",
        "expires_at": moment + timedelta(hours=1),
        "created_at": moment,
    }
    with write():
        held = hold(resources)
        session = Session.create(**{**defaults, **columns})
        grant(*(Asked(resource, ip_network(address), session_id=session.id) for resource in resources), held=held)
        follow([session.id])
    return session


def end_grants(which: peewee.Node) -> set[uuid.UUID]:
    """End the grants that match, whoever's they are. Returns the sessions whose grants have ended."""
    with write():
        return end(which, hold((), which))


def make_due(*rows: Credential | Resource | Target, **want_options: Any) -> None:
    """Ask for work on the rows."""
    with write():
        for row in rows:
            want(type(row), type(row).id == row.id, **want_options)


def fresh(row: Row) -> Row:
    """The row as it is now."""
    return type(row).get_by_id(row.id)
