"""A cloud that does what a test says. It implements the clouds' protocol, as AWS does, and lives in this process."""

import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_network
from typing import Any

from api.clouds import Cloud, Connection, Endpoints, Field, Refused, ResourceType, Seen, Target, Verified
from api.clouds.base import before_call
from api.clouds.rules import Found, Kept, Listing, Rule, State, Tag

WRONG_KEY = Refused("InvalidClientTokenId", "the access key is not known")
MISSING = Refused("UnauthorizedOperation", "missing may:open", ("may:open",))
NOT_THERE = Refused("InvalidGroup.NotFound", "there is no such group")

_NOBODY = ip_network("192.0.2.1/32")  # TEST-NET-1, RFC 5737

Answer = Callable[[], object] | Exception | None


class MadeUpCloud:
    """Accepts every key and shows every object, but for those that a test gave an answer to.

    An answer is an exception to raise, or something to do first. `calls` counts what was asked, by key or identifier;
    about rules by `list`, `apply` and `revoke` too. hides: what a listing does not show though it is in `rules`; None:
    nothing.
    """

    name = "AWS"
    label = "Made up"
    credential_type = "ACCESS_KEY"
    fields: tuple[Field, ...] = ()
    resource_types: Mapping[str, ResourceType] = {"SECURITY_GROUP": ResourceType("SECURITY_GROUP", "group", "", "")}
    needs_region = True
    regions: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ("may:open",)
    hints: Mapping[str, str] = {}
    remedies: Mapping[str, str] = {}
    settling: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset({NOT_THERE.code})
    writes_whole = False
    policy_use = ""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.calls: Counter[str] = Counter()
        self.connections = 0
        self.rules: dict[Tag, State] = {}
        self.hides: Callable[[Tag], bool] | None = None
        self.free: int | None = None
        self.deeds: list[tuple[str, Tag]] = []

    def answer(self, name: str) -> None:
        before_call.get()()
        self.calls[name] += 1
        answer = self.answers.get(name)
        if isinstance(answer, Exception):
            raise answer
        if answer is not None:
            answer()

    def check_identifier(self, resource_type: str, identifier: str) -> str | None:
        return None

    def policy(self, targets: Sequence[Target], account: str | None = None) -> dict[str, object]:
        return {}

    def preload(self) -> None:
        return

    def connect(self, secrets: Mapping[str, str], endpoints: Endpoints) -> Connection:
        self.connections += 1
        return _MadeUpConnection(self, secrets.get("accessKeyId", ""))


class _MadeUpConnection:
    def __init__(self, cloud: MadeUpCloud, key: str) -> None:
        self._cloud = cloud
        self._key = key

    def verify(self, targets: Sequence[Target]) -> Verified:
        """Refuses where every target is refused for a missing permission, as the protocol says."""
        self._cloud.answer(self._key)
        refusals = [self._cloud.answers.get(target.identifier) for target in targets]
        if refusals and all(isinstance(refusal, Refused) and refusal.missing for refusal in refusals):
            raise MISSING
        return Verified(f"account of {self._key}")

    def inspect(self, target: Target) -> Seen:
        self._cloud.answer(target.identifier)
        return Seen(target.identifier, "group", "", target.region)

    def visible(self, region: str | None) -> list[Seen]:
        self._cloud.answer(region or "")
        return [Seen("sg-1", "web", "the web servers", region)]

    def rules(self, target: Target, installation: uuid.UUID, kept: Sequence[Kept]) -> Listing:
        self._cloud.answer(target.identifier)
        self._cloud.answer("list")
        hides = self._cloud.hides or (lambda tag: False)
        there = {tag: state for tag, state in self._cloud.rules.items() if not hides(tag)}
        found = {each.rule.tag: _found(each.rule.tag, there.get(each.rule.tag, State.ABSENT)) for each in kept}
        strays = [tag for tag in there if tag.installation == installation and tag not in found]
        return Listing(found, tuple(Kept(Rule(tag=tag, address=_NOBODY)) for tag in strays), self._cloud.free)

    def apply(self, target: Target, kept: Kept) -> tuple[str, ...]:
        self._change("apply", target, kept)
        self._cloud.rules[kept.rule.tag] = State.PRESENT
        return (kept.rule.tag.short,)

    def revoke(self, target: Target, kept: Kept) -> None:
        self._change("revoke", target, kept)
        self._cloud.rules.pop(kept.rule.tag, None)

    def _change(self, deed: str, target: Target, kept: Kept) -> None:
        self._cloud.answer(target.identifier)
        self._cloud.deeds.append((deed, kept.rule.tag))
        self._cloud.answer(deed)


def _found(tag: Tag, state: State) -> Found:
    return Found(state) if state is State.ABSENT else Found(state, (tag.short,), ours=True)


def slow(seconds: float) -> Callable[[], None]:
    """An answer that takes its time."""
    return lambda: time.sleep(seconds)


def as_clouds(cloud: Cloud) -> Mapping[str, Any]:
    """What takes the place of the list of clouds."""
    return {cloud.name: cloud}
