"""The worker that `clouds.py` measures: a parent that has loaded what all share, and one child forked of it."""

import json
import os
import socket
import statistics
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from api.credentials.models import Credential
from api.credentials.verdict import secret_to_try
from api.database import connection, database
from api.due import Priority
from api.lifecycle.targets import targets_of
from api.process import die_with_parent, harden
from api.settings import Settings
from api.start import start
from tests.rows import make_due
from worker.connections import Connections
from worker.drain import THREADS, Drain
from worker.parent import load_sdks
from worker.verify import Verifier, endpoints_of

ROUNDS = 5
_VERDICTS_SECONDS = 120


@dataclass(frozen=True)
class Cost:
    """Of a verification, the median milliseconds: all, waited for the cloud, our own, and of the CPU."""

    whole: float
    waited: float
    own: float
    cpu: float


class Meter:
    """Tells a cloud's own time from ours: a thread waits for an answer where it reads one, above TLS."""

    def __init__(self) -> None:
        self._waited = 0.0
        read = socket.SocketIO.readinto

        def timed_read(link: socket.SocketIO, buffer: Any) -> int | None:
            begun = _elapsed()
            try:
                return read(link, buffer)
            finally:
                self._waited += _elapsed() - begun

        socket.SocketIO.readinto = timed_read  # type: ignore[method-assign,assignment]

    def cost_of(self, deeds: Sequence[Callable[[], object]]) -> Cost:
        measured = [self._measured(deed) for deed in deeds]
        columns = [statistics.median(column) * 1000 for column in zip(*measured, strict=True)]
        return Cost(*columns)

    def _measured(self, deed: Callable[[], object]) -> tuple[float, float, float, float]:
        waited, cpu, begun = self._waited, time.process_time(), _elapsed()
        deed()
        took, waited = _elapsed() - begun, self._waited - waited
        return took, waited, took - waited, time.process_time() - cpu


class Child:
    """What `worker.child.Child` is made of, with its threads, told here what to do next."""

    def __init__(self, settings: Settings) -> None:
        self._connections = Connections(start(settings, THREADS + 2), endpoints_of(settings))
        self._verifier = Verifier(self._connections, settings.reverify_minutes * 60)

    def report(self, ids: Mapping[str, Sequence[uuid.UUID]]) -> dict[str, Any]:
        memory = {"no cloud": private_megabytes()}
        drain = Drain(self._verifier)
        drain.start()
        for cloud, its in ids.items():
            self._verify(its, drain)
            memory[cloud] = private_megabytes()
        drain.stop()
        while drain.is_running:
            time.sleep(0.1)
        meter = Meter()
        costs = {cloud: self._costs(its, meter) for cloud, its in ids.items()}
        return {"memory": memory, "costs": costs}

    def _verify(self, ids: Sequence[uuid.UUID], drain: Drain) -> None:
        with connection():
            make_due(*Credential.select().where(Credential.id.in_(ids)))
            drain.look()
            until = time.monotonic() + _VERDICTS_SECONDS
            valid = Credential.select().where(Credential.id.in_(ids), Credential.is_valid)
            while valid.count() < len(ids):
                if time.monotonic() > until:
                    reasons = Credential.select(Credential.last_failure, Credential.verification_error)
                    raise SystemExit(f"not valid: {set(reasons.where(Credential.id.in_(ids)).tuples())}")
                time.sleep(0.05)

    def _costs(self, ids: Sequence[uuid.UUID], meter: Meter) -> dict[str, Any]:
        drain = Drain(self._verifier)
        deeds: list[Callable[[], object]] = [partial(self._serve, drain)] * len(ids)
        served, asked = [], []
        with connection():
            alone = [self._verification(credential_id) for credential_id in ids]
            rows = list(Credential.select().where(Credential.id.in_(ids)))
        for _ in range(ROUNDS):
            with connection():
                make_due(*rows)
            served.append(meter.cost_of(deeds))
            asked.append(meter.cost_of(alone))
        return {"worker": asdict(_least(served)), "adapter": asdict(_least(asked))}

    def _verification(self, credential_id: uuid.UUID) -> Callable[[], object]:
        secret = secret_to_try(credential_id)
        if secret is None:
            raise SystemExit("a credential is gone")
        return partial(self._connections.to_cloud(secret).verify, targets_of(credential_id))

    def _serve(self, drain: Drain) -> None:
        if not drain.serve_one(tuple(Priority)):
            raise SystemExit("nothing is due")


def private_megabytes() -> float:
    """What this process has for itself, and shares with no parent."""
    lines = Path("/proc/self/smaps_rollup").read_bytes().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(b"Private_")) / 1024


def _elapsed() -> float:
    """The seconds that have gone by, less those in which this thread waited for a core: somebody else had it."""
    delayed = int(Path("/proc/thread-self/schedstat").read_bytes().split()[1])
    return time.perf_counter() - delayed / 1e9


def _least(costs: Sequence[Cost]) -> Cost:
    return min(costs, key=lambda cost: cost.own)


def main() -> None:
    """Fork a child as `worker.parent` does, and have it write its report as JSON."""
    harden()
    settings = Settings.from_environment()
    ids = {cloud: [uuid.UUID(each) for each in its] for cloud, its in json.loads(sys.argv[1]).items()}
    start(settings, connections=1)
    database.close_all()
    load_sdks(settings.ca_bundle)
    parent = os.getpid()
    if child := os.fork():
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    die_with_parent(parent)
    report = Child(settings).report(ids)
    sys.stdout.write(json.dumps(report))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
