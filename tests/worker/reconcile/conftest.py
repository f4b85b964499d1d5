"""A bench at the made-up cloud, where anything may happen between two steps of a turn."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from api.clouds import Endpoints, Refused
from api.clouds import Target as CloudTarget
from api.clouds.base import Throttled
from api.credentials.models import Credential
from api.database import write
from api.due import Priority
from api.sessions.models import Session
from tests.worker.bench import Bench, bench_at
from tests.worker.made_up_cloud import MadeUpCloud, as_clouds
from worker.drain import Drain

LATE = Throttled("the cloud asks to be asked less often")
FORBIDDEN = Refused("UnauthorizedOperation", "missing may:open", ("may:open",))


@dataclass
class MadeUpSite:
    """Groups of the made-up cloud."""

    cloud: MadeUpCloud
    endpoints: Endpoints = field(default_factory=Endpoints)
    shares: bool = True

    def credential_data(self) -> dict[str, str]:
        return {"accessKeyId": "good key", "secretAccessKey": "a secret"}

    def target(self) -> CloudTarget:
        return CloudTarget("eu-central-1", f"sg-{uuid.uuid4().hex[:17]}", "SECURITY_GROUP")


@pytest.fixture
def bench(db: str, cloud: MadeUpCloud, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr("worker.turn.CLOUDS", as_clouds(cloud))
    return bench_at(MadeUpSite(cloud))  # type: ignore[arg-type] # it has what these tests use


def serve_one(bench: Bench) -> bool:
    return Drain(bench.worker).serve_one(tuple(Priority))


def during(cloud: MadeUpCloud, deed: str, happens: Callable[[], object]) -> None:
    """Let something happen while the cloud is asked for the next deed of that kind."""

    def once() -> None:
        del cloud.answers[deed]
        happens()

    cloud.answers[deed] = once


def put(row: Credential | Session, **columns: Any) -> None:
    with write():
        type(row).update(**columns).where(type(row).id == row.id).execute()
