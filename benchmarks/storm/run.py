"""One run from its beginning to its end."""

import base64
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from api.database import bind, database
from api.migrate import migrate
from benchmarks.storm import rows
from benchmarks.storm.absence import Absence
from benchmarks.storm.company import founded
from benchmarks.storm.crowd import Crowd
from benchmarks.storm.figures import Figures
from benchmarks.storm.landscape import Landscape
from benchmarks.storm.plan import AFTER_SECONDS, Kill, Mode, Plan, kills, visits
from benchmarks.storm.site import Site
from benchmarks.storm.stage import Seen, Stage
from benchmarks.storm.verdict import figures_of
from benchmarks.storm.watch import Watch
from tests.clouds.every_cloud import Clouds, every_cloud
from tests.postgresql_server import postgresql_server
from tests.served_api import NO_REDIS
from tests.server_process import settings_for
from tests.valkey_server import ValkeyServer, running_valkey

_BASE = "/api/v1"
_REST_SECONDS = 180.0
_NO_LIMITS = ";".join(f"{name}=1000000/minute" for name in ("address", "caller", "write", "login", "login-name"))


def run(plan: Plan, keep_logs: Path | None = None) -> Figures:
    """Do what is planned, and tell what came of it. `keep_logs`: a folder for what the processes said."""
    with ExitStack() as stack:
        folder = keep_logs or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="eg-storm-")))
        folder.mkdir(parents=True, exist_ok=True)
        clouds = stack.enter_context(every_cloud())
        url = stack.enter_context(_migrated(folder))
        valkey = None if plan.mode is Mode.REDIS_AWAY else stack.enter_context(running_valkey())
        landscape = Landscape(clouds, folder, plan.seed)
        site = stack.enter_context(Site(_settings(url, valkey, clouds, folder), folder, valkey).running())

        def send(method: str, path: str, body: Any = None, headers: Any = None) -> tuple[int, Any]:
            return site.api.ask(method, _BASE + path, body, headers)

        company = founded(send, landscape, plan.callers)
        return _played(Stage(plan, landscape, site, company, Watch(landscape), Crowd(send, company)))


def _played(stage: Stage) -> Figures:
    load = [os.getloadavg()[0]]
    failures: list[str] = []
    absence = Absence(stage.landscape, stage.site, stage.company, stage.plan.away_seconds)
    with ExitStack() as stack:
        stack.enter_context(stage.watch.watching())
        if stage.plan.mode is Mode.STORM:
            stack.enter_context(stage.landscape.failing())
        if stage.plan.mode is Mode.CLOUD_AWAY:
            stack.enter_context(absence.passing())
        _storm(stage, failures)
        load.append(os.getloadavg()[0])
        if stage.plan.mode is Mode.CLOUD_AWAY:
            _wait_for_return(absence)
        _come_to_rest()
        time.sleep(AFTER_SECONDS)
        load.append(os.getloadavg()[0])
        stage.watch.moves.clear()
    seen = Seen(load=load, failures=[*failures, *stage.watch.failures], absence=absence)
    return figures_of(stage, seen)


def _storm(stage: Stage, failures: list[str]) -> None:
    """All sessions, and all kills beside them."""
    began = time.monotonic()
    killer = threading.Thread(target=_kill, args=(stage.site, kills(stage.plan), began, failures), daemon=True)
    killer.start()
    stage.crowd.come(visits(stage.plan), began)
    stage.crowd.leave()
    killer.join()


def _kill(site: Site, plan: Sequence[Kill], began: float, failures: list[str]) -> None:
    for one in plan:
        time.sleep(max(0.0, began + one.at - time.monotonic()))
        try:
            site.strike(one)
        except RuntimeError as error:
            failures.append(str(error))


def _wait_for_return(absence: Absence) -> None:
    while absence.back_at == float("inf"):
        time.sleep(0.5)


def _come_to_rest() -> None:
    until = time.monotonic() + _REST_SECONDS
    while not rows.are_at_rest() and time.monotonic() < until:
        time.sleep(0.5)


@contextmanager
def _migrated(logs: Path) -> Iterator[str]:
    """The URL of a PostgreSQL database of the run's own, which this process is bound to."""
    with postgresql_server("log_lock_waits = on", "autovacuum = on") as server:
        bind(server.get_uri())
        migrate()
        yield server.get_uri()
        database.close_all()
        shutil.copy(server.log, logs / "postgresql.log")


def _settings(url: str, valkey: ValkeyServer | None, clouds: Clouds, folder: Path) -> dict[str, str]:
    ring = f"first:{base64.b64encode(os.urandom(32)).decode()}"
    return {
        **settings_for(url, valkey.url if valkey else NO_REDIS, clouds.aws.endpoint, ring),
        **clouds.settings(folder),
        "ENTRYGUARD_TRUSTED_PROXIES": "1",
        "ENTRYGUARD_RATE_LIMITS": _NO_LIMITS,
        "ENTRYGUARD_SESSION_MIN_SECONDS": "1",
    }
