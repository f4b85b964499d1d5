"""The API as one process of the HTTP server makes it, with the settings from the environment."""

import os

from api import log
from api.app import create_app
from api.intake import Intake
from api.process import die_with_parent, harden
from api.server import server_of
from api.settings import Settings
from api.start import start

THREADS = 8
# Fewer than the 1,024 files that a process may usually open. Each may hold one body: 200 MiB where all of them do.
CONNECTIONS = 800
# Each thread holds one while it answers; the rest is for /readyz and /metrics beside them.
_DATABASE_CONNECTIONS = THREADS + 2


def application() -> Intake:
    """The ASGI application; the process ends with the one that started it."""
    die_with_parent(os.getppid())
    harden()
    log.to_stderr()
    settings = Settings.from_environment()
    app = create_app(settings, start(settings, _DATABASE_CONNECTIONS), THREADS)
    return Intake(app, THREADS, stopping=server_of(app).waiting_room.close)
