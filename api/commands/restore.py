"""`entryguard-server restore`"""

import click

from api import installation
from api.commands.operator import settings_with_database, told_plainly
from api.database import connection
from api.lifecycle import restoring

_NO_COPY = (
    "This database is not recognised as a copy. As a new installation it would leave its rules in the clouds for ever. "
    "Where it is a copy all the same, as a cloned disk is, say --force too."
)
_ADOPTED = "This database goes on in the original's place. What it knows of is being compared with the clouds."
_NEW = "This is an installation of its own now. Sessions have ended, static rules let in again, other rules stay."


@click.command()
@click.option("--adopt", "is_adopted", is_flag=True, help="The original is gone: go on in its place.")
@click.option("--new-installation", "is_new", is_flag=True, help="The original lives: leave its rules to it.")
@click.option("--force", is_flag=True, help="With --new-installation: although nothing tells it from the original.")
def restore(*, is_adopted: bool, is_new: bool, force: bool) -> None:
    """Say what a restored or copied database is, so that it goes on. Until then it does nothing in any cloud."""
    if is_adopted == is_new:
        raise click.UsageError("Say either --adopt or --new-installation.")
    with told_plainly():
        settings_with_database()
        with connection():
            if is_adopted:
                restoring.adopt()
                click.echo(_ADOPTED)
            else:
                _start_anew(force=force)


def _start_anew(*, force: bool) -> None:
    if not force and not installation.is_undecided():
        raise click.ClickException(_NO_COPY)
    restoring.start_anew()
    click.echo(_NEW)
