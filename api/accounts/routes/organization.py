"""/organization: the caller's own."""

from flask.views import MethodView

from api.access import current_actor, requires
from api.accounts.schemas.organization import OrganizationChangeBody, ShownOrganization
from api.accounts.service import organisations
from api.conditional import etag
from api.errors import StaleObject
from api.room import Room

room = Room("organization", __name__, description="The organization: its name, its limits, what it uses.")

Shown = tuple[organisations.Overview, dict[str, str]]


@room.route("")
class TheOrganization(MethodView):
    @requires("organization:read")
    @room.response(200, ShownOrganization)
    def get(self) -> Shown:
        """Get organization

        The organization with its tier, the limits in force and what is used of them.
        """
        return _shown(organisations.overview(current_actor()))

    @requires("organization:write")
    @room.arguments(OrganizationChangeBody)
    @room.response(200, ShownOrganization)
    @room.raises(StaleObject())
    def patch(self, wanted: organisations.OrganisationChange) -> Shown:
        """Change organization

        Its name, and how wide a network a session may be for. The short name (`slug`) stays; tier and limits are the
        operator's.
        """
        return _shown(organisations.change(current_actor(), wanted))


def _shown(overview: organisations.Overview) -> Shown:
    return overview, etag(overview.organisation.revision)
