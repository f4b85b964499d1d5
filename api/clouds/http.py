"""Calls to addresses that a tenant chose: which of them may be called at all."""

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from api.clouds.base import Cloud, Endpoints, Field

# The last label of a host that resolvers read as a number (127.1, 0x7f000001, 2130706433): the WHATWG URL standard,
# "ends in a number".
_NUMBER = re.compile(r"(?:.*\.)?(?:\d+|0x[0-9a-f]*)\.?", re.IGNORECASE)


def unsafe_urls(cloud: Cloud, data: Mapping[str, str], endpoints: Endpoints) -> dict[str, list[str]]:
    """What is unsafe about the addresses in a `credentialData`: sentences by path, nothing if all may be stored.

    A host's name is not resolved: what it resolves to can change, and is looked at when it is called.
    """
    found = {}
    for field in cloud.fields:
        if field.kind == "url" and field.name in data:
            ending = _fault(field, data[field.name], endpoints)
            if ending:
                path = f"credentialData.{field.name}"
                found[path] = [f"{path} {ending}"]
    return found


def _fault(field: Field, url: str, endpoints: Endpoints) -> str | None:
    if field.allowed:
        allowed = (*field.allowed, *filter(None, (endpoints.gcp_token,)))
        return None if url in allowed else f"must be left out or be {field.allowed[0]}"
    parts = _parts(url)
    if parts is None:
        return "must be an address such as https://gateway.example.com, without user, query and fragment"
    address = _address(parts.hostname or "")
    if address is None and _NUMBER.fullmatch(parts.hostname or ""):
        return "must not write a host as a number"
    private = address is not None and any(address in network for network in endpoints.allowed_private_networks)
    if address is not None and not private and not _public(address):
        return "must not lead into a private network"
    # An operator who lets a private network be called may have gateways there that speak no TLS.
    if parts.scheme != "https" and not private:
        return "must begin with https://"
    return None


def _parts(url: str) -> SplitResult | None:
    if not re.fullmatch(r"[!-~]+", url):
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port  # read to find out: it raises if it is none
    except ValueError:
        return None
    plain = parts.username is None and not set("?#\\") & set(url)
    return parts if plain and parts.scheme in ("http", "https") and parts.hostname else None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address is on the internet, also by what it carries inside (IPv4-mapped, 6to4, Teredo, NAT64)."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in ipaddress.ip_network("64:ff9b::/96"):
            return _public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
        if inner:
            return _public(inner)
    return address.is_global and not address.is_multicast
