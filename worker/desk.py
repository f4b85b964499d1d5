"""Who serves which kind of row."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from api.due import Claim, DueModel
from api.lifecycle import expiry
from api.sessions import service as sessions
from api.sessions.models import Session
from api.settings import Settings
from api.static_rules.models import StaticRule
from api.vault import Vault
from worker.connections import Connections
from worker.lease import Lease
from worker.reconcile import Reconciler
from worker.verify import Verifier, endpoints_of


class Servant(Protocol):
    """Serves claims on some kinds of rows. Safe for several threads."""

    @property
    def models(self) -> Sequence[type[DueModel]]:
        """The kinds of rows that `serve` knows what to do with."""
        ...

    def serve(self, lease: Lease) -> None:
        """Do what the claimed row wants, and record it. Raises LostClaim, Stopping."""
        ...


class Expirer:
    """Ends what is due because its time is up. No cloud is asked: that is the targets' turn."""

    def __init__(self) -> None:
        self._ends: Mapping[type[DueModel], Callable[[Claim], None]] = {
            Session: sessions.expire,
            StaticRule: expiry.expire_static_rule,
        }

    @property
    def models(self) -> Sequence[type[DueModel]]:
        return tuple(self._ends)

    def serve(self, lease: Lease) -> None:
        self._ends[lease.claim.model](lease.claim)


class Desk:
    """Hands each claim to the one whose it is. Of what is equally urgent, the first one's is served first."""

    def __init__(self, *servants: Servant) -> None:
        self._servants = {model: servant for servant in servants for model in servant.models}

    @property
    def models(self) -> Sequence[type[DueModel]]:
        return tuple(self._servants)

    def serve(self, lease: Lease) -> None:
        self._servants[lease.claim.model].serve(lease)


def desk_for(settings: Settings, vault: Vault) -> Desk:
    """All that this installation serves, as its operator wants it done."""
    connections = Connections(vault, endpoints_of(settings))
    return Desk(
        # Needs milliseconds and no cloud: behind the targets, each end would wait for the clouds that are slow.
        Expirer(),
        Verifier(connections, settings.reverify_minutes * 60),
        Reconciler(connections, settings.drift_minutes * 60),
    )
