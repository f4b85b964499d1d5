"""A rule as EntryGuard wants it, how it says whose it is, and how it is found in a cloud."""

import base64
import uuid
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from types import MappingProxyType

Network = IPv4Network | IPv6Network


class Protocol(StrEnum):
    """What a rule lets through. ICMP is the one of the address's family; ALL takes no ports."""

    TCP = "tcp"
    UDP = "udp"
    ICMP = "icmp"
    ALL = "all"


@dataclass(frozen=True, slots=True, order=True)
class Ports:
    """One port, or a range of them with both of its ends."""

    first: int
    last: int

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


@dataclass(frozen=True, slots=True)
class Tag:
    """Whose a rule is: the installation that made it, and the row that it was made for."""

    installation: uuid.UUID
    rule: uuid.UUID

    def __str__(self) -> str:
        return f"entryguard:{self.installation}:{self.rule}"

    @property
    def short(self) -> str:
        """The tag as the name of an object, where there is room for 63 small letters and digits (RFC 1035)."""
        return f"eg-{_short(self.installation)}-{_short(self.rule)}"

    @classmethod
    def read(cls, text: str) -> "Tag | None":
        """The tag that `text` is, in either form and to the letter; None for everything else."""
        try:
            if text.startswith("eg-"):
                _, installation, rule = text.split("-")
                tag = cls(_long(installation), _long(rule))
            else:
                _, installation, rule = text.split(":")
                tag = cls(uuid.UUID(installation), uuid.UUID(rule))
        except ValueError:
            return None
        return tag if text in (str(tag), tag.short) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One address let through to some ports of one target. Without ports: to all that the protocol has.

    `options` are what a resource's `config` holds beside ports and protocol, by the names that the cloud declares.
    """

    tag: Tag
    address: Network
    protocol: Protocol = Protocol.TCP
    ports: tuple[Ports, ...] = ()
    options: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}), hash=False)


@dataclass(frozen=True, slots=True)
class Kept:
    """A rule with what its row knows of it.

    `provider_ids` are the cloud's own names of what was made for it. `added` says that the row was committed as one
    that EntryGuard adds, after a listing without it: where a cloud has no place for a tag, nothing else tells.
    `foreign`: beside it there was an equal one of somebody else's. `twins`: how many there were that nothing but their
    number tells apart, ours among them, when a call that removes it was made, if that may have been done.
    """

    rule: Rule
    provider_ids: tuple[str, ...] = ()
    added: bool = False
    _: KW_ONLY
    foreign: bool = False
    twins: int = 0


class State(StrEnum):
    """How a rule stands in the cloud."""

    ABSENT = "ABSENT"
    """Nothing of it is there."""
    PRESENT = "PRESENT"
    """All that it lets through is let through."""
    EDITED = "EDITED"
    """There is something of ours for it, which does not do what it should: changed by a person, or half made."""


@dataclass(frozen=True, slots=True)
class Found:
    """A rule in a listing.

    `ours`: something that EntryGuard made for it is there. `foreign`: all or a part of it is let through by an equal
    rule that is not ours. Both may be so: of two ports, one was open before. `twins`: how many
    there are, ours among them, that nothing but their number tells apart; 0 for one alone.
    """

    state: State
    provider_ids: tuple[str, ...] = ()
    _: KW_ONLY
    ours: bool = False
    foreign: bool = False
    twins: int = 0


@dataclass(frozen=True, slots=True)
class Listing:
    """What one look at a target has shown.

    `found` has each rule that was asked about, by its tag. `strays` carry our installation's tag and were not asked
    about: a restored backup knows nothing of them. `free` is how many more of the cloud's rules the target can hold
    (EntryGuard's may need several); None where the cloud does not say.
    """

    found: Mapping[Tag, Found]
    strays: tuple[Kept, ...] = ()
    free: int | None = None


def _short(identity: uuid.UUID) -> str:
    return base64.b32encode(identity.bytes).decode().rstrip("=").lower()


def _long(short: str) -> uuid.UUID:
    return uuid.UUID(bytes=base64.b32decode(short.upper() + "======"))
