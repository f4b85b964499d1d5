"""`entryguard-server openapi`"""

import json

import click

from api.app import create_app
from api.commands.operator import told_plainly
from api.openapi import written
from api.settings import Settings
from api.start import key_source
from api.vault import Vault


@click.command()
def openapi() -> None:
    """Print the OpenAPI document (3.1) that the server serves at /api/v1/openapi.json."""
    with told_plainly():
        settings = Settings.from_environment()
        app = create_app(settings, Vault(key_source(settings)), threads=2)
    click.echo(json.dumps(written(app), indent=2))
