"""URLs that a tenant may give and the server must not call."""

import ipaddress
from collections.abc import Iterator

from tests.addresses import FORBIDDEN
from tests.api.test_network_urls import UNSAFE
from tests.proof.scale import FULL

_EVERY = 1 if FULL else 4


def written(address: str) -> Iterator[str]:
    """The ways to write an address as a URL's host."""
    parsed = ipaddress.ip_address(address)
    if parsed.version == 6:
        yield from (f"[{address}]", f"[{parsed.exploded}]", f"[{parsed.exploded.upper()}]", f"[{address}%25eth0]")
        return
    first, *rest = parsed.packed
    number = int(parsed)
    yield from (address, f"{address}.", str(number), hex(number), f"0{number:o}", f"{first}.{number & 0xFFFFFF}")
    yield ".".join(hex(part) for part in parsed.packed)
    yield ".".join(f"0{part:o}" for part in parsed.packed)
    yield f"{first}.{rest[0]}.{number & 0xFFFF}"
    yield f"[::ffff:{address}]"
    yield f"[::{address}]"
    yield f"[64:ff9b::{address}]"
    yield f"[2002:{number >> 16:x}:{number & 0xFFFF:x}::]"


def forms() -> list[str]:
    """URLs that name a forbidden address, in all its ways, and those that are wrong in another way."""
    hosts = dict.fromkeys(host for address in FORBIDDEN for host in written(address))
    tricks = (
        "http://{}",
        "https://{}/",
        "https://{}:9180",
        "https://gateway.example.com@{}",
        "https://{}#.example.com",
    )
    plain = [f"https://{host}" for host in hosts]
    tricky = [tricks[number % len(tricks)].format(host) for number, host in enumerate(hosts)]
    return list(dict.fromkeys([*plain, *tricky, *UNSAFE]))[::_EVERY]
