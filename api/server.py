"""What the requests of one API process share."""

from dataclasses import dataclass
from typing import cast

import flask

from api.settings import Settings
from api.vault import Vault
from api.wait import WaitingRoom

_NAME = "entryguard"


@dataclass(frozen=True, slots=True)
class Server:
    """The settings, the vault, and how many requests may wait for a verdict at once."""

    settings: Settings
    vault: Vault
    waiting_room: WaitingRoom

    def attach(self, app: flask.Flask) -> None:
        app.extensions[_NAME] = self


def current_server() -> Server:
    """The server that the request at hand is for."""
    return server_of(flask.current_app)


def server_of(app: flask.Flask) -> Server:
    """The server that `app` was made for."""
    return cast(Server, app.extensions[_NAME])
