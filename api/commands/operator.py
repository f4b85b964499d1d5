"""What the operator's commands share: settings from the environment, and failures as one sentence."""

import contextlib
import socket
from collections.abc import Iterator

import click
import peewee

from api.database import bind
from api.errors import EntryGuardError
from api.key_ring import KeyRingError
from api.settings import Settings, SettingsError


@contextlib.contextmanager
def told_plainly() -> Iterator[None]:
    """Turn what an operator can mend into a sentence and exit code 1; a bug keeps its traceback."""
    try:
        yield
    except (SettingsError, KeyRingError) as error:
        raise click.ClickException(str(error)) from None
    except EntryGuardError as error:
        raise click.ClickException(error.message) from None
    except (peewee.OperationalError, peewee.InterfaceError) as error:
        raise click.ClickException(f"The database does not answer ({type(error).__name__}).") from None


def settings_with_database() -> Settings:
    """The settings, and the process bound to the database that they name."""
    settings = Settings.from_environment()
    bind(settings.database_url, connections=4)
    return settings


def check_port(host: str, port: int) -> None:
    """Refuse a port that another process listens on: the kernel would share it out between the two servers."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what just ended there is nobody
            listener.bind(address)
    except OSError as error:
        reason = (error.strerror or "it is not an address").lower()
        raise click.ClickException(f"Port {port} of {host} can't be listened on: {reason}. Choose --port.") from None
