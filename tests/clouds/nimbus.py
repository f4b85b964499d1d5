"""Nimbus, a cloud that is made up: its gates let in who has a pass. It shows what a cloud's one file has to say.

There is no vendor behind it. `SKY` in this process is its API, which takes the place of the calls of an SDK.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import NoReturn

from api.clouds.base import (
    Connection,
    Endpoints,
    Field,
    Full,
    Refused,
    ResourceType,
    Seen,
    Target,
    Unreachable,
    Verified,
    before_call,
)
from api.clouds.rules import Found, Kept, Listing, Rule, State, Tag

LOOK, OPEN = "gate:look", "gate:open"
PASSES_OF_A_GATE = 20

Pass = tuple[str, str, tuple[str, ...]]
"""What one pass lets through: an address, a protocol, ports."""


@dataclass
class Sky:
    """What Nimbus holds, and what it does instead of answering."""

    rights: dict[str, tuple[str, ...]] = field(default_factory=dict)
    gates: dict[str, dict[str, Pass]] = field(default_factory=dict)
    fault: Exception | None = None
    loses_answers: bool = False

    def asked(self, key: str, right: str, gate: str | None = None) -> dict[str, Pass]:
        """One call. The passes of the gate that it is about."""
        before_call.get()()
        if self.fault:
            raise self.fault
        if key not in self.rights:
            raise Refused("KeyUnknown", Nimbus.hints["KeyUnknown"])
        if right not in self.rights[key]:
            raise Refused("NotPermitted", f"missing {right}", (right,))
        if gate is not None and gate not in self.gates:
            raise Refused("GateNotFound", Nimbus.hints["GateNotFound"])
        return self.gates.get(gate or "", {})

    def answer(self) -> None:
        if self.loses_answers:
            raise Unreachable("Nimbus did not answer")


SKY = Sky()


class Nimbus:
    """A cloud whose keys open gates."""

    name = "NIMBUS"
    label = "Nimbus"
    credential_type = "SKY_KEY"
    fields: tuple[Field, ...] = (
        Field("keyName", "Key Name", "The key that was made for EntryGuard", "rain-7"),
        Field("skyKey", "Sky Key", "Nimbus shows it once", "drop-drop-drop", secret=True),
    )
    resource_types: Mapping[str, ResourceType] = {
        "GATE": ResourceType("GATE", "Gate", "The gate's name", "north", ("port", "ports", "portRange", "protocol"))
    }
    needs_region = False
    regions: tuple[str, ...] = ()
    permissions: tuple[str, ...] = (LOOK, OPEN)
    settling: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset({"GateNotFound"})
    writes_whole = False
    policy_use = "A list of rights: hand it in with the key."
    remedies: Mapping[str, str] = {"KeyUnknown": "Make a new key, and replace the secret."}
    hints: Mapping[str, str] = {
        "KeyUnknown": "Sky key is wrong",
        "NotPermitted": "Key may not do what EntryGuard needs",
        "GateNotFound": "Gate doesn't exist",
        "GateFull": "Gate has no room for one more pass",
    }

    def check_identifier(self, resource_type: str, identifier: str) -> str | None:
        return None if identifier.isalpha() else "resourceIdentifier must be a gate's name, such as north"

    def policy(self, targets: Sequence[Target], account: str | None = None) -> dict[str, object]:
        return {"may": list(self.permissions), "gates": sorted({target.identifier for target in targets}) or ["*"]}

    def preload(self) -> None:
        """Nothing to load."""

    def connect(self, secrets: Mapping[str, str], endpoints: Endpoints) -> Connection:
        return NimbusConnection(secrets["skyKey"])


class NimbusConnection:
    """One key. A pass is named by our tag, so there is one for each rule."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __reduce__(self) -> NoReturn:
        raise TypeError("a connection holds a secret: it is neither copied nor pickled")

    def verify(self, targets: Sequence[Target]) -> Verified:
        SKY.asked(self._key, LOOK)
        for target in targets[:1]:
            SKY.asked(self._key, OPEN, target.identifier)
        return Verified("the whole sky")

    def inspect(self, target: Target) -> Seen:
        SKY.asked(self._key, OPEN, target.identifier)
        return Seen(target.identifier, target.identifier.title(), "", None)

    def visible(self, region: str | None) -> list[Seen]:
        SKY.asked(self._key, LOOK)
        return [Seen(name, name.title(), "", None) for name in SKY.gates]

    def rules(self, target: Target, installation: uuid.UUID, kept: Sequence[Kept]) -> Listing:
        passes = SKY.asked(self._key, LOOK, target.identifier)
        found = {each.rule.tag: _found(each.rule, passes) for each in kept}
        tags = [tag for tag in map(Tag.read, passes) if tag and tag.installation == installation and tag not in found]
        strays = tuple(Kept(Rule(tag=tag, address=ip_network(passes[tag.short][0]))) for tag in tags)
        return Listing(found, strays, PASSES_OF_A_GATE - len(passes))

    def apply(self, target: Target, kept: Kept) -> tuple[str, ...]:
        passes = SKY.asked(self._key, OPEN, target.identifier)
        name = kept.rule.tag.short
        if name not in passes and len(passes) >= PASSES_OF_A_GATE:
            raise Full("GateFull", Nimbus.hints["GateFull"])
        passes[name] = pass_for(kept.rule)
        SKY.answer()
        return (name,)

    def revoke(self, target: Target, kept: Kept) -> None:
        SKY.asked(self._key, OPEN, target.identifier).pop(kept.rule.tag.short, None)
        SKY.answer()


def pass_for(rule: Rule) -> Pass:
    return str(rule.address), rule.protocol.value, tuple(map(str, rule.ports))


def _found(rule: Rule, passes: Mapping[str, Pass]) -> Found:
    name, wanted = rule.tag.short, pass_for(rule)
    foreign = any(each == wanted for other, each in passes.items() if other != name)
    if name not in passes:
        return Found(State.ABSENT, foreign=foreign)
    return Found(State.PRESENT if passes[name] == wanted else State.EDITED, (name,), ours=True, foreign=foreign)
