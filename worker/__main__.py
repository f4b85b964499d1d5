"""`python -m worker`: serves what is due until SIGTERM. Start as many as you like, on as many machines."""

import os
import signal
import sys
from functools import partial

from api import log
from api.claims import new_slot
from api.database import AWAY, database
from api.key_ring import KeyRingError
from api.process import harden
from api.settings import Settings, SettingsError
from api.start import start
from worker import sweep
from worker.child import Child
from worker.parent import Parent, Process, load_sdks

CHILDREN = 2


def main() -> int:
    """Start and watch the processes. The exit code is 1, with a sentence, where they could not serve."""
    # Until the parent watches, nothing has begun that had to be ended. Nothing is raised either: what is loaded may
    # turn an exception, SystemExit too, into one of its own.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    harden()
    log.to_stderr()
    try:
        settings = Settings.from_environment()
        # Looked at before anything is forked: a wrong key ring or an old database stops the start.
        start(settings, connections=1)
    except (SettingsError, KeyRingError) as error:
        return _refuse(str(error))
    except AWAY as error:
        return _refuse(f"The database does not answer ({type(error).__name__}).")
    database.close_all()
    load_sdks(settings.ca_bundle)
    children = [Process(f"child {number}", partial(_serve, settings, new_slot())) for number in range(1, CHILDREN + 1)]
    return Parent([*children, Process("sweeper", lambda: sweep.run(settings))]).run()


def _serve(settings: Settings, slot: int) -> int:
    return Child(settings, slot).run()


def _refuse(sentence: str) -> int:
    sys.stderr.write(f"Error: {sentence}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
