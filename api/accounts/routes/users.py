"""/users: the people of the organization."""

from flask.views import MethodView

from api import idempotency
from api.access import current_actor, requires
from api.accounts.models import User
from api.accounts.schemas.people import EXAMPLE_ID, NewUserBody, ShownUser, UserChangeBody
from api.accounts.service import users
from api.conditional import etag
from api.errors import Conflict, LastAdmin, StaleObject, UserNotFound
from api.identifiers import parse
from api.lifecycle.people import change_user, remove_user
from api.paging import Page, PageArguments
from api.room import Room

room = Room("users", __name__, description="The people of the organization.")

_NOT_FOUND = UserNotFound(EXAMPLE_ID)
Shown = tuple[User, dict[str, str]]


@room.route("")
class Users(MethodView):
    @requires("users:read")
    @room.arguments(PageArguments, location="query")
    @room.response(200, ShownUser(many=True))
    def get(self, page: Page) -> tuple[list[User], dict[str, str]]:
        """List users

        All of them, oldest first; with `limit` in pages, the next named by the `Link` header.
        """
        listing = users.listed(current_actor(), page)
        return listing.rows, listing.headers()

    @requires("users:write")
    @room.arguments(NewUserBody)
    @room.idempotent
    @room.response(201, ShownUser)
    @room.raises(Conflict("A user with this email is in the organization already."))
    def post(self, wanted: users.NewUser) -> Shown:
        """Create user

        Adds a person, who can sign in with the password at once.
        """
        actor = current_actor()
        return _shown(users.create(actor, wanted, idempotency.asked(actor)))


@room.route("/<user_id>")
class UserById(MethodView):
    @requires("users:read")
    @room.response(200, ShownUser)
    @room.raises(_NOT_FOUND)
    def get(self, user_id: str) -> Shown:
        """Get user

        One person of the organization.
        """
        return _shown(users.of(current_actor().organisation, parse(user_id, UserNotFound)))

    @requires("users:write")
    @room.arguments(UserChangeBody)
    @room.response(200, ShownUser)
    @room.raises(_NOT_FOUND, LastAdmin(), StaleObject())
    def patch(self, wanted: users.UserChange, user_id: str) -> Shown:
        """Change user

        Renames, promotes, demotes, deactivates or reactivates a person. It holds from their next request on; who is
        deactivated is signed out everywhere, loses their API keys, and their sessions end. Who is demoted keeps open
        what their roles name.
        """
        return _shown(change_user(current_actor(), parse(user_id, UserNotFound), wanted))

    @requires("users:write")
    @room.response(204)
    @room.raises(_NOT_FOUND, LastAdmin(), StaleObject())
    def delete(self, user_id: str) -> None:
        """Delete user

        Removes a person with their logins and API keys, and ends their sessions. The audit trail keeps what they did.
        """
        remove_user(current_actor(), parse(user_id, UserNotFound))


def _shown(user: User) -> Shown:
    return user, etag(user.revision)
