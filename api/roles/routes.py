"""/roles: which users and keys of the organisation may open which resources, and for how long."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask.views import MethodView

from api import idempotency
from api.access import current_actor, requires
from api.conditional import etag
from api.errors import (
    ApiKeyNotFound,
    Conflict,
    InvalidInput,
    ResourceNotFound,
    RoleNotFound,
    StaleObject,
    UserNotFound,
)
from api.identifiers import parse
from api.lifecycle import roles as lifecycle
from api.paging import Page, PageArguments
from api.resources.service import going
from api.roles import service
from api.roles.models import Role
from api.roles.schemas import EXAMPLE_ID, ChangedRole, NewRole, ShownRole
from api.room import Room

room = Room("roles", __name__, description="Roles: which users and keys may open which resources")
ROOMS = ((room, "/roles"),)

_NOT_FOUND = RoleNotFound(EXAMPLE_ID)
_NO_RESOURCE = ResourceNotFound("550e8400-e29b-41d4-a716-446655440000")
_NO_USER = UserNotFound("3f8c1f0e-6b7a-4a51-9d7e-0c5b7f2a9e11")
_NO_KEY = ApiKeyNotFound("9c1d2e3f-4a5b-4c6d-8e7f-0a1b2c3d4e5f")
_TAKEN = Conflict(service.TAKEN)
_GOING = Conflict(going("Web servers", "550e8400-e29b-41d4-a716-446655440000"))

Shown = tuple[service.Overview, dict[str, str]]


@room.route("")
class Roles(MethodView):
    @requires("roles:read")
    @room.arguments(PageArguments, location="query")
    @room.response(200, ShownRole(many=True))
    def get(self, page: Page) -> tuple[Sequence[service.Overview], dict[str, str]]:
        """List roles

        All roles of your organization, oldest first, with what they open and for whom.
        """
        listing = service.listed(current_actor().organisation, page)
        return service.overviews(listing.rows), listing.headers()

    @requires("roles:write")
    @room.arguments(NewRole)
    @room.idempotent
    @room.response(201, ShownRole)
    @room.raises(_TAKEN)
    def post(self, wanted: service.NewRoleFields) -> Shown:
        """Create role

        It opens nothing and nobody has it, until you say which resources and whom.
        """
        actor = current_actor()
        role = idempotency.once(
            idempotency.asked(actor),
            lambda role_id: service.create(actor, wanted, role_id),
            lambda role_id: service.of(actor.organisation, role_id),
        )
        return _shown(role)


@room.route("/<role_id>")
class RoleById(MethodView):
    @requires("roles:read")
    @room.response(200, ShownRole)
    @room.raises(_NOT_FOUND)
    def get(self, role_id: str) -> Shown:
        """Get role

        One role, with what it opens and for whom.
        """
        return _shown(service.of(current_actor().organisation, parse(role_id, RoleNotFound)))

    @requires("roles:write")
    @room.arguments(ChangedRole)
    @room.response(200, ShownRole)
    @room.raises(_NOT_FOUND, _TAKEN, StaleObject())
    def patch(self, wanted: Mapping[str, Any], role_id: str) -> Shown:
        """Change role

        Its name, description or longest session. Sessions that are open end when they were to.
        """
        return _shown(service.change(current_actor(), parse(role_id, RoleNotFound), wanted))

    @requires("roles:write")
    @room.response(204)
    @room.raises(_NOT_FOUND, StaleObject())
    def delete(self, role_id: str) -> None:
        """Delete role

        What its users and keys have open and no other role of theirs lets them open is closed at once.
        """
        lifecycle.delete_role(current_actor(), parse(role_id, RoleNotFound))


@room.route("/<role_id>/resources/<resource_id>")
class ResourceOfRole(MethodView):
    @requires("roles:write")
    @room.response(200, ShownRole)
    @room.raises(_NOT_FOUND, _NO_RESOURCE, _GOING, StaleObject())
    def put(self, role_id: str, resource_id: str) -> Shown:
        """Add resource to role

        From now on the role's users and keys may open it. Sessions that are open stay as they are.
        """
        ids = parse(role_id, RoleNotFound), parse(resource_id, ResourceNotFound)
        return _shown(service.give_resource(current_actor(), *ids))

    @requires("roles:write")
    @room.response(204)
    @room.raises(_NOT_FOUND, _NO_RESOURCE, StaleObject())
    def delete(self, role_id: str, resource_id: str) -> None:
        """Take resource from role

        It is closed at once to the role's users and keys, unless another role of theirs lets them open it.
        """
        lifecycle.take_resource(current_actor(), parse(role_id, RoleNotFound), parse(resource_id, ResourceNotFound))


@room.route("/<role_id>/users/<user_id>")
class UserOfRole(MethodView):
    @requires("roles:write")
    @room.response(200, ShownRole)
    @room.raises(_NOT_FOUND, _NO_USER, StaleObject())
    def put(self, role_id: str, user_id: str) -> Shown:
        """Give role to user

        From now on they may open the role's resources.
        """
        return _shown(service.give_user(current_actor(), parse(role_id, RoleNotFound), parse(user_id, UserNotFound)))

    @requires("roles:write")
    @room.response(204)
    @room.raises(_NOT_FOUND, _NO_USER, StaleObject())
    def delete(self, role_id: str, user_id: str) -> None:
        """Take role from user

        What they have open and no other role of theirs lets them open is closed at once.
        """
        lifecycle.take_user(current_actor(), parse(role_id, RoleNotFound), parse(user_id, UserNotFound))


@room.route("/<role_id>/api-keys/<key_id>")
class KeyOfRole(MethodView):
    @requires("roles:write")
    @room.response(200, ShownRole)
    @room.raises(_NOT_FOUND, _NO_KEY, InvalidInput(service.USERS_OWN), StaleObject())
    def put(self, role_id: str, key_id: str) -> Shown:
        """Give role to API key

        From now on the key, which is one of the organization, may open the role's resources. A key of a user opens what
        the user's roles name.
        """
        return _shown(service.give_key(current_actor(), parse(role_id, RoleNotFound), parse(key_id, ApiKeyNotFound)))

    @requires("roles:write")
    @room.response(204)
    @room.raises(_NOT_FOUND, _NO_KEY, StaleObject())
    def delete(self, role_id: str, key_id: str) -> None:
        """Take role from API key

        What it has open and no other role of its lets it open is closed at once.
        """
        lifecycle.take_key(current_actor(), parse(role_id, RoleNotFound), parse(key_id, ApiKeyNotFound))


def _shown(role: Role) -> Shown:
    return service.overview(role), etag(role.revision)
