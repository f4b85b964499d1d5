"""Whether workers are there: each of their processes says so every few seconds, in the database."""

import peewee

from api.database import Instant, database, delete, now, write

BEAT_SECONDS = 5
# Two beats may be late before a worker is missed.
_MISSED_SECONDS = 15


class Heartbeat(peewee.Model):
    """When a worker's process last said that it lives."""

    process = peewee.TextField(primary_key=True)
    seen_at = Instant()

    class Meta:
        database = database
        table_name = "worker_heartbeats"


def beat(process: str) -> None:
    """Say that `process` lives."""
    with write():
        Heartbeat.insert(process=process, seen_at=now()).on_conflict(
            conflict_target=["process"], update={"seen_at": now()}
        ).execute()


def leave(process: str) -> None:
    """Say that `process` ends."""
    with write():
        delete(Heartbeat, Heartbeat.process == process)


def worker_is_alive() -> bool:
    """Somebody serves what is due."""
    return bool(Heartbeat.select().where(Heartbeat.seen_at > now(-_MISSED_SECONDS)).exists())
