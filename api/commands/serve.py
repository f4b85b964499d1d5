"""`entryguard-server serve`"""

import click
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server

from api import database, log
from api.commands.operator import check_port, told_plainly
from api.http_server import CONNECTIONS
from api.process import harden
from api.settings import Settings
from api.start import start

# A client that sends its headers slower than this is let go, so that a few of them cannot hold the server.
_HEADER_MILLISECONDS = 5_000


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option("--processes", default=2, show_default=True, type=click.IntRange(1, 64), help="How many processes serve.")
def serve(host: str, port: int, processes: int) -> None:
    """Serve the API. TLS belongs to the proxy before it (ENTRYGUARD_TRUSTED_PROXIES says how many there are)."""
    harden()  # it reads the same secrets as the processes that it starts
    log.to_stderr()
    with told_plainly():
        # Looked at here too, so that a wrong key ring or an old database stops the start before a port is open.
        start(Settings.from_environment(), connections=1)
        database.database.close_all()
        check_port(host, port)
    Server(
        "api.http_server:application",
        factory=True,
        interface=Interfaces.ASGI,
        address=host,
        port=port,
        workers=processes,
        # Beyond that the kernel's backlog waits.
        backpressure=CONNECTIONS,
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=8,
        # HTTP/2 without TLS is nobody's here, and would pass by the limits on slow headers.
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=_HEADER_MILLISECONDS),
        websockets=False,
        log_level=LogLevels.error,
    ).serve()
