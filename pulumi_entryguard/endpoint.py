"""Where the API is, and how a caller proves who they are."""

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from pulumi_entryguard.errors import NotConfigured

BASE_PATH = "/api/v1"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An API's address, taken apart. `path` is what stands before every route, `/api/v1` included."""

    scheme: str
    host: str
    port: int | None
    path: str

    @property
    def tcp_port(self) -> int:
        """Where it listens, also where the address does not say."""
        return self.port or (443 if self.scheme == "https" else 80)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}{f':{self.port}' if self.port else ''}"


@dataclass(frozen=True, slots=True)
class Access:
    """One request header that proves who asks. Its value is a secret and is not in its repr."""

    header: str
    value: str = field(repr=False)


def bearer(token: str) -> Access:
    """Access by an access token (JWT)."""
    return Access("Authorization", f"Bearer {_printable(token)}")


def api_key(key: str) -> Access:
    """Access by an API key (`egk_…`)."""
    return Access("X-API-Key", _printable(key))


def _printable(secret: str) -> str:
    # http.client refuses such a header too, but quotes it.
    if not (secret.isascii() and secret.isprintable()):
        raise NotConfigured("the EntryGuard token or API key holds characters that none has: was it pasted whole?")
    return secret


def parse_endpoint(text: str) -> Endpoint:
    """Read an address, with or without `/api/v1` or `/api` at its end.

    Raises NotConfigured for what is no http(s) address, for user names and queries in it, and for plain http to
    another machine: cloud keys would travel in the clear.
    """
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        raise NotConfigured("the EntryGuard endpoint is not an address like https://entryguard.example.com") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise NotConfigured("the EntryGuard endpoint must be an address like https://entryguard.example.com")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise NotConfigured("the EntryGuard endpoint must hold no user name, password, query or fragment")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise NotConfigured(f"the EntryGuard endpoint must be https: cloud keys are sent to it ({parts.hostname})")
    path = re.sub(r"/api(/v1)?$", "", parts.path.rstrip("/"))
    return Endpoint(parts.scheme, parts.hostname, port, path + BASE_PATH)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
