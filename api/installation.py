"""Who this installation is, and whether its database is the one that it has worked with or a copy of that.

Its name stands in each rule that it makes. Two databases with one name would each take the other's rules for strays of
its own and remove them. So the database's own identity is kept in the row too, and where it is another one nothing is
done in any cloud until an operator has said what the copy is (`api.lifecycle.restoring`).

PostgreSQL: the cluster's system identifier and the database's oid. A standby has both, so a failover goes on; what was
restored from a dump or made with TEMPLATE has another oid. Every role may ask for both, unless somebody took
it away.

SQLite: the host's machine-id and the file's inode. A copy beside the original has another inode, one on another host
another machine-id. Neither changes when the host or a container is started again or renamed, the file moved within its
file system, or its volume mounted elsewhere; the path, the device's number and the host's name do. What is written over
the original keeps its inode, but then there is no other.
"""

import hashlib
import uuid
from pathlib import Path
from typing import Any

import peewee

from api.database import database, sqlite_file, write
from api.errors import Unavailable
from api.settings import SettingsError

UNDECIDED = (
    "This database is a copy of another one, or was restored, and nothing is done in any cloud until you say how. Run "
    "`entryguard-server restore --adopt` where the original is gone and this one goes on in its place, or "
    "`entryguard-server restore --new-installation` where the original lives and its rules are to be left to it."
)
_OPENS_NOTHING = "The server was restored from a backup and opens nothing until its operator says how it goes on."
_CANNOT_TELL = (
    "The server cannot tell whether its database is a copy, and opens nothing until its operator lets it ask."
)
_MAY_NOT_ASK = (
    "The database's role may not call pg_control_system(), by which a copy of the database is told from the original. "
    "Run `GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC` in this database, as a superuser."
)
_RETRY_SECONDS = 60
_POSTGRESQL = (
    "(SELECT system_identifier || ':' || (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "FROM pg_control_system())"
)
_MACHINE_ID = Path("/etc/machine-id")


class Installation(peewee.Model):
    """The one row, made with the tables. database_identity: None until a worker has looked for the first time."""

    id = peewee.UUIDField(primary_key=True)
    database_identity = peewee.TextField(null=True)

    class Meta:
        database = database
        table_name = "installation"


def check_can_be_told() -> None:
    """Raises SettingsError where the database does not tell which one it is."""
    _look()


def identity() -> uuid.UUID:
    """The installation's own id, which stands in the tag of each rule that it makes."""
    row: Installation = Installation.get()
    return row.id


def is_undecided() -> bool:
    """The database is a copy, and nobody has said what becomes of it. Raises SettingsError where it does not tell."""
    kept, here = _look()
    return kept is not None and kept != here


def may_work() -> bool:
    """Whether a worker may do anything in a cloud. The first that asks has the database remembered as the original."""
    kept, here = _look()
    if kept is not None:
        return kept == here
    with write():
        is_first = Installation.database_identity.is_null()
        Installation.update(database_identity=here).where(is_first).execute()
    return not is_undecided()


def obstacle() -> str | None:
    """Why nothing is done in any cloud, and what an operator is to run; None where workers work."""
    try:
        return UNDECIDED if is_undecided() else None
    except SettingsError as error:  # a server that was started may lose the right to ask
        return str(error)


def check_is_decided() -> None:
    """Raises Unavailable where nobody would be let in, since the database is a copy, or does not tell."""
    if reason := obstacle():
        raise Unavailable(_OPENS_NOTHING if reason == UNDECIDED else _CANNOT_TELL, retry_after=_RETRY_SECONDS)


def settle_here(installation_id: uuid.UUID) -> None:
    """Have this database go on as the installation with that id. Inside `write`."""
    _, here = _look()
    Installation.update(id=installation_id, database_identity=here).execute()


def _look() -> tuple[str | None, str]:
    """The identity that is kept, and that of the database asked; in one question, since workers ask at every turn.

    Raises SettingsError where the database does not tell it.
    """
    try:
        row: Any = Installation.select(Installation.database_identity, _here().alias("here")).tuples().get()
    except peewee.ProgrammingError as error:
        if "pg_control_system" not in str(error):
            raise
        raise SettingsError(_MAY_NOT_ASK) from None
    kept, here = row
    return kept, here


def _here() -> Any:
    file = sqlite_file()
    return peewee.SQL(_POSTGRESQL) if file is None else peewee.Value(_identity_of(file))


def _identity_of(file: Path) -> str:
    machine = _MACHINE_ID.read_bytes() if _MACHINE_ID.exists() else b""
    # machine-id(5): "should be considered confidential"; a hash with an application's own name in it need not be.
    return f"{hashlib.sha256(b'entryguard ' + machine.strip()).hexdigest()[:32]}:{file.stat().st_ino}"
