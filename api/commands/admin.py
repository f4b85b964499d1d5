"""`entryguard-server admin`: accounts, by whoever runs the server."""

import sys

import click

from api.accounts import service as accounts
from api.accounts.tiers import LIMITS
from api.commands.operator import settings_with_database, told_plainly
from api.database import connection
from api.lifecycle import suspension
from api.secret import Secret


@click.group()
def admin() -> None:
    """Add administrators, reset passwords, suspend organizations, change their tiers."""


@admin.command()
@click.option("--email", required=True, help="The address to sign in with.")
@click.option("--organization", required=True, help="The organization's slug or name; a new name makes a new one.")
def create(email: str, organization: str) -> None:
    """Add an administrator. The password is asked for, or read from the standard input."""
    password = _password()
    with told_plainly():
        settings = settings_with_database()
        with connection():
            user = accounts.add_administrator(email, password, organization, settings.default_tier)
    print(f"{user.email} administers {organization}.")


@admin.command("reset-password")
@click.option("--email", required=True, help="The address that the person signs in with.")
@click.option("--organization", required=True, help="The organization's slug or name.")
def reset_password(email: str, organization: str) -> None:
    """Give a person a new password, and sign them out everywhere."""
    password = _password()
    with told_plainly():
        settings_with_database()
        with connection():
            user = accounts.reset_password(email, password, organization)
    print(f"{user.email} has a new password, and was signed out everywhere.")


@admin.group()
def organization() -> None:
    """Suspend an organization, let it go on, or change its tier."""


_which = click.option("--organization", "which", required=True, help="The organization's slug or name.")


@organization.command()
@_which
def suspend(which: str) -> None:
    """Let nobody of it sign in or use a key, and close all that it has open."""
    with told_plainly():
        settings_with_database()
        with connection():
            suspended = suspension.suspend(which)
    print(f"{suspended.name} is suspended. Its sessions have ended, and their rules are being removed.")


@organization.command()
@_which
def resume(which: str) -> None:
    """Let its people and keys act again. Static rules let in again; sessions are started anew."""
    with told_plainly():
        settings_with_database()
        with connection():
            resumed = suspension.resume(which)
    print(f"{resumed.name} goes on.")


@organization.command()
@_which
@click.argument("wanted", metavar="TIER", type=click.Choice(list(LIMITS)))
def tier(which: str, wanted: str) -> None:
    """Give it the limits of TIER, FREE or PAID, from its next request on. What it has and what is open stays."""
    with told_plainly():
        settings_with_database()
        with connection():
            changed = accounts.change_tier(which, wanted)
    print(f"{changed.name} is {changed.tier} now.")


def _password() -> Secret:
    """Typed twice at a terminal, unseen; else the first line of the standard input. `ps` would show an argument."""
    if sys.stdin.isatty():
        return Secret.of_text(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    return Secret.of_text(sys.stdin.readline().rstrip("\n"))
