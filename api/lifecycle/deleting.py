"""Deleting, with all that goes with it, in one transaction."""

import uuid

from api import audit
from api.actor import Actor
from api.conditional import check_if_match
from api.credentials import service as credentials
from api.credentials.models import Credential
from api.database import current_time, delete, write
from api.resources import service as resources
from api.resources.models import Resource


def delete_credential(actor: Actor, credential_id: uuid.UUID) -> Credential:
    """Delete a credential, its sealed secrets and its resources. Returns it as it was, and since when it is deleted.

    Raises CredentialNotFound, StaleObject.
    """
    with write():
        credential = credentials.locked(actor.organisation, credential_id)
        check_if_match(credential.revision)
        for resource in Resource.select().where(Resource.credential_id == credential.id):
            audit.record(actor, "RESOURCE_DELETE", resources.subject(resource))
        audit.record(actor, "CREDENTIAL_DELETE", credentials.subject(credential))
        # The tables' own foreign keys take the secrets, the resources and the listings along.
        delete(Credential, Credential.id == credential.id)
        credential.deleting_since = current_time()
    return credential


def delete_resource(actor: Actor, resource_id: uuid.UUID) -> Resource:
    """Delete a resource. Returns it as it was, and since when it is deleted. Raises ResourceNotFound, StaleObject."""
    with write():
        resources.locked(actor.organisation, resource_id)
        resource = resources.of(actor.organisation, resource_id)
        check_if_match(resource.revision)
        audit.record(actor, "RESOURCE_DELETE", resources.subject(resource))
        delete(Resource, Resource.id == resource.id)
        resource.deleting_since = current_time()
    return resource


def finish(organisation_id: uuid.UUID) -> None:
    """Delete what was waiting until its last rule was out of the cloud. Inside `write`."""
