"""`entryguard-server settings`"""

import dataclasses
import os

import click

from api.secret import Secret
from api.settings import PREFIX, Settings, SettingsError


@click.command()
def settings() -> None:
    """List all settings: name, meaning, value and where it comes from. Secrets are masked."""
    try:
        known = Settings.from_environment()
    except SettingsError as error:
        _list_names()
        raise click.ClickException(str(error)) from None
    for setting in dataclasses.fields(known):
        name = f"{PREFIX}{setting.name.upper()}"
        value = getattr(known, setting.name)
        click.echo(f"{name} = {_shown(setting.name, value)}  ({_source(name)})\n    {setting.metadata['meaning']}")


def _list_names() -> None:
    """What there is to set, where what is set cannot be used."""
    for setting in dataclasses.fields(Settings):
        click.echo(f"{PREFIX}{setting.name.upper()}\n    {setting.metadata['meaning']}")


def _shown(name: str, value: object) -> str:
    if isinstance(value, Secret):
        return "********"
    if name.endswith("_url") and isinstance(value, str):
        return _masked(value)
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _masked(url: str) -> str:
    """Without what may hold a password: what stands before an @, and a query."""
    scheme, _, rest = url.partition("://")
    before, _, query = rest.partition("?")
    if "@" in query:  # nobody knows which of the two signs is part of a password
        return f"{scheme}://********"
    _, at, place = before.rpartition("@")
    return f"{scheme}://{'********@' if at else ''}{place}{'?********' if query else ''}"


def _source(name: str) -> str:
    if name in os.environ:
        return "environment"
    return f"file {os.environ[f'{name}_FILE']}" if f"{name}_FILE" in os.environ else "default"
