"""Rules in a security group: each opening (protocol, ports, address) is one of AWS, with our tag as its description."""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from api.clouds.base import Refused, Target
from api.clouds.rules import Found, Kept, Listing, Network, Ports, Protocol, Rule, State, Tag

# https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html: 60 inbound rules for each address family.
# An account may have more, so what this leaves is a warning, and only AWS's own refusal is believed.
_RULES_OF_A_FAMILY = 60
_DUPLICATE = "InvalidPermission.Duplicate"
# A rule that is not there, by what it lets through and by its id.
_ABSENT = {"InvalidPermission.NotFound", "InvalidSecurityGroupRuleId.NotFound"}
_EVERY_PORT = Ports(0, 65535)

Ask = Callable[..., Mapping[str, Any]]
"""Asks EC2 about a target: `ask(target, operation, **parameters)`."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What one rule of AWS lets through. Protocols without ports have None."""

    protocol: str
    ports: Ports | None
    address: Network

    def permission(self, tag: Tag | None = None) -> dict[str, Any]:
        """The opening as EC2 takes it, with the tag as its description."""
        v6 = self.address.version == 6
        source = {"CidrIpv6" if v6 else "CidrIp": str(self.address)} | ({"Description": str(tag)} if tag else {})
        ends = {"FromPort": self.ports.first, "ToPort": self.ports.last} if self.ports else {}
        return {"IpProtocol": self.protocol, **ends, "Ipv6Ranges" if v6 else "IpRanges": [source]}


class SecurityGroupRules:
    """Lists, makes and removes our rules in the security groups that one access key reaches."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def listing(self, target: Target, installation: uuid.UUID, kept: Sequence[Kept]) -> Listing:
        there = self._openings(target)
        found = {each.rule.tag: _found(each, there) for each in kept}
        strays: dict[Tag, Opening] = {}
        for opening, description in there.items():
            tag = Tag.read(description)
            if tag and tag.installation == installation and tag not in found:
                strays[tag] = opening
        families = [opening.address.version for opening in there]
        free = _RULES_OF_A_FAMILY - max(families.count(4), families.count(6))
        return Listing(found, tuple(_stray(*stray) for stray in strays.items()), max(free, 0))

    def apply(self, target: Target, kept: Kept) -> tuple[str, ...]:
        tag, wanted, ids = kept.rule.tag, _wanted(kept.rule), kept.provider_ids
        there = self._openings(target)
        if len(ids) > len(_tagged(there, tag)):
            # DescribeSecurityGroups shows no ids: one of ours that lost its tag is known by nothing else.
            self._revoke_by_id(target, ids)
            there, ids = self._openings(target), ()
        self._revoke_openings(target, _tagged(there, tag) - wanted)
        return (*ids, *self._authorize(target, tag, [opening for opening in wanted if opening not in there]))

    def revoke(self, target: Target, kept: Kept) -> None:
        self._revoke_by_id(target, kept.provider_ids)
        self._revoke_openings(target, _tagged(self._openings(target), kept.rule.tag))

    def _openings(self, target: Target) -> dict[Opening, str]:
        """Everything that the group lets in by address, with its description. AWS has no two equal ones."""
        answer = self._ask(target, "describe_security_groups", GroupIds=[target.identifier])
        return {
            Opening(permission["IpProtocol"], _ports(permission), ip_network(source[name])): source.get(
                "Description", ""
            )
            for group in answer.get("SecurityGroups", ())
            for permission in group.get("IpPermissions", ())
            for ranges, name in (("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6"))
            for source in permission.get(ranges, ())
        }

    def _authorize(self, target: Target, tag: Tag, openings: Sequence[Opening]) -> tuple[str, ...]:
        """The ids of the rules made. A call with one duplicate is refused whole: then each is asked for alone."""
        if not openings:
            return ()
        try:
            answer = self._ask(
                target,
                "authorize_security_group_ingress",
                GroupId=target.identifier,
                IpPermissions=[opening.permission(tag) for opening in openings],
            )
        except Refused as refusal:
            if refusal.code != _DUPLICATE:
                raise
            if len(openings) == 1:
                return ()  # somebody else was quicker, and it is theirs
            return tuple(made for opening in openings for made in self._authorize(target, tag, [opening]))
        return tuple(rule["SecurityGroupRuleId"] for rule in answer.get("SecurityGroupRules", ()))

    def _revoke_by_id(self, target: Target, provider_ids: Iterable[str]) -> None:
        for provider_id in provider_ids:
            self._revoke(target, SecurityGroupRuleIds=[provider_id])

    def _revoke_openings(self, target: Target, openings: Iterable[Opening]) -> None:
        for opening in openings:
            self._revoke(target, IpPermissions=[opening.permission()])

    def _revoke(self, target: Target, **which: Any) -> None:
        try:
            self._ask(target, "revoke_security_group_ingress", GroupId=target.identifier, **which)
        except Refused as refusal:
            if refusal.code not in _ABSENT:
                raise


def _wanted(rule: Rule) -> set[Opening]:
    """The openings that a rule is made of: one for each port or range."""
    v6 = rule.address.version == 6
    if rule.protocol is Protocol.ALL:
        return {Opening("-1", None, rule.address)}
    if rule.protocol is Protocol.ICMP:
        return {Opening("icmpv6" if v6 else "icmp", Ports(-1, -1), rule.address)}
    return {Opening(rule.protocol.value, ports, rule.address) for ports in rule.ports or (_EVERY_PORT,)}


def _found(kept: Kept, there: Mapping[Opening, str]) -> Found:
    wanted = _wanted(kept.rule)
    ours = _tagged(there, kept.rule.tag)
    others = (wanted & set(there)) - ours
    lost_a_tag = len(kept.provider_ids) > len(ours) and any(Tag.read(there[opening]) is None for opening in others)
    if ours | others == wanted and not lost_a_tag:
        return Found(State.PRESENT, kept.provider_ids, ours=bool(ours), foreign=bool(others))
    if ours or lost_a_tag:
        return Found(State.EDITED, kept.provider_ids, ours=True, foreign=bool(others))
    return Found(State.ABSENT, foreign=bool(others))


def _tagged(there: Mapping[Opening, str], tag: Tag) -> set[Opening]:
    return {opening for opening, description in there.items() if description == str(tag)}


def _stray(tag: Tag, opening: Opening) -> Kept:
    """What is needed to revoke it: its tag."""
    protocol = Protocol.ALL
    with suppress(ValueError):
        protocol = Protocol(opening.protocol)
    return Kept(Rule(tag=tag, address=opening.address, protocol=protocol))


def _ports(permission: Mapping[str, Any]) -> Ports | None:
    if "FromPort" not in permission or permission["IpProtocol"] == "-1":
        return None
    return Ports(permission["FromPort"], permission["ToPort"])
