"""Where the provider finds the API and its token: the stack's configuration, else the environment."""

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pulumi_entryguard.client import Client
from pulumi_entryguard.endpoint import Access, api_key, bearer, parse_endpoint
from pulumi_entryguard.errors import NotConfigured

ENDPOINT_MISSING = (
    "EntryGuard's address is not known: run `pulumi config set entryguard:endpoint https://…` "
    "or set ENTRYGUARD_ENDPOINT"
)
ACCESS_MISSING = (
    "EntryGuard's API key is not known: run `pulumi config set --secret entryguard:apiKey` or set ENTRYGUARD_API_KEY "
    "(or, with an access token, entryguard:token or ENTRYGUARD_TOKEN)"
)


class StackConfiguration(Protocol):
    """What Pulumi hands to a provider: the stack's configuration by full key."""

    def get(self, key: str) -> object:
        """The value of `namespace:name`, None where it is not set."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What was configured; whether it is enough shows when a client is asked for."""

    endpoint: str | None
    access: Access | None = field(repr=False)

    def client(self) -> Client:
        """The client for it, one per process and configuration. Raises NotConfigured with what to do."""
        if not self.endpoint:
            raise NotConfigured(ENDPOINT_MISSING)
        if self.access is None:
            raise NotConfigured(ACCESS_MISSING)
        return _shared_client(self.endpoint, self.access)


def read_configuration(stack: StackConfiguration, environment: Mapping[str, str] = os.environ) -> Configuration:
    """Read `entryguard:endpoint`, `entryguard:apiKey`, `entryguard:token`, else ENTRYGUARD_ENDPOINT and so on.

    The stack's configuration wins over the environment, and an API key over a token from the same place. Nothing is
    refused here: `pulumi preview` needs neither.
    """
    endpoint = _text(stack.get("entryguard:endpoint")) or _text(environment.get("ENTRYGUARD_ENDPOINT"))
    return Configuration(
        endpoint,
        _access(stack.get("entryguard:apiKey"), stack.get("entryguard:token"))
        or _access(environment.get("ENTRYGUARD_API_KEY"), environment.get("ENTRYGUARD_TOKEN")),
    )


def _access(key: object, token: object) -> Access | None:
    if found := _text(key):
        return api_key(found)
    if found := _text(token):
        return bearer(found)
    return None


def _text(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


_clients: dict[tuple[str, Access], Client] = {}
_lock = threading.Lock()


def _shared_client(endpoint: str, access: Access) -> Client:
    # Pulumi makes one provider per kind of resource; the pause that a 429 asks for must hold for all of them.
    with _lock:
        if (endpoint, access) not in _clients:
            _clients[endpoint, access] = Client(parse_endpoint(endpoint), access)
        return _clients[endpoint, access]
