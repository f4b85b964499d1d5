"""The connections of this process to the clouds: one for each version of a credential, kept while it is used."""

import logging
import threading
import uuid
from collections import OrderedDict

from api.clouds import CLOUDS, Connection, Endpoints, Refused
from api.credentials.verdict import KeptSecret
from api.secret import Secret
from api.vault import SealBroken, Vault

_log = logging.getLogger(__name__)

# About 1 MB each at worst (an AWS client for each region); the least recently used goes first.
_MOST = 200


class Connections:
    """Opens a secret only where there is no connection made of it yet. Made after a fork, never carried over one."""

    def __init__(self, vault: Vault, endpoints: Endpoints) -> None:
        self._vault = vault
        self._endpoints = endpoints
        self._kept: OrderedDict[tuple[uuid.UUID, int], Connection] = OrderedDict()
        self._lock = threading.Lock()

    def to_cloud(self, secret: KeptSecret) -> Connection:
        """The connection that `secret` makes. Refused where it does not open, UnknownKey where its key is away."""
        name = (secret.credential_id, secret.version)
        with self._lock:
            connection = self._kept.pop(name, None)
            if connection is not None:
                self._kept[name] = connection
                return connection
        connection = CLOUDS[secret.provider].connect(self._opened(secret).reveal_json(), self._endpoints)
        with self._lock:
            self._kept[name] = connection
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return connection

    def drop(self, secret: KeptSecret) -> None:
        """Forget the connection: the cloud has refused it."""
        with self._lock:
            self._kept.pop((secret.credential_id, secret.version), None)

    def _opened(self, secret: KeptSecret) -> Secret:
        try:
            return secret.opened(self._vault)
        except SealBroken:
            # No cloud will mend it, so its owner is told, and the operator too: somebody writes to the database.
            _log.error(
                "secret %d of credential %s does not open: it was altered or moved in the database",
                secret.version,
                secret.credential_id,
            )
            raise Refused("SecretUnreadable", "the stored secret cannot be opened; set credentialData anew") from None
