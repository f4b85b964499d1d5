"""Connections over one version of IP: IPv4 or IPv6."""

import contextlib
import socket
import time

from pulumi_entryguard.endpoint import Endpoint

FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


def versions_of(endpoint: Endpoint) -> set[int]:
    """The versions of IP that an API's host has addresses of; none where its name can't be looked up."""
    with contextlib.suppress(OSError):
        families = {found[0] for found in socket.getaddrinfo(endpoint.host, endpoint.tcp_port, type=socket.SOCK_STREAM)}
        return {version for version, family in FAMILIES.items() if family in families}
    return set()


def dial(endpoint: Endpoint, version: int, seconds: float) -> socket.socket:
    """A connection to the first of the host's addresses of that version that answers. Raises OSError."""
    until = time.monotonic() + seconds
    found = socket.getaddrinfo(endpoint.host, endpoint.tcp_port, FAMILIES[version], socket.SOCK_STREAM)
    lost: OSError = TimeoutError()
    for family, kind, protocol, _, place in found:
        left = until - time.monotonic()
        if left <= 0:
            break
        link = socket.socket(family, kind, protocol)
        try:
            link.settimeout(left)
            link.connect(place)
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return link
        except OSError as error:
            link.close()
            lost = error
    raise lost
