"""From where the caller is seen: over IPv4, over IPv6, or both.

One connection shows one address. GET /detect-ip, asked over the other version of IP, gives a proof of that address too.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from pulumi_entryguard.client import Client
from pulumi_entryguard.dialling import versions_of
from pulumi_entryguard.errors import EntryGuardError, UnusableInput
from pulumi_entryguard.reading import asked

REACH_SECONDS = 2.0  # a version of IP that does not work here is not waited for any longer


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Over which client to ask to be let in, and what proves the caller's other address."""

    client: Client
    proofs: Sequence[str] = ()


def whereabouts(client: Client, version: int | None) -> Whereabouts:
    """All addresses that the server can see the caller at, or that of one version of IP.

    Raises UnusableInput where the server has no address of that version.
    """
    versions = versions_of(client.endpoint)
    if version is not None:
        if versions and version not in versions:
            raise UnusableInput(f"{client.endpoint} has no IPv{version} address")
        return Whereabouts(client.over(version))
    if len(versions) < 2:
        return Whereabouts(client)
    with ThreadPoolExecutor(len(versions)) as at_once:
        seen = dict(zip(versions, at_once.map(lambda one: _seen(client, one), versions), strict=True))
    reached = [one for one, shown in seen.items() if shown]
    if len(reached) == 1:
        return Whereabouts(client.over(reached[0]))
    # By what the server says: a gateway in between may have made one version of the other.
    return Whereabouts(client, list({shown["version"]: shown["proof"] for shown in seen.values() if shown}.values()))


def _seen(client: Client, version: int) -> Mapping[str, Any] | None:
    """What the server says of the address; None where it can't be asked like this: by the other version, perhaps."""
    try:
        return asked(client.over(version, patience=REACH_SECONDS, pauses=()), "/detect-ip", dict)
    except EntryGuardError:
        return None
