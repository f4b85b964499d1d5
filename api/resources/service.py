"""What can be done with cloud resources."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import peewee

from api import audit, database, due
from api.accounts import service as accounts
from api.actor import Actor
from api.clouds import CLOUDS
from api.clouds.derive import config_errors
from api.conditional import check_if_match
from api.credentials import service as credentials
from api.credentials.models import Credential
from api.database import current_time, write
from api.errors import (
    Conflict,
    CredentialNotFound,
    Details,
    InvalidInput,
    ResourceNotFound,
    TooManyResources,
    refuse,
)
from api.identifiers import parse
from api.paging import Listing, Page, oldest_first
from api.resources.models import Resource
from api.schemas import camel_case

BEING_DELETED = "The resource is being deleted. It takes no change and lets nobody in."

# Changed, one of these names another object, which nobody has seen yet.
_WHICH_OBJECT = frozenset({"credential_id", "resource_identifier", "region"})


@dataclass(frozen=True, slots=True)
class NewResourceFields:
    """What a caller asks for."""

    name: str
    credential_id: str
    provider: str
    resource_type: str
    resource_identifier: str
    region: str | None = None
    config: dict[str, Any] | None = None
    max_session_minutes: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A resource as it is now, and the names of the columns that a caller has changed."""

    resource: Resource
    names: frozenset[str]


def create(actor: Actor, wanted: NewResourceFields, resource_id: uuid.UUID) -> Resource:
    """Add a resource; a worker looks for it from here on.

    Raises InvalidInput, CredentialNotFound, Conflict where the credential is being deleted, and TooManyResources where
    the tier allows no more: two that ask at the same time cannot both take the last place.
    """
    with write():
        organisation = accounts.locked_by(actor)
        credential = credentials.changeable(actor.organisation, parse(wanted.credential_id, CredentialNotFound))
        refuse(
            errors_of(wanted.provider, wanted.resource_type, wanted.resource_identifier, wanted.region, wanted.config)
        )
        _check_provider(credential, wanted.provider)
        limit = accounts.limits_of(organisation.tier).resources
        if limit is not None and _counted(actor.organisation) >= limit:
            raise TooManyResources(limit)
        moment = current_time()
        Resource.create(
            id=resource_id,
            organisation_id=actor.organisation,
            credential_id=credential.id,
            name=wanted.name,
            provider=wanted.provider,
            resource_type=wanted.resource_type,
            resource_identifier=wanted.resource_identifier,
            region=wanted.region,
            config=wanted.config,
            max_session_minutes=wanted.max_session_minutes,
            created_at=moment,
            updated_at=moment,
        )
        due.want(Resource, Resource.id == resource_id)
        resource = of(actor.organisation, resource_id)
        audit.record(actor, "RESOURCE_CREATE", subject(resource))
    return resource


def of(organisation_id: uuid.UUID, resource_id: uuid.UUID) -> Resource:
    """The organisation's resource with its `credential_name`. Raises ResourceNotFound."""
    resource: Resource | None = _with_credential(organisation_id).where(Resource.id == resource_id).objects().first()
    if resource is None:
        raise ResourceNotFound(resource_id)
    return resource


def listed(organisation_id: uuid.UUID, page: Page) -> Listing[Resource]:
    """The organisation's resources with their `credential_name`, oldest first."""
    return oldest_first(_with_credential(organisation_id).objects(), page)


def change(actor: Actor, resource_id: uuid.UUID, wanted: Mapping[str, Any]) -> Change:
    """Change what `wanted` names; None takes a value away. What the cloud is asked about is verified again.

    Raises ResourceNotFound, StaleObject, InvalidInput, CredentialNotFound; Conflict where it is being deleted, or is to
    be linked with a credential that is.
    """
    with write():
        accounts.locked_by(actor)
        of(actor.organisation, resource_id)  # what is not there is told before what it is to be linked with
        changes = dict(wanted)
        credential = None
        if "credential_id" in changes:
            # Held, so that nobody deletes it meanwhile, and with it the resource: that would leave no event.
            credential = credentials.changeable(actor.organisation, parse(changes["credential_id"], CredentialNotFound))
            changes["credential_id"] = credential.id
        resource = changeable(actor.organisation, resource_id)
        check_if_match(resource.revision)
        if credential is not None:
            _check_provider(credential, resource.provider)
        changed = {name: value for name, value in changes.items() if getattr(resource, name) != value}
        for name, value in changed.items():
            setattr(resource, name, value)
        refuse(
            errors_of(
                resource.provider,
                resource.resource_type,
                resource.resource_identifier,
                resource.region,
                resource.config,
            )
        )
        if changed:
            if _WHICH_OBJECT & set(changed):
                resource.is_active = False
            resource.revision += 1
            resource.updated_at = current_time()
            resource.save()
            audit.record(
                actor, "RESOURCE_UPDATE", subject(resource), details={"changed": sorted(map(camel_case, changed))}
            )
            due.want(Resource, Resource.id == resource.id)
        return Change(of(actor.organisation, resource_id), frozenset(changed))


def ask_verification(actor: Actor, resource_id: uuid.UUID) -> Resource:
    """Have a resource verified now. Returns it with the `wanted_revision` that the verdict will be about."""
    with write():
        resource = locked(actor.organisation, resource_id)
        due.want(Resource, Resource.id == resource.id)
        return of(actor.organisation, resource_id)


def locked(organisation_id: uuid.UUID, resource_id: uuid.UUID) -> Resource:
    """The organisation's resource, which nobody else changes until the open transaction ends."""
    query = Resource.select().where(Resource.organisation_id == organisation_id, Resource.id == resource_id)
    resource: Resource | None = database.locked(query).first()
    if resource is None:
        raise ResourceNotFound(resource_id)
    return resource


def changeable(organisation_id: uuid.UUID, resource_id: uuid.UUID) -> Resource:
    """The same of one that is not being deleted. Raises ResourceNotFound, Conflict."""
    resource = locked(organisation_id, resource_id)
    if resource.deleting_since is not None:
        raise Conflict(BEING_DELETED)
    return resource


def held(organisation_id: uuid.UUID, resource_ids: Sequence[uuid.UUID] | None) -> list[Resource]:
    """The organisation's resources, all or those with these ids, the oldest first.

    Until the open transaction ends nobody changes them or their credentials; others may hold them too.
    """
    which = _which(organisation_id, resource_ids)
    theirs = Resource.select(Resource.credential_id).where(which)
    database.held(Credential.select(Credential.id).where(Credential.id.in_(theirs)).order_by(Credential.id)).execute()
    return list(database.held(Resource.select().where(which).order_by(Resource.created_at, Resource.id)))


def found(organisation_id: uuid.UUID, resource_ids: Iterable[uuid.UUID] | None) -> list[Resource]:
    """The organisation's resources as they are now, all or those with these ids, by name."""
    resources = Resource.select().where(_which(organisation_id, resource_ids))
    # Not in the database, of which each kind has its own order of letters.
    return sorted(resources, key=lambda resource: (resource.name.casefold(), resource.name, resource.id))


def named(organisation_id: uuid.UUID, resource_ids: Sequence[uuid.UUID]) -> list[Resource]:
    """Those with these ids, held. Raises ResourceNotFound for one that is not there, Conflict for one that is going."""
    resources = held(organisation_id, resource_ids)
    if missing := set(resource_ids) - {resource.id for resource in resources}:
        raise ResourceNotFound(next(resource_id for resource_id in resource_ids if resource_id in missing))
    for resource in resources:
        if resource.deleting_since is not None:
            raise Conflict(going(resource.name, resource.id))
    return resources


def going(name: str, resource_id: uuid.UUID | str) -> str:
    """What whoever names a resource is told where it is being deleted: he may have named many."""
    return f"The resource {name} ({resource_id}) is being deleted, and lets nobody in. Leave it out."


def errors_of(
    provider: str, resource_type: str, identifier: str, region: str | None, config: Mapping[str, Any] | None
) -> Details:
    """All that the cloud's declaration has against a resource; nothing if it can be added."""
    cloud = CLOUDS[provider]
    if resource_type not in cloud.resource_types:
        kinds = " or ".join(cloud.resource_types)
        return {"resourceType": [f"resourceType must be {kinds} for {provider} resources"]}
    errors = config_errors(cloud, resource_type, config or {})
    if malformed := cloud.check_identifier(resource_type, identifier):
        errors = {"resourceIdentifier": [malformed], **errors}
    if cloud.needs_region and not region:
        errors = {"region": [f"region is required for {provider} resources"], **errors}
    return errors


def subject(resource: Resource) -> audit.Subject:
    """How the audit trail names a resource."""
    return audit.Subject("RESOURCE", resource.id, resource.name)


def _which(organisation_id: uuid.UUID, resource_ids: Iterable[uuid.UUID] | None) -> peewee.Node:
    theirs: peewee.Node = Resource.organisation_id == organisation_id
    return theirs if resource_ids is None else theirs & Resource.id.in_(list(resource_ids))


def _with_credential(organisation_id: uuid.UUID) -> Any:
    return (
        Resource.select(Resource, Credential.name.alias("credential_name"))
        .join(Credential, on=(Credential.id == Resource.credential_id))
        .where(Resource.organisation_id == organisation_id)
    )


def _counted(organisation_id: uuid.UUID) -> int:
    mine: peewee.Node = (Resource.organisation_id == organisation_id) & Resource.deleting_since.is_null()
    return int(Resource.select().where(mine).count())


def _check_provider(credential: Credential, provider: str) -> None:
    if credential.provider != provider:
        sentence = f"provider must be {credential.provider}, as that of the credential"
        raise InvalidInput(sentence, {"provider": [sentence]})
