"""`entryguard-server migrate`"""

import click

from api import migrate as migrations
from api.commands.operator import settings_with_database, told_plainly


@click.command()
def migrate() -> None:
    """Bring the database's tables to this version. Safe to run again, and by several at once."""
    with told_plainly():
        settings_with_database()
        done = migrations.migrate()
    click.echo("\n".join(f"Migrated: {name}" for name in done) or "Nothing to do: the database is of this version.")
