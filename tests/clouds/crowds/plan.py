"""What a crowd does to one target: which rules there are, and in which order they are to be applied and revoked."""

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network

from api.clouds.rules import Ports, Protocol, Rule, Tag
from tests.clouds.sites import HERE, OPENINGS
from tests.proof.scale import FULL

PROCESSES = 8
OPERATIONS = 1_000 if FULL else 200
RULES = 40
SHARED = 3
"""So many of the rules, the first ones, somebody else has an equal one of from the start."""
OVERLAPPING = 3
"""So many, the last ones, open what another one opens too, if rules have ports."""

_TWO_PORTS = (Protocol.TCP, (Ports(22, 22), Ports(443, 443)))
_OTHERS = (OPENINGS["a range"], OPENINGS["icmp"], OPENINGS["everything"])


@dataclass(frozen=True, slots=True)
class Deed:
    """One rule becomes wanted, or is not wanted any more."""

    rule: int
    is_wanted: bool


def rules(seed: int, *, have_ports: bool) -> list[Rule]:
    """The rules, the same for the same seed. Where rules have ports, three open a part of what others open too."""
    chance = random.Random(seed)  # noqa: S311 - chance, not secrecy
    made = []
    for number in range(RULES):
        written = f"2a00:1450:4001:82a::{number:x}/128" if number % 4 == 3 else f"81.2.69.{number}/32"
        protocol, ports = OPENINGS["one port"]
        if have_ports and number >= RULES - OVERLAPPING:
            written = f"81.2.69.{4 * (number - RULES + OVERLAPPING) + 4}/32"
            protocol, ports = _TWO_PORTS
        elif have_ports and number % 10 == 9:
            protocol, ports = _OTHERS[number // 10 % len(_OTHERS)]
        tag = Tag(HERE, uuid.UUID(int=chance.getrandbits(128), version=4))
        made.append(Rule(tag=tag, address=ip_network(written), protocol=protocol, ports=ports))
    return made


def deeds(seed: int, operations: int) -> Iterator[Deed]:
    """Each rule in turns wanted and not, but for one time in five, when what was asked for is asked for again."""
    chance = random.Random(seed)  # noqa: S311 - chance, not secrecy
    wanted = [False] * RULES
    for _ in range(operations):
        rule = chance.randrange(RULES)
        wanted[rule] ^= chance.random() < 0.8
        yield Deed(rule, wanted[rule])
