"""/api-keys: what pipelines identify themselves with."""

from flask.views import MethodView

from api import idempotency
from api.access import current_actor, requires
from api.accounts.models import ApiKey
from api.accounts.schemas.keys import NewApiKeyBody, ShownApiKey, ShownNewApiKey
from api.accounts.schemas.people import EXAMPLE_ID
from api.accounts.service import api_keys
from api.conditional import etag
from api.errors import ApiKeyNotFound, Conflict, StaleObject
from api.identifiers import parse
from api.lifecycle.keys import revoke_key
from api.paging import Page, PageArguments
from api.room import Room

room = Room("api-keys", __name__, description="Keys for pipelines, which cannot live on a token of 15 minutes.")

# What is required: a key made of the schema's own examples would work from nowhere.
_EXAMPLE = {"name": "Pulumi CI", "scopes": ["credentials:read", "credentials:write"]}


@room.route("")
class ApiKeys(MethodView):
    @requires("api-keys:write")
    @room.arguments(PageArguments, location="query")
    @room.response(200, ShownApiKey(many=True))
    def get(self, page: Page) -> tuple[list[ApiKey], dict[str, str]]:
        """List API keys

        All that are not revoked, oldest first; with `limit` in pages, the next named by the `Link` header.
        """
        listing = api_keys.listed(current_actor(), page)
        return listing.rows, listing.headers()

    @requires("api-keys:write")
    @room.arguments(NewApiKeyBody, example=_EXAMPLE)
    @room.idempotent
    @room.response(201, ShownNewApiKey, headers={"ETag": "ETag"})
    @room.raises(Conflict("This request made an API key already, and its text is shown only once."))
    def post(self, wanted: api_keys.NewApiKey) -> tuple[api_keys.MadeApiKey, dict[str, str]]:
        """Create API key

        `plainTextKey` in the answer is shown this once. A key makes only keys with its own scopes or fewer.
        """
        actor = current_actor()
        return api_keys.create(actor, wanted, idempotency.asked(actor)), etag(api_keys.REVISION)


@room.route("/<key_id>")
class ApiKeyById(MethodView):
    @requires("api-keys:write")
    @room.response(204)
    @room.raises(ApiKeyNotFound(EXAMPLE_ID), StaleObject())
    def delete(self, key_id: str) -> None:
        """Revoke API key

        It stops at its next request. What a key of the organization has open is closed at once.
        """
        revoke_key(current_actor(), parse(key_id, ApiKeyNotFound))
