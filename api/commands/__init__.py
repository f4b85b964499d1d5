"""`entryguard-server` on the command line: what an operator does."""

import click

from api.commands.admin import admin
from api.commands.dev import dev
from api.commands.doctor import doctor
from api.commands.keys import keys
from api.commands.migrate import migrate
from api.commands.openapi import openapi
from api.commands.restore import restore
from api.commands.serve import serve
from api.commands.settings import settings
from api.commands.worker import worker


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="entryguard-server")
def main() -> None:
    """Opens a company's network to its people for as long as they work, and closes it behind them."""


for command in (dev, serve, worker, migrate, admin, keys, restore, doctor, settings, openapi):
    main.add_command(command)
