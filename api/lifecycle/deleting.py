"""Deleting, with all that goes with it, in one transaction.

What is in use is deleted by force alone: it lets nobody in from then on, and is gone when the last of its rules is.
Until then its row and its sealed secret are what the rules are removed with. Whoever deletes has the organisation, as
whoever changes its roles: they name what goes.
"""

import uuid
from collections.abc import Sequence
from typing import Any

import peewee

from api import audit
from api.accounts import service as accounts
from api.actor import Actor
from api.conditional import check_if_match
from api.credentials import service as credentials
from api.credentials.models import Credential
from api.database import current_time, delete, locked, now, write
from api.errors import CredentialInUse, ResourceInUse
from api.lifecycle.holders import holders_of
from api.resources import service as resources
from api.resources.models import Resource
from api.sessions import service as sessions
from api.static_rules import service as static_rules
from api.targets import service as targets
from api.targets.models import Grant, Rule
from api.targets.service import REMOVING

CREDENTIAL_DELETED, RESOURCE_DELETED = "CREDENTIAL_DELETED", "RESOURCE_DELETED"

_BY_FORCE = {"force": True}
_AT_LAST = {"rulesRemoved": True}


def delete_credential(actor: Actor, credential_id: uuid.UUID) -> None:
    """Delete a credential, its sealed secrets and its resources.

    Raises CredentialNotFound, StaleObject, CredentialInUse where rules are not gone, Conflict where it is going.
    """
    with write():
        accounts.locked_by(actor)
        credential = credentials.changeable(actor.organisation, credential_id)
        check_if_match(credential.revision)
        theirs = _resources_of(credential)
        if targets.has_rules_of_credential(credential.id) or any(map(_has_rules, theirs)):
            raise CredentialInUse(holders_of(_on(theirs), _through(credential)))
        sessions.end_grants(actor, _on(theirs), CREDENTIAL_DELETED)
        for resource in theirs:
            audit.record(actor, "RESOURCE_DELETE", resources.subject(resource))
        audit.record(actor, "CREDENTIAL_DELETE", credentials.subject(credential))
        # The tables' own foreign keys take the secrets, the resources and the listings along.
        delete(Credential, Credential.id == credential.id)


def delete_credential_by_force(actor: Actor, credential_id: uuid.UUID) -> Credential:
    """End what a credential and its resources let in, and delete them when it is gone. Returns it as it is till then.

    Raises CredentialNotFound, StaleObject; Conflict where it is being deleted.
    """
    with write():
        accounts.locked_by(actor)
        credential = credentials.changeable(actor.organisation, credential_id)
        check_if_match(credential.revision)
        theirs = [resource for resource in _resources_of(credential) if resource.deleting_since is None]
        for resource in theirs:
            _mark(resource)
            audit.record(actor, "RESOURCE_DELETE", resources.subject(resource), details=_BY_FORCE)
        _mark(credential)
        audit.record(actor, "CREDENTIAL_DELETE", credentials.subject(credential), details=_BY_FORCE)
        sessions.end_grants(actor, _on(theirs), CREDENTIAL_DELETED)
        for resource in theirs:
            _delete_unless_needed(resource)
        _delete_unless_needed(credential)
    return credential


def delete_resource(actor: Actor, resource_id: uuid.UUID) -> None:
    """Delete a resource.

    Raises ResourceNotFound, StaleObject; ResourceInUse where rules are not gone; Conflict where it is going already.
    """
    with write():
        accounts.locked_by(actor)
        resource = resources.changeable(actor.organisation, resource_id)
        check_if_match(resource.revision)
        if _has_rules(resource):
            raise ResourceInUse(holders_of(_on([resource])))
        sessions.end_grants(actor, _on([resource]), RESOURCE_DELETED)
        audit.record(actor, "RESOURCE_DELETE", resources.subject(resource))
        delete(Resource, Resource.id == resource.id)


def delete_resource_by_force(actor: Actor, resource_id: uuid.UUID) -> Resource:
    """End what a resource lets in, and delete it when that is gone. Returns it as it is till then.

    Raises ResourceNotFound, StaleObject; Conflict where it is being deleted.
    """
    with write():
        accounts.locked_by(actor)
        resource = resources.changeable(actor.organisation, resource_id)
        check_if_match(resource.revision)
        _mark(resource)
        audit.record(actor, "RESOURCE_DELETE", resources.subject(resource), details=_BY_FORCE)
        sessions.end_grants(actor, _on([resource]), RESOURCE_DELETED)
        shown = resources.of(actor.organisation, resource_id)
        _delete_unless_needed(resource)
    return shown


def finish(organisation_id: uuid.UUID | None = None) -> None:
    """Delete what has waited until its last rule was out of the cloud: an organisation's, or everybody's.

    Not in a transaction that holds a target: everybody else locks credentials and resources first.
    """
    for model in (Resource, Credential):
        going: Any = model.select().where(model.deleting_since.is_null(False))
        if organisation_id is not None:
            going = going.where(model.organisation_id == organisation_id)
        for row in going:
            if _is_needed(row):
                _say_why(row)
            else:
                _finish(row)
    static_rules.finish(organisation_id)


def _say_why(row: Credential | Resource) -> None:
    """Let it show what the cloud says of a rule that it has not given up."""
    if isinstance(row, Credential) and row.is_valid is False:
        return  # it says so already, and what is said of its rules is made of that
    theirs: Any = _on([row]) if isinstance(row, Resource) else _through(row)
    stuck: Any = Grant.select(Grant.error).where(theirs, Grant.status == REMOVING, Grant.error.is_null(False))
    first = stuck.order_by(Grant.ended_at, Grant.id).first()
    if first is not None and first.error != row.verification_error:
        model = type(row)
        with write():
            model.update(verification_error=first.error, updated_at=now()).where(model.id == row.id).execute()


def _finish(seen: Credential | Resource) -> None:
    model = type(seen)
    with write():
        row = locked(model.select().where(model.id == seen.id)).first()
        if row is None or not _delete_unless_needed(row):
            return
        system = Actor.system(row.organisation_id)
        if isinstance(row, Credential):
            audit.record(system, "CREDENTIAL_DELETE", credentials.subject(row), details=_AT_LAST)
        else:
            audit.record(system, "RESOURCE_DELETE", resources.subject(row), details=_AT_LAST)


def _delete_unless_needed(row: Credential | Resource) -> bool:
    model = type(row)
    return not _is_needed(row) and bool(delete(model, model.id == row.id))


def _is_needed(row: Credential | Resource) -> bool:
    """There are rules, or may be, that are reached by it alone; or resources, which have rules of their own."""
    if isinstance(row, Resource):
        return _has_rules(row)
    has_resources = Resource.select().where(Resource.credential_id == row.id).exists()
    return bool(has_resources or Rule.select().where(Rule.credential_id == row.id).exists())


def _resources_of(credential: Credential) -> list[Resource]:
    """All of them, locked."""
    theirs = Resource.select().where(Resource.credential_id == credential.id)
    return list(locked(theirs.order_by(Resource.created_at, Resource.id)))


def _has_rules(resource: Resource) -> bool:
    return targets.has_rules_of_resource(resource.id)


def _mark(row: Credential | Resource) -> None:
    if isinstance(row, Resource):
        # Nobody is let in any more, whatever is seen of it; a credential is still needed, and verified.
        row.due_at = None
        row.wanted_revision += 1
    row.deleting_since = row.updated_at = current_time()
    row.revision += 1
    row.save()


def _on(theirs: Sequence[Resource]) -> peewee.Node:
    on: peewee.Node = Grant.resource_id.in_([resource.id for resource in theirs])
    return on


def _through(credential: Credential) -> peewee.Node:
    through: peewee.Node = Grant.rule_id.in_(Rule.select(Rule.id).where(Rule.credential_id == credential.id))
    return through
