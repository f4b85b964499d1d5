"""Which network addresses the server believes, and which it calls.

Python's `is_global` is not enough: in 3.11 it calls global the NAT64, 6to4 and IPv4-compatible forms of private
addresses, multicast, and the address of Azure's host. So the ranges are named here, from the registries
https://www.iana.org/assignments/iana-ipv4-special-registry and
https://www.iana.org/assignments/iana-ipv6-special-registry.
"""

import ipaddress
import re
from collections.abc import Sequence

from api.errors import InvalidInput, UnsafeUrl

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# For examples in books: nobody has them, so to let one in harms nothing, and the API's own examples are made of them.
_DOCUMENTATION = tuple(
    ipaddress.ip_network(written)
    for written in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")
)
# Private, loopback, link-local, multicast, reserved, and the ways to write one of those.
_NEVER_LET_IN = tuple(
    ipaddress.ip_network(written)
    for written in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carriers' NAT; Alibaba's metadata service
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host, which answers every virtual machine
        "169.254.0.0/16",  # link-local; the metadata service of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata service
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "2001::/23",  # protocol assignments, Teredo among them
        "2002::/16",  # 6to4
    )
)
_NEVER_CALLED = _NEVER_LET_IN + _DOCUMENTATION
# All other IPv6 space is reserved, private, link-local, multicast or a way to write an IPv4 address.
_ROUTED_IPV6 = ipaddress.IPv6Network("2000::/3")
# How a network without IPv4 reaches IPv4 hosts (RFC 6052): as harmless as the IPv4 address in its last 32 bits.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LOOPBACK = ipaddress.IPv4Address("127.0.0.1")

_PREFIX_LENGTH = re.compile(r"0|[1-9][0-9]{0,2}")
_PLAIN_URL = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>\[[0-9a-f:.]+\]|[0-9a-z.-]+)"
    r"(:(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(/(?!\.{1,2}(/|$))[\w.~-]+)*)/?",  # no segment is . or ..
    re.ASCII | re.IGNORECASE,
)
_HOST_NAME = re.compile(r"(?=.{1,253}$)(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*")
# What a resolver may take for a number: inet_aton(3) reads 127.1, 2130706433, 0x7f000001 and 0177.0.0.1 as 127.0.0.1.
_NUMERIC_END = re.compile(r"(.*\.)?(0x[0-9a-f]*|[0-9]+)")
_LONGEST_URL = 2048
_DEFAULT_PORTS = {"http": 80, "https": 443}
_UNPRIVILEGED_PORTS = range(1024, 65536)


def parse_address(written: str) -> Address:
    """One IP address and nothing else. An IPv4 address in IPv6 clothes (::ffff:192.0.2.1) comes back as IPv4.

    Raises InvalidInput for a port, a prefix, a zone, blanks and every other way to write one.
    """
    address = _address_or_none(written)
    if address is None:
        raise InvalidInput("This is not an IP address.")
    return address


def parse_network(written: str) -> Network:
    """An address, as the network of itself alone, or a network with its prefix's length and no bit set behind it.

    Raises InvalidInput for what `parse_address` refuses, and for a prefix that is written as a mask.
    """
    address, slash, length = written.partition("/")
    if not slash:
        return ipaddress.ip_network(parse_address(address))
    network = _network_or_none(written) if _PREFIX_LENGTH.fullmatch(length) else None
    if network is None:
        raise InvalidInput("This is neither an IP address nor a network like 203.0.113.0/24.")
    return network


def plainly(network: Network) -> str:
    """A network as people write it: one of a single address as that address."""
    return str(network.network_address if network.prefixlen == network.max_prefixlen else network)


def client_address(remote_address: str | None, forwarded_for: Sequence[str], trusted_proxies: int) -> Address:
    """Where a request comes from.

    remote_address: the other end of the connection. forwarded_for: the X-Forwarded-For headers, in their order.
    trusted_proxies: how many proxies of our own stand before the server; each adds at the end the address that it was
    called from, so what a caller wrote there himself is never reached.
    Raises InvalidInput where that address is missing, or is none.
    """
    if trusted_proxies == 0:
        return parse_address(remote_address or "")
    entries = ",".join(forwarded_for).split(",")[-trusted_proxies:]
    if len(entries) < trusted_proxies:
        raise InvalidInput("The request did not come through the proxies that stand before this server.")
    return parse_address(entries[0].strip(" \t"))


def may_be_called(address: Address, allowed_private: Sequence[Network]) -> bool:
    """Whether the server may connect there: a public address, or one in a network that the operator allows."""
    address = _reached(address)
    if _is_in(address, allowed_private):
        return True
    if address.version == 6 and address not in _ROUTED_IPV6:
        return False
    return not _is_in(address, _NEVER_CALLED)


def may_be_let_in(network: Network, allowed_private: Sequence[Network]) -> bool:
    """Whether all of the network is public, or in a network that the operator allows."""
    if any(_is_inside(network, allowed) for allowed in allowed_private):
        return True
    if network.version == 6 and not _is_inside(network, _ROUTED_IPV6):
        return False
    return not any(network.overlaps(never) for never in _NEVER_LET_IN)


def obstacle_to(network: Network, allowed_private: Sequence[Network]) -> str | None:
    """Why nobody is let in from there."""
    if may_be_let_in(network, allowed_private):
        return None
    return (
        f"{plainly(network)} is no public address, and this server is not told to let it in: ask its operator "
        "(ENTRYGUARD_SESSION_ALLOWED_NETWORKS, or ENTRYGUARD_TRUSTED_PROXIES where it is a proxy's)"
    )


def check_url(url: str, allowed_private: Sequence[Network]) -> str:
    """A tenant's URL in its plain form (small letters, no default port, no slash at the end), or UnsafeUrl.

    HTTPS, to a host that is public as far as its name tells: what a name resolves to is to be checked when it is
    called. HTTP only to an address in `allowed_private`. No user, query, fragment, escape or dot segment, and no port
    below 1024 but 80 and 443.
    """
    plain = _PLAIN_URL.fullmatch(url) if len(url) <= _LONGEST_URL else None
    if plain is None:
        raise UnsafeUrl("The URL must look like https://gateway.example.com:9443, without user, query and fragment.")
    scheme, host = plain["scheme"].lower(), plain["host"].lower()
    port = int(plain["port"] or _DEFAULT_PORTS[scheme])
    if port not in _UNPRIVILEGED_PORTS and port not in _DEFAULT_PORTS.values():
        raise UnsafeUrl("The URL's port must be 80, 443 or from 1024 to 65535.")
    address = _address_named(host)
    if address and not may_be_called(address, allowed_private):
        raise UnsafeUrl("The URL names an address that the server must not call.")
    if scheme == "http" and not (address and _is_in(_reached(address), allowed_private)):
        raise UnsafeUrl("The URL must start with https://.")
    shown_port = "" if port == _DEFAULT_PORTS[scheme] else f":{port}"
    return f"{scheme}://{host}{shown_port}{plain['path']}"


def _address_named(host: str) -> Address | None:
    """The address that a URL's host is without asking anybody; None for a name. UnsafeUrl where it is neither."""
    if host == "localhost" or host.endswith(".localhost"):
        return _LOOPBACK  # RFC 6761, section 6.3
    if not host.startswith("[") and not _NUMERIC_END.fullmatch(host):
        if _HOST_NAME.fullmatch(host):
            return None
    elif address := _address_or_none(host.strip("[]")):
        return address
    raise UnsafeUrl("The URL's host is neither a name nor an address.")


def _address_or_none(written: str) -> Address | None:
    # A zone (fe80::1%eth0) means something on one machine only.
    if "%" in written:
        return None
    try:
        address = ipaddress.ip_address(written)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address


def _network_or_none(written: str) -> Network | None:
    try:
        return None if "%" in written else ipaddress.ip_network(written)
    except ValueError:
        return None


def _reached(address: Address) -> Address:
    """The address that answers where this one is called."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address


def _is_inside(network: Network, other: Network) -> bool:
    return network.network_address in other and network.prefixlen >= other.prefixlen


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
