"""Outside the API: whether the server lives, whether it can serve, and its figures for Prometheus."""

from collections.abc import Callable

import flask
import peewee
import redis
from playhouse.pool import MaxConnectionsExceeded
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from api import due, installation
from api.database import connection
from api.key_ring import KeyRingError
from api.lifecycle.due_rows import MODELS
from api.migrate import pending
from api.notify import redis_client
from api.server import Server, current_server
from api.start import check_key_ring, key_source
from api.targets import overdue
from api.workers import worker_is_alive

# Tables that are missing or of another version are as bad as a database that is away.
_DATABASE_FAILURES = (peewee.PeeweeException, MaxConnectionsExceeded)

blueprint = flask.Blueprint("health", __name__)


@blueprint.get("/healthz")
def alive() -> dict[str, str]:
    """The process lives; nothing else is asked"""
    return {"status": "alive"}


@blueprint.get("/readyz")
def ready() -> tuple[dict[str, object], int]:
    """Whether requests can be served: 200, or 503 with what is missing. Redis and the worker are missed, not needed"""
    server = current_server()
    needed: dict[str, Callable[[Server], bool]] = {"database": _database, "keyRing": _key_ring}
    missing = [name for name, there in needed.items() if not there(server)]
    helpful: dict[str, Callable[[Server], bool]] = {"redis": _redis, "worker": _worker, "installation": _installation}
    degraded = [] if missing else [name for name, there in helpful.items() if not there(server)]
    return {"ready": not missing, "missing": missing, "degraded": degraded}, 503 if missing else 200


@blueprint.get("/metrics")
def metrics() -> flask.Response:
    """What is due and how late it is, in Prometheus' text format"""
    registry = CollectorRegistry()
    rows = Gauge("entryguard_due_rows", "Rows that are due and not yet served", ["kind"], registry=registry)
    late = Gauge("entryguard_oldest_overdue_seconds", "How long the oldest of them waits", ["kind"], registry=registry)
    stuck = Gauge("entryguard_stuck_rows", "Rows that failed for two minutes or more", ["kind"], registry=registry)
    rules = Gauge("entryguard_overdue_rules", "Rules that should be gone and are not", registry=registry)
    oldest = Gauge("entryguard_oldest_overdue_rule_seconds", "How long one of them should be gone", registry=registry)
    undecided = Gauge("entryguard_copy_undecided", "1: a copy, or it may be: nothing is done", registry=registry)
    with connection():
        undecided.set(installation.obstacle() is not None)
        left = overdue.figures()
        rules.set(left.rules)
        oldest.set(left.oldest_seconds)
        for model in MODELS:
            figures = due.figures(model)
            kind = model._meta.table_name
            rows.labels(kind).set(figures.due_rows)
            late.labels(kind).set(figures.oldest_overdue_seconds)
            stuck.labels(kind).set(figures.stuck_rows)
    return flask.Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _database(_: Server) -> bool:
    try:
        return not pending()
    except _DATABASE_FAILURES:
        return False


def _key_ring(server: Server) -> bool:
    try:
        check_key_ring(key_source(server.settings).current())
    except (KeyRingError, *_DATABASE_FAILURES):
        return False
    return True


def _redis(server: Server) -> bool:
    try:
        return bool(redis_client(server.settings.redis_url).ping())
    except redis.RedisError:
        return False


def _worker(_: Server) -> bool:
    try:
        with connection():
            return worker_is_alive()
    except _DATABASE_FAILURES:
        return False


def _installation(_: Server) -> bool:
    """Whether anything may be done in a cloud."""
    try:
        with connection():
            return installation.obstacle() is None
    except _DATABASE_FAILURES:
        return False
