"""`entryguard-server doctor`"""

import click
import redis

from api import due, installation, migrate
from api.commands.operator import settings_with_database, told_plainly
from api.credentials.models import Credential, TargetListing
from api.database import connection
from api.key_ring import KeyRingError
from api.notify import redis_client
from api.resources.models import Resource
from api.settings import Settings
from api.start import check_key_ring, key_source
from api.workers import worker_is_alive


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
        troubles.append("No worker is there, so nothing is verified. Start `entryguard-server worker`.")
    return troubles


def _late() -> list[str]:
    troubles = []
    for model in (Credential, TargetListing, Resource):
        figures = due.figures(model)
        if figures.stuck_rows:
            troubles.append(f"{figures.stuck_rows} {model._meta.table_name} have failed for two minutes or more.")
    return troubles
