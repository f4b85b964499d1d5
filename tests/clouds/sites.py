"""A cloud's stand-in as the promises of all clouds need it, and what their tests say in a word."""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from ipaddress import ip_network
from itertools import cycle
from typing import Protocol as Shape
from typing import TypeVar

from api.clouds import Cloud, Connection, Endpoints, Target, Unreachable
from api.clouds.base import before_call
from api.clouds.rules import Found, Kept, Listing, Network, Ports, Protocol, Rule, State, Tag

Answer = TypeVar("Answer")

HERE = uuid.UUID("6c1e1a52-54c5-4f0e-9d3c-6a8f4f1f7a10")
ELSEWHERE = uuid.UUID("0b7e2f4c-7d0a-4c57-8f0b-3f1f6f0f2b11")
RACES = 3
"""So often somebody else is quicker than we are."""
OPENINGS = {
    "one port": (Protocol.TCP, (Ports(443, 443),)),
    "several ports": (Protocol.TCP, (Ports(22, 22), Ports(443, 443))),
    "a range": (Protocol.UDP, (Ports(6000, 6100),)),
    "all of a protocol": (Protocol.TCP, ()),
    "icmp": (Protocol.ICMP, ()),
    "everything": (Protocol.ALL, ()),
}


_NUMBERS = cycle(range(256))


class Site(Shape):
    """A cloud's stand-in, as the promises need it."""

    cloud: Cloud
    endpoints: Endpoints
    shares: bool
    """Whether an equal rule of somebody else takes the place of ours."""

    def credential_data(self) -> dict[str, str]:
        """A new credential that may do what EntryGuard needs."""

    def wrong_credential_data(self) -> dict[str, str]:
        """A credential whose secret is not the right one."""

    def viewer_credential_data(self) -> dict[str, str]:
        """A credential that may look and not change."""

    def target(self) -> Target:
        """A new object, ready for rules."""

    def no_target(self) -> Target:
        """An object that is well-formed and not there."""

    def add_foreign(self, target: Target, rule: Rule) -> None:
        """An equal rule, made by somebody else."""

    def remove(self, target: Target, kept: Kept) -> None:
        """A person removes our rule."""

    def everything(self, target: Target) -> str:
        """All that the object holds, as a text to compare: without times, revisions and order."""

    def silent(self) -> AbstractContextManager[None]:
        """The cloud takes requests and does not answer."""

    def throttled(self) -> AbstractContextManager[None]:
        """The cloud asks to be asked less often."""

    def losing_answers(self) -> AbstractContextManager[None]:
        """The cloud does what it is asked to change, and its answer does not arrive."""

    def racing(self, target: Target) -> AbstractContextManager[Sequence[Rule]]:
        """Somebody else adds rules at the moments of our next changes, in our way if they can; the rules so far."""


class SiteWithTags(Site, Shape):
    """A cloud whose rules can be told by their tag after a person changed them."""

    def edit(self, target: Target, kept: Kept) -> None:
        """A person changes what our rule does."""


class SiteWithAQuota(Site, Shape):
    """A cloud that has room for so many rules and no more."""

    def fill(self, target: Target) -> None:
        """Somebody else's rules until there is no room for one more."""


@contextmanager
def adding_before_our_calls(add: Callable[[Rule], None]) -> Iterator[list[Rule]]:
    """Somebody else adds a rule before each of our next calls; the rules so far."""
    theirs: list[Rule] = []

    def add_one() -> None:
        if len(theirs) < RACES:
            theirs.append(a_rule_of_theirs())
            add(theirs[-1])

    token = before_call.set(add_one)
    try:
        yield theirs
    finally:
        before_call.reset(token)


def a_rule_of_theirs() -> Rule:
    """A rule like none before."""
    return a_rule(f"198.18.{next(_NUMBERS)}.0/24")


def a_rule(address: str | Network, *, installation: uuid.UUID = HERE, opening: str = "one port") -> Rule:
    protocol, ports = OPENINGS[opening]
    tag = Tag(installation, uuid.uuid4())
    return Rule(tag=tag, address=ip_network(str(address)), protocol=protocol, ports=ports)


def applied(connection: Connection, target: Target, rule: Rule, known: Sequence[str] = ()) -> Kept:
    """The rule, applied as its row would have it done."""
    kept = Kept(rule, tuple(known), added=True)
    return Kept(rule, connection.apply(target, kept), added=True)


def once_ready(ask: Callable[[], Answer], seconds: float = 10) -> Answer:
    """What the cloud answers when what it was asked before is done; until then it asks to come back later."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except Unreachable:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def listed(connection: Connection, target: Target, kept: Kept) -> Found:
    listing: Listing = connection.rules(target, HERE, [kept])
    return listing.found[kept.rule.tag]


def state(connection: Connection, target: Target, kept: Kept) -> State:
    return listed(connection, target, kept).state
