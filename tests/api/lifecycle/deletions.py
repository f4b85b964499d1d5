"""The ways to delete, by what is deleted."""

from collections.abc import Callable

import pytest

from api.actor import Actor
from api.credentials.models import Credential
from api.errors import (
    CredentialInUse,
    ResourceInUse,
)
from api.lifecycle.deleting import (
    delete_credential,
    delete_credential_by_force,
    delete_resource,
    delete_resource_by_force,
)
from api.resources.models import Resource

Deed = Callable[[Actor, Resource], object]

UNFORCED: dict[str, tuple[Deed, type[Exception]]] = {
    "resource": (lambda actor, resource: delete_resource(actor, resource.id), ResourceInUse),
    "credential": (lambda actor, resource: delete_credential(actor, resource.credential_id), CredentialInUse),
}
FORCED: dict[str, tuple[Deed, str]] = {
    "resource": (lambda actor, resource: delete_resource_by_force(actor, resource.id), "RESOURCE_DELETED"),
    "credential": (
        lambda actor, resource: delete_credential_by_force(actor, resource.credential_id),
        "CREDENTIAL_DELETED",
    ),
}
each_kind = pytest.mark.parametrize("kind", ["resource", "credential"])


def is_there(kind: str, resource: Resource) -> bool:
    """What is to be deleted is shown."""
    if kind == "resource":
        return bool(Resource.select().where(Resource.id == resource.id).exists())
    return bool(Credential.select().where(Credential.id == resource.credential_id).exists())
