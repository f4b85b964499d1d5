"""The API as one process of the HTTP server makes it, with the settings from the environment."""

import os

import flask

from api import log
from api.app import create_app
from api.process import call_at_signal, die_with_parent, harden
from api.server import server_of
from api.settings import Settings
from api.start import start

THREADS = 8
# Each thread holds one connection while it answers; the rest is for /readyz and /metrics beside them.
_CONNECTIONS = THREADS + 2


def application() -> flask.Flask:
    """The WSGI application; the process ends with the one that started it."""
    die_with_parent(os.getppid())
    harden()
    log.to_stderr()
    settings = Settings.from_environment()
    app = create_app(settings, start(settings, _CONNECTIONS), THREADS)
    call_at_signal(server_of(app).waiting_room.close)
    return app
