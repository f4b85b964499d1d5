"""Rules in a network security group: each of ours is one of Azure, with our tag as its name."""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_network
from itertools import islice
from typing import Any

from azure.mgmt.network import NetworkManagementClient, models

from api.clouds.azure_client import InThisThread
from api.clouds.azure_errors import refusal_by
from api.clouds.base import Refused, Target, Unreachable
from api.clouds.rules import Found, Kept, Listing, Network, Protocol, Rule, State, Tag

# https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits
_RULES_AT_MOST = 1000
_FIRST, _LAST = 1000, 3999
_TRIES = 5
_ANY = frozenset({"*"})
_EVERYWHERE = ip_network("0.0.0.0/0")
_UNDER_WAY = {"creating", "updating", "deleting"}
_WORDS = {Protocol.TCP: "Tcp", Protocol.UDP: "Udp", Protocol.ICMP: "Icmp", Protocol.ALL: "*"}

Ask = Callable[[Target, Callable[..., Any]], Any]
"""Asks about a target: `ask(target, lambda client, resource_group, name: …)`."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What a rule is about, however it is spelt: small letters, networks without host bits.

    An application security group stands in place of addresses, and so leaves none.
    """

    protocol: str
    sources: frozenset[str]
    source_ports: frozenset[str]
    destinations: frozenset[str]
    ports: frozenset[str]


@dataclass(frozen=True, slots=True)
class There:
    """A rule as it is in the group."""

    name: str
    priority: int
    is_inbound: bool
    is_allow: bool
    opening: Opening
    state: str

    @property
    def tag(self) -> Tag | None:
        return Tag.read(self.name)

    def lets_in(self, opening: Opening) -> bool:
        return self.is_inbound and self.is_allow and self.opening == opening


class SecurityGroupRules:
    """Lists, makes and removes our rules in the network security groups that one service principal reaches."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def listing(self, target: Target, installation: uuid.UUID, kept: Sequence[Kept]) -> Listing:
        there = self._look(target)
        found = {each.rule.tag: _found(each, there) for each in kept}
        strays = [
            _stray(rule.tag, rule)
            for rule in there.values()
            if rule.tag and rule.tag.installation == installation and rule.tag not in found
        ]
        bands = {priority for each in kept for priority in _band(each.rule)} or set(range(_FIRST, _LAST + 1))
        free = min(_RULES_AT_MOST - len(there), len(bands - _taken(there.values())))
        return Listing(found, tuple(strays), max(free, 0))

    def apply(self, target: Target, kept: Kept) -> tuple[str, ...]:
        rule, there = kept.rule, self._look(target)
        found = _found(kept, there)
        if found.state is State.PRESENT:
            return found.provider_ids
        ours = there.get(rule.tag.short)
        for priority in islice(_priorities(rule, ours, there), _TRIES):
            try:
                self._put(target, rule, priority)
            except Refused as refusal:
                if refusal.code == "NotFound":  # it was made and looked for; of a group Azure says ResourceNotFound
                    raise Unreachable("somebody removed the rule while it was made") from None
                if refusal.code != "SecurityRuleConflict":
                    raise
                continue  # somebody else was quicker
            return (rule.tag.short,)
        raise _no_priority(rule, there)

    def revoke(self, target: Target, kept: Kept) -> None:
        """The name is ours to the letter. Azure says the same of a rule that is not there."""

        def delete(client: NetworkManagementClient, resource_group: str, name: str) -> None:
            rules = client.security_rules
            rules.begin_delete(resource_group, name, kept.rule.tag.short, polling=InThisThread()).result()

        self._ask(target, delete)

    def _look(self, target: Target) -> dict[str, There]:
        """Every rule of the group by its name in small letters: names differ by more than that."""

        def look(client: NetworkManagementClient, resource_group: str, name: str) -> list[There]:
            group: Any = client.network_security_groups.get(resource_group, name)
            if str(group.id).lower() != target.identifier.lower():
                raise ValueError("the answer is about something else")
            return [_read(rule) for rule in group.properties.security_rules]

        return {rule.name: rule for rule in self._ask(target, look)}

    def _put(self, target: Target, rule: Rule, priority: int) -> None:
        def put(client: NetworkManagementClient, resource_group: str, name: str) -> None:
            client.security_rules.begin_create_or_update(
                resource_group, name, rule.tag.short, _written(rule, priority), polling=InThisThread()
            ).result()

        self._ask(target, put)


def _found(kept: Kept, there: Mapping[str, There]) -> Found:
    ours, foreign = there.get(kept.rule.tag.short), _is_let_through(kept.rule, there.values())
    if ours is None:
        return Found(State.ABSENT, foreign=foreign)
    if ours.state in _UNDER_WAY:
        raise Unreachable("Azure is still at a change of a rule of ours")
    right = ours.lets_in(_wanted(kept.rule)) and ours.priority in _band(kept.rule) and ours.state == "succeeded"
    return Found(State.PRESENT if right else State.EDITED, (ours.name,), ours=True, foreign=foreign)


def _is_let_through(rule: Rule, there: Iterable[There]) -> bool:
    """Whether somebody else has an equal rule. Ours is made all the same: theirs may stand behind a denial, or go."""
    return any(
        each.lets_in(_wanted(rule)) and not (each.tag and each.tag.installation == rule.tag.installation)
        for each in there
    )


def _wanted(rule: Rule) -> Opening:
    ports = frozenset(str(ports) for ports in rule.ports) or _ANY
    return Opening(_protocol(rule).lower(), frozenset({str(rule.address)}), _ANY, _ANY, ports)


def _protocol(rule: Rule) -> str:
    # Not among the values that the SDK documents, though the portal has it. Icmp is that of IPv4 alone.
    v6 = rule.protocol is Protocol.ICMP and rule.address.version == 6
    return "Icmpv6" if v6 else _WORDS[rule.protocol]


def _written(rule: Rule, priority: int) -> models.SecurityRule:
    """A rule as Azure takes it: one port and several have fields of their own, of which one may be given."""
    ports = sorted(_wanted(rule).ports)
    properties: dict[str, Any] = {
        "description": str(rule.tag),
        "protocol": _protocol(rule),
        "access": "Allow",
        "direction": "Inbound",
        "priority": priority,
        "sourceAddressPrefix": str(rule.address),
        "sourcePortRange": "*",
        "destinationAddressPrefix": "*",
    }
    several = {"destinationPortRanges": ports} if len(ports) > 1 else {"destinationPortRange": ports[0]}
    return models.SecurityRule({"properties": properties | several})


def _band(rule: Rule) -> range:
    """The priorities that the resource gives to our rules."""
    first, last = rule.options.get("priorityFrom", _FIRST), rule.options.get("priorityTo", _LAST)
    return range(int(str(first)), int(str(last)) + 1)


def _taken(there: Iterable[There]) -> set[int]:
    """A priority is one rule's in each direction."""
    return {rule.priority for rule in there if rule.is_inbound}


def _priorities(rule: Rule, ours: There | None, there: Mapping[str, There]) -> Iterable[int]:
    """The priority that our rule has already, and then the free ones from the lowest."""
    taken = _taken(there.values())
    if ours and ours.is_inbound and ours.priority in _band(rule):
        yield ours.priority
    yield from (priority for priority in _band(rule) if priority not in taken)


def _no_priority(rule: Rule, there: Mapping[str, There]) -> Refused | Unreachable:
    if set(_band(rule)) <= _taken(there.values()):
        return refusal_by("NoFreePriority")
    return Unreachable("somebody else keeps taking the free priorities")


def _stray(tag: Tag, rule: There) -> Kept:
    """What is needed to revoke it: its tag."""
    protocol = next((ours for ours, word in _WORDS.items() if word.lower() == rule.opening.protocol), Protocol.ALL)
    address: Network = _EVERYWHERE
    with suppress(ValueError):
        address = ip_network(next(iter(rule.opening.sources), ""))
    return Kept(Rule(tag=tag, address=address, protocol=protocol), (rule.name,))


def _read(rule: Any) -> There:
    """A rule as Azure shows it. Raises what its lack of something raises: then it is not Azure that answers."""
    it = rule.properties
    return There(
        name=rule.name.lower(),
        priority=int(it.priority),
        is_inbound=it.direction.lower() == "inbound",
        is_allow=it.access.lower() == "allow",
        opening=Opening(
            protocol=it.protocol.lower(),
            sources=_all(_spelt, it.source_address_prefix, it.source_address_prefixes),
            source_ports=_all(_ports, it.source_port_range, it.source_port_ranges),
            destinations=_all(_spelt, it.destination_address_prefix, it.destination_address_prefixes),
            ports=_all(_ports, it.destination_port_range, it.destination_port_ranges),
        ),
        state=(it.provisioning_state or "succeeded").lower(),
    )


def _all(spelt: Callable[[str], str], one: str | None, several: Sequence[str] | None) -> frozenset[str]:
    return frozenset(spelt(each) for each in (one, *(several or ())) if each)


def _spelt(prefix: str) -> str:
    """A prefix as we write it; a name (`Internet`, `*`) in small letters."""
    try:
        return str(ip_network(prefix, strict=False))
    except ValueError:
        return prefix.lower()


def _ports(ports: str) -> str:
    first, _, last = ports.partition("-")
    return "*" if ports == "0-65535" else first if first == last else ports
