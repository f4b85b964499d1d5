"""Apache APISIX, declared: Admin API keys and routes. `apisix_connection` asks a gateway."""

import re
from collections.abc import Mapping, Sequence

from api.clouds.base import Connection, Endpoints, Field, ResourceType, Target

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
    regions: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ("admin",)
    settling: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset({"NotFound"})
    writes_whole = True
    policy_use = (
        "A part of the gateway's configuration: APISIX knows no right between viewer and admin, so a key of the role "
        "admin that nobody else uses is the least."
    )
    hints: Mapping[str, str] = {
        "Unauthorized": "Admin API key is wrong, or has no admin role",
        "NotFound": "Route doesn't exist on this gateway",
        "NoIpRestriction": "Route has no ip-restriction plugin that is in force: give it one with a whitelist",
        "HasBlacklist": "Route's ip-restriction has a blacklist: give it a whitelist instead",
        "BadRequest": "Gateway doesn't take this address on the route's whitelist",
        "UnsafeUrl": "Endpoint URL leads to an address that EntryGuard must not call",
    }

    remedies: Mapping[str, str] = {
        "Unauthorized": "See in the gateway's configuration that the key has the role admin, and replace the secret.",
        "UnsafeUrl": "Replace the secret with the gateway's public address, or have this server's operator allow its "
        "network.",
        "NotFound": "See in the gateway what the route's id is, and change the resource.",
        "NoIpRestriction": "Give the route the plugin ip-restriction with a whitelist, then verify again.",
        "HasBlacklist": "Give the route's ip-restriction a whitelist in place of the blacklist, then verify again.",
    }

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
        """Load the HTTP library (30 MB) before forking."""
        import api.clouds.apisix_connection  # noqa: F401

    def connect(self, secrets: Mapping[str, str], endpoints: Endpoints) -> Connection:
        from api.clouds.apisix_connection import ApisixConnection

        return ApisixConnection(secrets, endpoints)
