"""Which addresses a session is for: the caller's own, unless an administrator says otherwise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import NoReturn

from api.accounts.models import Organisation
from api.actor import Actor
from api.database import current_time
from api.errors import InvalidInput, NotAllowed
from api.network import Address, Network, obstacle_to, parse_address
from api.sessions.proofs import proven
from api.settings import Settings

ADMIN = "ORG_ADMIN"

_FIELDS = {4: "ipv4Address", 6: "ipv6Address"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedAddresses:
    """What a caller says of the addresses to let in. proofs: of those that another connection of his has shown."""

    ipv4_address: Network | None = None
    ipv6_address: Network | None = None
    proofs: Sequence[str] | None = None

    @property
    def named(self) -> Mapping[int, Network]:
        """What is named outright, by its IP version."""
        given = {4: self.ipv4_address, 6: self.ipv6_address}
        return {version: network for version, network in given.items() if network is not None}


def chosen(
    actor: Actor, wanted: WantedAddresses, organisation: Organisation, settings: Settings
) -> Mapping[int, Network]:
    """The networks to let in, one at most of each IP version. Nothing named: all that the caller is seen to have.

    Raises InvalidInput, and NotAllowed for an address that is not the caller's own, unless he is an administrator.
    """
    own = _own(actor, wanted.proofs or (), settings)
    networks = wanted.named or {version: ip_network(address) for version, address in own.items()}
    for version, network in networks.items():
        _check_is_own(actor, network, own.get(version))
        _check_width(network, organisation)
        if obstacle := obstacle_to(network, settings.session_allowed_networks):
            _refuse(network, obstacle)
    return dict(sorted(networks.items()))


def detected(actor: Actor) -> Address:
    """Where the caller is seen."""
    return parse_address(actor.ip_address or "")


def _own(actor: Actor, proofs: Sequence[str], settings: Settings) -> Mapping[int, Address]:
    """The addresses that the caller is seen at, by IP version: on this connection, and by what he has proofs of."""
    moment = current_time()
    shown: dict[int, Address] = {}
    for proof in proofs:
        address = proven(proof, actor.caller, moment, settings.cookie_secret)
        if address.version in shown:
            raise InvalidInput("proofs: one of each IP version", {"proofs": ["one of each IP version"]})
        shown[address.version] = address
    connected = detected(actor)
    return {connected.version: connected, **shown}


def _check_is_own(actor: Actor, network: Network, own: Address | None) -> None:
    if actor.role != ADMIN and (own is None or own not in network):
        raise NotAllowed(
            "Only an ORG_ADMIN may let in another address than their own; GET /detect-ip shows yours, with a proof"
        )


def _check_width(network: Network, organisation: Organisation) -> None:
    widest = organisation.widest_ipv4_prefix if network.version == 4 else organisation.widest_ipv6_prefix
    if network.prefixlen >= widest:
        return
    if widest == network.max_prefixlen:
        _refuse(network, "must be a single address")
    _refuse(network, f"must be a single address, or a network of /{widest} or smaller")


def _refuse(network: Network, reason: str) -> NoReturn:
    field = _FIELDS[network.version]
    raise InvalidInput(f"{field}: {reason}", {field: [reason]})
