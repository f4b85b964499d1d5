"""The API as one process of the HTTP server makes it, with the settings from the environment."""

import os

import flask

from api import log
from api.app import create_app
from api.process import die_with_parent, harden
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
    return create_app(settings, start(settings, _CONNECTIONS), THREADS)
