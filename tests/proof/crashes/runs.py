"""A run: a process does a deed and dies, others are started, and what they leave is looked at."""

import dataclasses
import json
import os
import shutil
import signal
import threading
import traceback
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher

from api import installation
from api.accounts import passwords
from api.app import create_app
from api.database import connection, database
from api.due import LEASE_SECONDS
from api.key_ring_file import KeyRingFile
from api.secret import Secret
from api.settings import Settings
from api.start import start
from api.vault import Vault
from tests.proof.crashes.cloud import Cloud
from tests.proof.crashes.deed import Deed
from tests.proof.crashes.every_deed import DEEDS
from tests.proof.crashes.outcome import outcome
from tests.proof.crashes.points import Points
from tests.proof.crashes.settled import due_soon, wrongs
from tests.proof.crashes.settled_rules import end_all, told_too_early, wrongs_of_rules
from tests.proof.crashes.site import PASSWORD, It, Site
from worker.parent import load_sdks

# Until then the leases of the dead have run out, and what was postponed is due.
_PAUSE_SECONDS = LEASE_SECONDS + 1
_MOST_PAUSES = 8
_LONGEST_LIFE_SECONDS = 180
_CONNECTIONS = 4

Told = dict[str, Any]


class Ground:
    """Where all runs of one engine take place."""

    def __init__(self, told: Told, points: Points) -> None:
        self._environment: dict[str, str] = told["environment"]
        self._clouds = {name: Cloud(**described) for name, described in told["clouds"].items()}
        self._points = points
        self._settings = Settings.from_environment(self._environment)
        assert self._settings.key_ring_file is not None
        self._ring = self._settings.key_ring_file
        # With one thread nobody may wait for a verdict: no worker is there beside the API.
        self._app = create_app(self._settings, Vault(KeyRingFile(self._ring)), threads=1)
        # People sign in in each life; what production's parameters cost is tested elsewhere.
        passwords._HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        self._password_hash = passwords.hashed(Secret.of_text(PASSWORD))
        load_sdks(self._settings.ca_bundle)
        if threading.active_count() > 1 or database.obj is not None:
            raise RuntimeError("a fork would carry a thread or a connection over")

    def run(self, asked: Told) -> Told:
        """Do `asked["deed"]`, die at the point `asked["die at"]` or not at all, and go on as after a crash."""
        deed, run = DEEDS[asked["deed"]], uuid.uuid4().hex[:12]
        cloud = self._clouds[deed.cloud]
        if deed.opens:
            cloud = dataclasses.replace(cloud, new_resource=asked["object"])
        site = self._site(run, cloud, asked.get("database"))
        first = _life(lambda say: self._first(site, deed, asked["die at"], say))
        has_died = first.pop("exit") != 0
        if "error" in first:
            return {**first, "died": has_died}
        second = _life(lambda say: self._second(site, deed, first.pop("it"), has_died, say))
        if site.settings.key_ring_file not in (None, self._ring):
            shutil.rmtree(site.settings.key_ring_file.parent)
        return {**first, **second, "died": has_died}

    def _site(self, run: str, cloud: Cloud, url: str | None) -> Site:
        """Where this run takes place; with a database of its own it has a key ring of its own too."""
        environment, settings = self._environment, self._settings
        if url is not None:
            folder = self._ring.parent / run
            folder.mkdir()
            ring = Path(shutil.copy(self._ring, folder))
            environment = environment | {"ENTRYGUARD_DATABASE_URL": url, "ENTRYGUARD_KEY_RING_FILE": str(ring)}
            settings = dataclasses.replace(settings, database_url=url, key_ring_file=ring)
        vault = Vault(KeyRingFile(self._ring))
        return Site(run, settings, environment, self._app, cloud, vault, self._password_hash)

    def _first(self, site: Site, deed: Deed, die_at: int | None, say: Callable[[Told], None]) -> None:
        it: It = {}
        if deed.database != "empty":
            site.vault = start(site.settings, _CONNECTIONS)
            it = site.found()
        if deed.database == "shared":
            with connection():
                installation.may_work()  # so that no deed is the first that looks
        deed.prepare(site, it)
        told = {"it": it, "points": self._points.passed, "wrong": self._points.wrong}
        self._points.arm(die_at, lambda: say(told))
        deed.act(site, it)
        self._points.disarm()
        say({**told, "opened": sorted(self._points.opened)})

    def _second(self, site: Site, deed: Deed, it: It, has_died: bool, say: Callable[[Told], None]) -> None:
        site.pass_time(_PAUSE_SECONDS)
        if deed.database != "empty":
            site.vault = start(site.settings, _CONNECTIONS)
        early: list[str] = []
        if deed.opens:
            with connection():
                early = told_too_early(site)
        site.is_repeating = has_died
        if has_died:
            deed.again(site, it)
        if deed.database != "shared":  # its key ring may be another one by now
            site.vault = start(site.settings, _CONNECTIONS)
        with connection():
            _settle(site)
        deed.ends(site, it)
        with connection():
            left = outcome(site.run, site.cloud, site.vault, deed.retold)
            state = [*early, *wrongs(site.run, site.cloud, site.vault), *wrongs_of_rules(site)]
            if end_all(site):
                _settle(site)
                state += [f"at last {each}" for each in wrongs_of_rules(site)]
            say({"left": left, "state": state})


def _settle(site: Site) -> None:
    """Serve and sweep until nothing is due but re-checks."""
    for _ in range(_MOST_PAUSES):
        site.serve()
        site.sweep()
        if not due_soon(site.run):
            return
        site.pass_time(_PAUSE_SECONDS)


def _life(live: Callable[[Callable[[Told], None]], None]) -> Told:
    """What a process said that lives like this, and its exit code."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        _live(live, writing)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    _, status = os.waitpid(pid, 0)
    told: Told = json.loads(said) if said else {"error": "it died without a word"}
    return {**told, "exit": os.waitstatus_to_exitcode(status)}


def _live(live: Callable[[Callable[[Told], None]], None], writing: int) -> None:
    def say(told: Told) -> None:
        with os.fdopen(writing, "w") as pipe:
            json.dump(told, pipe)

    signal.alarm(_LONGEST_LIFE_SECONDS)
    try:
        live(say)
    except BaseException:  # noqa: BLE001 - a child never goes on as a second runner
        say({"error": traceback.format_exc()})
    finally:
        os._exit(0)
