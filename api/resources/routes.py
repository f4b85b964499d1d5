"""/resources: what an administrator lets sessions open."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask.views import MethodView

from api import idempotency
from api.access import current_actor, requires
from api.conditional import etag
from api.credentials.schemas import DeleteOptions, DeleteParameters
from api.errors import (
    Conflict,
    CredentialNotFound,
    ResourceInUse,
    ResourceNotFound,
    StaleObject,
    TooManyResources,
    Unavailable,
    VerificationFailed,
)
from api.identifiers import parse
from api.lifecycle.changing import change_resource
from api.lifecycle.deleting import delete_resource, delete_resource_by_force
from api.paging import Page, PageArguments
from api.resources import service
from api.resources.models import Resource
from api.resources.schemas import ChangedResource, NewResource, ShownResource
from api.room import Room
from api.server import current_server

room = Room("resources", __name__, description="Cloud resources: what sessions open")
ROOMS = ((room, "/resources"),)

_NOT_FOUND = ResourceNotFound("550e8400-e29b-41d4-a716-446655440000")
_NO_CREDENTIAL = CredentialNotFound("7c9e6679-7425-40de-944b-e07fc1f90ae7")

_IN_USE = ResourceInUse("session 3d3c1b1e-6f0a-4c3b-9f0e-2f6f1c9f4a51 of Ana Horvat and static rule Office")
_BEING_DELETED = Conflict(service.BEING_DELETED)
_FAILED = VerificationFailed("InvalidGroup.NotFound: the security group is not there")

Shown = tuple[Resource, dict[str, str]]


@room.route("")
class Resources(MethodView):
    @requires("resources:read")
    @room.arguments(PageArguments, location="query")
    @room.response(200, ShownResource(many=True))
    def get(self, page: Page) -> tuple[Sequence[Resource], dict[str, str]]:
        """List resources

        All cloud resources of your organization, oldest first.
        """
        listing = service.listed(current_actor().organisation, page)
        return listing.rows, listing.headers()

    @requires("resources:write")
    @room.arguments(NewResource)
    @room.idempotent
    @room.response(201, ShownResource)
    @room.raises(_NO_CREDENTIAL, TooManyResources(3))
    def post(self, wanted: service.NewResourceFields) -> Shown:
        """Create resource

        It stays inactive until its credential is valid and the cloud shows the named object; a worker looks at once.
        """
        actor = current_actor()
        resource = idempotency.once(
            idempotency.asked(actor),
            lambda resource_id: service.create(actor, wanted, resource_id),
            lambda resource_id: service.of(actor.organisation, resource_id),
        )
        return _shown(resource)


@room.route("/<resource_id>")
class ResourceById(MethodView):
    @requires("resources:read")
    @room.response(200, ShownResource)
    @room.raises(_NOT_FOUND)
    def get(self, resource_id: str) -> Shown:
        """Get resource

        One cloud resource and the last verdict about it.
        """
        return _shown(service.of(current_actor().organisation, parse(resource_id, ResourceNotFound)))

    @requires("resources:write")
    @room.arguments(ChangedResource)
    @room.response(200, ShownResource)
    @room.raises(_NOT_FOUND, _NO_CREDENTIAL, _BEING_DELETED, StaleObject())
    def patch(self, wanted: Mapping[str, Any], resource_id: str) -> Shown:
        """Change resource

        Provider and resourceType never change. The resource is verified again. Where it opens something else from then
        on, sessions lose it and static rules follow.
        """
        return _shown(change_resource(current_actor(), parse(resource_id, ResourceNotFound), wanted))

    @requires("resources:write")
    @room.arguments(DeleteParameters, location="query")
    @room.response(204)
    @room.alt_response(202, schema=ShownResource, success=True, description="It is being deleted (`force=true`)")
    @room.raises(_NOT_FOUND, _IN_USE, _BEING_DELETED, StaleObject())
    def delete(self, options: DeleteOptions, resource_id: str) -> Any:
        """Delete resource

        EntryGuard forgets it; the object in the cloud stays as it is. Refused while sessions or static rules have rules
        there. `force=true` ends those, and answers the resource with `deletingSince`; it is gone when none is left.
        """
        actor, which = current_actor(), parse(resource_id, ResourceNotFound)
        if options.force:
            return ShownResource().dump(delete_resource_by_force(actor, which)), 202
        delete_resource(actor, which)
        return None, 204


@room.route("/<resource_id>/verify")
class Verification(MethodView):
    @requires("resources:write")
    @room.response(200, ShownResource)
    @room.raises(_NOT_FOUND, _FAILED, Unavailable())
    def post(self, resource_id: str) -> Shown:
        """Verify resource

        Has a worker look for the object now and answers with the verdict: the resource, or the cloud's reason.
        """
        resource = service.ask_verification(current_actor(), parse(resource_id, ResourceNotFound))
        if not current_server().waiting_room.until_seen(resource):
            raise Unavailable("The verdict is not there yet. Read the resource in a few seconds.")
        seen = service.of(resource.organisation_id, resource.id)
        if not seen.is_active:
            raise VerificationFailed(seen.verification_error)
        return _shown(seen)


def _shown(resource: Resource) -> Shown:
    return resource, etag(resource.revision)
