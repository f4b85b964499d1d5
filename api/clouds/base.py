"""What a cloud is to EntryGuard: what it declares, what it can be asked, and the two ways in which asking fails.

Nothing here, nor in a cloud's declaration, imports an SDK: the API reads declarations, the workers connect.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Literal, Protocol

from api.clouds.rules import Kept, Listing

Kind = Literal["text", "multiline", "url", "uuid"]
Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Field:
    """One entry of `credentialData`. `kind` "url" marks an address that the server may be made to call.

    `max_length` is in characters. Where `allowed` is not empty, an address that is none of its values is unsafe;
    where it is empty, the caller decides by its own rules which addresses may be called. `usual` is what next to every
    credential has here, so that a typed form may leave it out.
    """

    name: str
    label: str
    help: str
    example: str
    secret: bool = False
    required: bool = True
    kind: Kind = "text"
    max_length: int = 256
    allowed: tuple[str, ...] = ()
    usual: str | None = None


@dataclass(frozen=True, slots=True)
class ResourceType:
    """A kind of object that a cloud's rules live on. `options` names what a resource's `config` may hold."""

    name: str
    label: str
    identifier_help: str
    identifier_example: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """One object in a cloud, by the names that the cloud knows it by."""

    region: str | None
    identifier: str
    resource_type: str


@dataclass(frozen=True, slots=True)
class Verified:
    """The cloud accepts the credential; `account` is whose it is.

    An AWS account, a GCP project, an Azure subscription, an APISIX gateway: within it an identifier names one object.
    """

    account: str


@dataclass(frozen=True, slots=True)
class Seen:
    """An object as the cloud shows it."""

    identifier: str
    name: str
    description: str
    region: str | None


def _nowhere(address: Address) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """What the operator decides about calls to the clouds. An endpoint of None is the public one.
    `may_be_called` judges the addresses of a host that a tenant names.

    `aws_region` is where AWS is asked as long as no resource names a region; it also tells the partition.
    The time limits are for one attempt, and calls are tried twice at most: a silent cloud costs twice `read_seconds`
    and less than a second between, which a worker's lease of 20 s must outlast.
    """

    aws: str | None = None
    aws_region: str = "us-east-1"
    gcp_token: str | None = None
    gcp_compute: str | None = None
    gcp_resource_manager: str | None = None
    azure_authority: str | None = None
    azure_resource_manager: str | None = None
    ca_bundle: Path | None = None
    may_be_called: Callable[[Address], bool] = _nowhere
    connect_seconds: float = 3.0
    read_seconds: float = 8.0


class Refused(Exception):
    """The cloud said no, and will say it again until somebody changes something.

    `code` is the cloud's own; `message` is our sentence, never the cloud's text; `missing` names permissions.
    """

    def __init__(self, code: str, message: str, missing: tuple[str, ...] = ()) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.missing = missing


class Full(Refused):
    """There is no room for one more rule: a quota of the cloud, which somebody must raise or make room in."""


class Unreachable(Exception):
    """The cloud did not answer, or not as itself: no verdict, to be asked again."""


class Unasked(Unreachable):
    """Nor was it asked to change anything: what has to be known first could not be had."""


class Unseen(Unreachable):
    """Nor does it show what has become of a change that it has answered."""


class Throttled(Unreachable):
    """The cloud asks to be asked less often."""


def _nothing() -> None:
    return


before_call: ContextVar[Callable[[], None]] = ContextVar("before_call", default=_nothing)
"""Called before each call to a cloud. Whoever works under a lease looks at it there: what it raises, the call's maker
lets through, and the call does not start."""


class Connection(Protocol):
    """One credential's way into its cloud. Every method ends in an answer, in Refused or in Unreachable.

    Good for several threads; never carried over a fork.
    """

    def verify(self, targets: Sequence[Target]) -> Verified:
        """Prove the credential without changing anything.

        What depends on an object is asked on `targets` in their order until one permits everything: a good credential
        costs few calls, and one that every target refuses costs two for each.
        """
        ...

    def inspect(self, target: Target) -> Seen:
        """Look at one object, and prove that rules on it may be changed. Changes nothing."""
        ...

    def visible(self, region: str | None) -> list[Seen]:
        """What the credential can see to choose from, 1,000 objects at most."""
        ...

    def rules(self, target: Target, installation: uuid.UUID, kept: Sequence[Kept]) -> Listing:
        """How the rules of `kept`, all of `installation`, stand on a target; one look, nothing changed."""
        ...

    def apply(self, target: Target, kept: Kept) -> tuple[str, ...]:
        """Let a rule's address through, and give the cloud's names of what is ours of it.

        Twice does no harm. What is ours and was edited is made right; what somebody else lets through already is left
        alone, and not ours. Raises Full where there is no room; what was made by then stays for the next attempt.
        """
        ...

    def revoke(self, target: Target, kept: Kept) -> None:
        """Take away what is ours of a rule, and nothing else. That there is nothing is no error."""
        ...


class Cloud(Protocol):
    """A cloud's declaration, and the door to it."""

    name: str
    label: str
    credential_type: str
    fields: tuple[Field, ...]
    resource_types: Mapping[str, ResourceType]
    needs_region: bool
    regions: tuple[str, ...]
    """What a person is offered to choose from; another one may be typed all the same."""
    permissions: tuple[str, ...]
    hints: Mapping[str, str]
    """What an error means, by the cloud's code."""
    remedies: Mapping[str, str]
    """What a person does about an error, by the cloud's code."""
    settling: frozenset[str]
    """The codes with which the cloud may refuse a key or a policy that it has just made, until all of it has heard."""
    gone: frozenset[str]
    """The codes that mean that the object itself is no more, and so no rule of ours on it."""
    writes_whole: bool
    """Whether a change writes all of an object's entries at once, so that a late one brings back what is gone.

    They are a list of addresses without tags: whose one is only the rows tell.
    """
    policy_use: str
    """What a person does with what `policy` gives, in a sentence or two."""

    def __hash__(self) -> int: ...

    def check_identifier(self, resource_type: str, identifier: str) -> str | None:
        """A sentence saying how a `resourceIdentifier` looks, or None if this one does. Asks nobody."""
        ...

    def policy(self, targets: Sequence[Target], account: str | None = None) -> dict[str, object]:
        """The least privilege for `targets`, in the cloud's own language; for every object if there are none."""
        ...

    def preload(self) -> None:
        """Load the SDK and what it reads lazily, so that forked children share it."""
        ...

    def connect(self, secrets: Mapping[str, str], endpoints: Endpoints) -> Connection:
        """A connection made of an opened `credentialData`. Asks nobody yet."""
        ...
