"""Rules on a VPC network: each rule of ours is one firewall rule of Google's, and its name says whose it is.

https://cloud.google.com/compute/docs/reference/rest/v1/firewalls
"""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from google.cloud.compute_v1 import types

from api.clouds.base import Refused, Target, Unreachable
from api.clouds.gcp_clients import ONCE, GoogleClients
from api.clouds.gcp_errors import EXISTS, NOT_FOUND, failure_of_operation
from api.clouds.rules import Found, Kept, Listing, Ports, Protocol, Rule, State, Tag

_STANDARD_PRIORITY = 1000
# A page of rules with many addresses each must stay below what a session reads of one answer.
_PAGE = 100
_PAGES_AT_MOST = 200
_LONGEST_PAUSE_SECONDS = 1.0
# Google takes a protocol's name or its number, and ICMP for IPv6 only as a number.
_PROTOCOLS = {"1": "icmp", "6": "tcp", "17": "udp", "ipv6-icmp": "58", "icmpv6": "58"}
# What ours have none of: each lets through less or more than the rule says.
_FOREIGN_TO_OURS = (
    "denied",
    "destination_ranges",
    "disabled",
    "source_service_accounts",
    "source_tags",
    "target_service_accounts",
)
_NOBODY = ip_network("192.0.2.1/32")  # TEST-NET-1, RFC 5737

Write = Callable[[str], types.Operation]


@dataclass(frozen=True, slots=True)
class Opening:
    """What one firewall rule lets through."""

    network: str
    sources: frozenset[str]
    allowed: frozenset[tuple[str, frozenset[str]]]
    priority: int
    target_tags: frozenset[str]
    others: frozenset[str] = frozenset()
    """What narrows or widens it beyond that."""


class FirewallRules:
    """Lists, makes and removes our rules in the project that one service account works in."""

    def __init__(self, google: GoogleClients, longest_wait_seconds: float) -> None:
        self._google = google
        self._longest_wait_seconds = longest_wait_seconds

    def listing(self, target: Target, installation: uuid.UUID, kept: Sequence[Kept]) -> Listing:
        """Everything is read, and sorted out here: that a rule is gone must not rest on a filter's grammar."""
        there = {firewall.name: firewall for firewall in self.every()}
        tags = {name: Tag.read(name) for name in there}
        here = {
            name: opening_of(firewall) for name, firewall in there.items() if network_of(firewall) == target.identifier
        }
        foreign = {opening for name, opening in here.items() if not _is_of(tags[name], installation)}
        found = {each.rule.tag: _found(each.rule, target, there.get(each.rule.tag.short), foreign) for each in kept}
        strays = (tag for name in here if _is_of(tag := tags[name], installation) and tag not in found)
        return Listing(found, tuple(_stray(tag) for tag in strays if tag))

    def apply(self, target: Target, kept: Kept) -> tuple[str, ...]:
        rule, name = kept.rule, kept.rule.tag.short
        if not self._insert(rule, target) and self._opening(name) != wanted(rule, target):
            # Neither a patch nor an update empties a list, or changes network, direction and action.
            self._delete(name)
            if not self._insert(rule, target):
                raise Unreachable("somebody else keeps changing the firewall rule")
        return (name,)

    def revoke(self, kept: Kept) -> None:
        self._delete(kept.rule.tag.short)

    def every(self) -> list[types.Firewall]:
        """All firewall rules of the project."""
        request = types.ListFirewallsRequest(project=self._google.project, max_results=_PAGE)
        return self._google.ask(lambda: list(_whole(self._google.firewalls.list(request, **ONCE).pages)))

    def _opening(self, name: str) -> Opening | None:
        request = types.GetFirewallRequest(project=self._google.project, firewall=name)
        try:
            return opening_of(self._google.ask(lambda: self._google.firewalls.get(request, **ONCE)))
        except Refused as refusal:
            if refusal.code != NOT_FOUND:
                raise
            return None

    def _insert(self, rule: Rule, target: Target) -> bool:
        """Whether it was made; not, where one of its name is there."""
        firewall = _firewall(rule, target, self._google.project)

        def insert(request_id: str) -> types.Operation:
            request = types.InsertFirewallRequest(
                project=self._google.project, firewall_resource=firewall, request_id=request_id
            )
            return self._google.firewalls.insert_unary(request, **ONCE)

        return self._write(insert, EXISTS)

    def _delete(self, name: str) -> None:
        def delete(request_id: str) -> types.Operation:
            request = types.DeleteFirewallRequest(project=self._google.project, firewall=name, request_id=request_id)
            return self._google.firewalls.delete_unary(request, **ONCE)

        self._write(delete, NOT_FOUND)

    def _write(self, change: Write, needless: str) -> bool:
        """Ask for a change and wait until it is made. False where Google says by `needless` that it is not to be made.

        Each change has an id of its own: under one that it knows, Google makes nothing, also when what it made then
        has been removed since.
        """
        request_id = str(uuid.uuid4())
        try:
            self._finish(self._google.ask(lambda: change(request_id)))
        except Refused as refusal:
            if refusal.code != needless:
                raise
            return False
        return True

    def _finish(self, operation: types.Operation) -> None:
        """Wait for an operation by looking at it: Google's own call to wait answers after minutes."""
        until, pause = time.monotonic() + self._longest_wait_seconds, 0.05
        while operation.status != types.Operation.Status.DONE:
            if time.monotonic() > until:
                raise Unreachable("Google has not finished the change yet")
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            operation = self._again(operation)
        if operation.error.errors:
            raise failure_of_operation(operation.error.errors)

    def _again(self, operation: types.Operation) -> types.Operation:
        request = types.GetGlobalOperationRequest(project=self._google.project, operation=operation.name)
        try:
            return self._google.ask(lambda: self._google.operations.get(request, **ONCE))
        except Refused as refusal:
            if refusal.code != NOT_FOUND:
                raise
        # Not to be mistaken for a firewall rule that is not there.
        raise Unreachable("Google does not say what became of the change")


def network_of(firewall: types.Firewall) -> str:
    """The name of the network that a firewall rule is on: networks are in the same project as their rules."""
    return str(firewall.network).rpartition("/networks/")[2]


def opening_of(firewall: types.Firewall) -> Opening:
    """What a firewall rule lets through, however it is written."""
    others = {name for name in _FOREIGN_TO_OURS if getattr(firewall, name)}
    if firewall.direction == "EGRESS":
        others.add("egress")
    ports: dict[str, set[str]] = {}
    for allowed in firewall.allowed:
        protocol = allowed.I_p_protocol.lower()
        ports.setdefault(_PROTOCOLS.get(protocol, protocol), set()).update(map(_range, allowed.ports or ("",)))
    return Opening(
        network=network_of(firewall),
        sources=frozenset(map(_source, firewall.source_ranges)),
        allowed=frozenset((protocol, frozenset(ranges)) for protocol, ranges in ports.items()),
        priority=firewall.priority if "priority" in firewall else _STANDARD_PRIORITY,
        target_tags=frozenset(firewall.target_tags),
        others=frozenset(others),
    )


def wanted(rule: Rule, target: Target) -> Opening:
    """What a rule of ours is to let through."""
    return opening_of(_firewall(rule, target, ""))


def _firewall(rule: Rule, target: Target, project: str) -> types.Firewall:
    """A rule as Google takes it. Its sources are never empty: a firewall rule without any lets everybody in."""
    options: Mapping[str, Any] = rule.options
    protocol = rule.protocol.value
    if rule.protocol is Protocol.ICMP and rule.address.version == 6:
        protocol = _PROTOCOLS["ipv6-icmp"]
    return types.Firewall(
        name=rule.tag.short,
        description=str(rule.tag),
        network=f"projects/{project}/global/networks/{target.identifier}",
        direction="INGRESS",
        disabled=False,
        priority=options.get("priority", _STANDARD_PRIORITY),
        source_ranges=[str(rule.address)],
        target_tags=list(options.get("targetTags", ())),
        allowed=[types.Allowed(I_p_protocol=protocol, ports=[str(ports) for ports in rule.ports])],
    )


def _found(rule: Rule, target: Target, ours: types.Firewall | None, foreign: set[Opening]) -> Found:
    """How a rule stands. An equal one of somebody else's is no obstacle to ours, and does not take its place."""
    opening = wanted(rule, target)
    is_foreign = opening in foreign
    if ours is None:
        return Found(State.ABSENT, foreign=is_foreign)
    state = State.PRESENT if opening_of(ours) == opening else State.EDITED
    return Found(state, (rule.tag.short,), ours=True, foreign=is_foreign)


def _is_of(tag: Tag | None, installation: uuid.UUID) -> bool:
    return tag is not None and tag.installation == installation


def _stray(tag: Tag) -> Kept:
    """What is needed to revoke it: its name."""
    return Kept(Rule(tag=tag, address=_NOBODY, protocol=Protocol.ALL), (tag.short,))


def _whole(pages: Iterator[types.FirewallList]) -> Iterator[types.Firewall]:
    for number, page in enumerate(pages):
        if number == _PAGES_AT_MOST:
            raise Unreachable("Google's list of firewall rules does not end")
        yield from page.items


def _source(written: str) -> str:
    try:
        return str(ip_network(written, strict=False))
    except ValueError:
        return written


def _range(written: str) -> str:
    first, _, last = written.partition("-")
    try:
        return str(Ports(int(first), int(last or first)))
    except ValueError:
        return written
