"""Apache APISIX, declared: Admin API keys are taken and sealed. The adapter that asks a gateway is still to come."""

import re
from collections.abc import Mapping, Sequence

from api.clouds.base import Awaited, Connection, Endpoints, Field, ResourceType, Target

_ROUTE = re.compile(r"[-.\w]{1,64}", re.ASCII)


class Apisix:
    """A gateway's routes, through its Admin API."""

    name = "APISIX"
    label = "Apache APISIX"
    credential_type = "API_KEY"
    fields: tuple[Field, ...] = (
        Field(
            "apiUrl",
            "Endpoint URL",
            "The gateway's Admin API, over https",
            "https://apisix.example.com",
            kind="url",
            max_length=2048,
        ),
        Field("apiKey", "Admin API Key", "A key of the role admin", "your-apisix-admin-api-key", secret=True),
    )
    resource_types: Mapping[str, ResourceType] = {
        "GATEWAY_ROUTE": ResourceType("GATEWAY_ROUTE", "Gateway route", "The route's id", "orders-api")
    }
    needs_region = False
    permissions: tuple[str, ...] = ("admin",)
    settling: frozenset[str] = frozenset()
    hints: Mapping[str, str] = {"Unauthorized": "Admin API key is wrong, or has no admin role"}

    def check_identifier(self, resource_type: str, identifier: str) -> str | None:
        if _ROUTE.fullmatch(identifier):
            return None
        return "resourceIdentifier must be a route's id: up to 64 letters, digits, dots, hyphens and underscores"

    def policy(self, targets: Sequence[Target], account: str | None = None) -> dict[str, object]:
        """The part of the gateway's configuration that makes a key; APISIX knows no right between viewer and admin."""
        return {
            "deployment": {
                "admin": {"admin_key": [{"name": "entryguard", "key": "<a long random key>", "role": "admin"}]}
            }
        }

    def preload(self) -> None:
        """Nothing to load: the Admin API is plain HTTP."""

    def connect(self, secrets: Mapping[str, str], endpoints: Endpoints) -> Connection:
        return Awaited(self.name)
