"""`entryguard-server doctor`"""

import click
import redis

from api import due, installation, migrate
from api.commands.operator import settings_with_database, told_plainly
from api.database import connection
from api.key_ring import KeyRingError
from api.lifecycle.due_rows import MODELS
from api.notify import redis_client
from api.settings import Settings
from api.start import check_key_ring, key_source
from api.targets import overdue
from api.workers import worker_is_alive

_NO_WORKER = "No worker is there, so nothing is opened, closed or verified. Start `entryguard-server worker`."


@click.command()
@click.pass_context
def doctor(context: click.Context) -> None:
    """Say what is configured, reachable and overdue. Exits 1 where something needs you."""
    with told_plainly():
        settings = settings_with_database()
        with connection():
            # Without its tables there is nothing else to ask a database about.
            troubles = _tables() or [*_copy(), *_keys(settings), *_neighbours(settings), *_late()]
    for trouble in troubles:
        click.echo(f"✗ {trouble}")
    if troubles:
        context.exit(1)
    click.echo("✓ The tables, the key ring, Redis and the workers are well, and nothing is overdue.")


def _tables() -> list[str]:
    scripts = migrate.pending()
    return [f"The database lacks {', '.join(scripts)}. Run `entryguard-server migrate`."] if scripts else []


def _copy() -> list[str]:
    return [installation.UNDECIDED] if installation.is_undecided() else []


def _keys(settings: Settings) -> list[str]:
    try:
        check_key_ring(key_source(settings).current())
    except KeyRingError as error:
        return [str(error)]
    return []


def _neighbours(settings: Settings) -> list[str]:
    troubles = []
    try:
        redis_client(settings.redis_url).ping()
    except redis.RedisError as error:
        troubles.append(f"Redis does not answer ({type(error).__name__}). Work goes on, later; limits are looser.")
    if not worker_is_alive():
        troubles.append(_NO_WORKER)
    return troubles


def _late() -> list[str]:
    troubles = _left_in_a_cloud()
    for model in MODELS:
        if stuck := due.figures(model).stuck_rows:
            kind = model._meta.table_name
            troubles.append(f"{stuck} {kind} have failed for two minutes or more. The worker's log says why.")
    return troubles


def _left_in_a_cloud() -> list[str]:
    left = overdue.figures()
    if not left.rules:
        return []
    reason = next(iter(overdue.reasons(1).values()), None) or "nobody has looked at it yet"
    oldest = f"the oldest for {left.oldest_seconds // 60:.0f} minutes ({reason})"
    return [f"Rules that should be gone and are still in a cloud: {left.rules}, {oldest}. The worker's log names them."]
