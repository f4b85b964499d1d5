"""Asking Google Cloud: the token endpoint proves the key, Resource Manager the permissions, Compute Engine the network.

Nothing is changed to find out what is permitted.
"""

import uuid
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import NoReturn

from google.cloud.compute_v1 import types

from api.clouds.base import Endpoints, Refused, Seen, Target, Verified
from api.clouds.gcp import SEE_NETWORK, Gcp
from api.clouds.gcp_clients import ONCE, GoogleClients
from api.clouds.gcp_errors import DENIED, SWITCHED_OFF, denied, lacking
from api.clouds.gcp_rules import FirewallRules, network_of
from api.clouds.rules import Kept, Listing

_VISIBLE_AT_MOST = 1000
_PAGE = 100


class GcpConnection:
    """One service account's key."""

    def __init__(self, secrets: Mapping[str, str], endpoints: Endpoints) -> None:
        self._google = GoogleClients(secrets, endpoints)
        # What a worker's lease of 20 s outlasts, as it does a silent cloud.
        self._rules = FirewallRules(self._google, 2 * endpoints.read_seconds)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a connection holds a secret: it is neither copied nor pickled")

    def verify(self, targets: Sequence[Target]) -> Verified:
        """Permissions are asked for the whole project: Google grants the ones on firewalls for nothing less."""
        self._google.renew_token()
        self._prove_permissions()
        self._look()
        return Verified(self._google.project)

    def inspect(self, target: Target) -> Seen:
        """Who may manage firewalls may not always see networks: the published minimum has no such permission.

        Without it, a firewall rule on the network proves that it is there. Where no rule does, the network is refused
        for want of the permission: nothing else that changes nothing tells whether it exists.
        """
        self._prove_permissions()
        request = types.GetNetworkRequest(project=self._google.project, network=target.identifier)
        try:
            network = self._google.ask(lambda: self._google.networks.get(request, **ONCE))
        except Refused as refusal:
            if refusal.code != DENIED:
                raise
        else:
            return _seen(target.identifier, network.description)
        if target.identifier not in self._networks_with_rules():
            raise denied([SEE_NETWORK])
        return _seen(target.identifier)

    def visible(self, region: str | None) -> list[Seen]:
        request = types.ListNetworksRequest(project=self._google.project, max_results=_PAGE)
        try:
            networks = self._google.ask(
                lambda: list(islice(self._google.networks.list(request, **ONCE), _VISIBLE_AT_MOST))
            )
        except Refused as refusal:
            if refusal.code != DENIED:
                raise
        else:
            return [_seen(network.name, network.description) for network in networks]
        return [_seen(name) for name in sorted(self._networks_with_rules())[:_VISIBLE_AT_MOST]]

    def rules(self, target: Target, installation: uuid.UUID, kept: Sequence[Kept]) -> Listing:
        return self._rules.listing(target, installation, kept)

    def apply(self, target: Target, kept: Kept) -> tuple[str, ...]:
        return self._rules.apply(target, kept)

    def revoke(self, target: Target, kept: Kept) -> None:
        self._rules.revoke(kept)

    def _prove_permissions(self) -> None:
        """Refused where one is missing. Where Resource Manager is switched off, only trying tells."""
        try:
            held = self._google.permissions_among(Gcp.permissions)
        except Refused as refusal:
            if refusal.code != SWITCHED_OFF:
                raise
        else:
            missing = [permission for permission in Gcp.permissions if permission not in held]
            if missing:
                raise lacking(missing)

    def _look(self) -> None:
        """Compute Engine may refuse whom Resource Manager lets pass: it is switched off, or not paid for."""
        request = types.ListFirewallsRequest(project=self._google.project, max_results=1)
        self._google.ask(lambda: self._google.firewalls.list(request, **ONCE))

    def _networks_with_rules(self) -> set[str]:
        return {network_of(firewall) for firewall in self._rules.every()}


def _seen(name: str, description: str = "") -> Seen:
    return Seen(name, name, description, None)
