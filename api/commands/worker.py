"""`entryguard-server worker`"""

import os
import sys

import click


@click.command()
def worker() -> None:
    """Serve what is due: open and close, verify, watch over it. Start as many as you like."""
    # The server's API never imports the worker; this command becomes it.
    os.execv(sys.executable, [sys.executable, "-m", "worker"])  # noqa: S606 - our own interpreter and module
