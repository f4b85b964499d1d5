"""What `entryguard-server dev` makes in its data folder on the first start: keys, tables, the first administrator."""

import base64
import contextlib
import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path

from api import migrate
from api.accounts import service as accounts
from api.accounts.models import Organisation
from api.database import bind, connection, database
from api.key_ring_file import KeyRingFile
from api.secret import Secret
from api.settings import Settings, SettingsError
from api.start import check_key_ring, key_source

PASSWORD_FILE = "admin-password"  # noqa: S105 - a file's name
DEFAULT_EMAIL = "admin@entryguard.local"
DEFAULT_ORGANIZATION = "EntryGuard"
_SECRETS = ("JWT_SECRET", "AUDIT_KEY", "COOKIE_SECRET")


def environment(folder: Path, given: Mapping[str, str], redis_url: str, public_url: str) -> dict[str, str]:
    """The settings of the parts: what the operator gave, and for the rest files in `folder`, made if need be."""
    made = {"ENTRYGUARD_REDIS_URL": redis_url}
    if not _is_given(given, "PUBLIC_URL"):
        made["ENTRYGUARD_PUBLIC_URL"] = public_url
    if not _is_given(given, "DATABASE_URL"):
        made["ENTRYGUARD_DATABASE_URL"] = f"sqlite:///{folder / 'entryguard.sqlite'}"
    for name in _SECRETS:
        if not _is_given(given, name):
            made[f"ENTRYGUARD_{name}_FILE"] = str(_random_file(folder / name.lower().replace("_", "-")))
    if not _is_given(given, "KEY_RING"):
        made["ENTRYGUARD_KEY_RING_FILE"] = str(_key_ring(folder / "key-ring"))
    return {**given, **made}


def prepare(folder: Path, settings: Settings, given: Mapping[str, str]) -> bool:
    """Make the tables, and the first administrator where there is none. Returns whether one was made.

    The password is the operator's, or made up and left in a file of mode 0400 before the account is there, so that no
    crash leaves an account that nobody can enter. Raises KeyRingError where the ring is bad; nobody is made then.
    """
    ring = key_source(settings).current()
    bind(settings.database_url, connections=2)
    migrate.migrate()
    try:
        check_key_ring(ring)
        with connection():
            if Organisation.select().exists():
                return False
            password = given_password(given) or _password(folder / PASSWORD_FILE)
            made = accounts.first_administrator(
                given.get("ENTRYGUARD_ADMIN_EMAIL", DEFAULT_EMAIL),
                Secret.of_text(password),
                given.get("ENTRYGUARD_ADMIN_ORGANIZATION", DEFAULT_ORGANIZATION),
                settings.default_tier,
            )
            return made is not None
    finally:
        database.close_all()


def given_password(given: Mapping[str, str]) -> str | None:
    """The first administrator's password as the operator gave it: itself, or in a file. Raises SettingsError."""
    file = given.get("ENTRYGUARD_ADMIN_PASSWORD_FILE")
    if file is None:
        return given.get("ENTRYGUARD_ADMIN_PASSWORD")
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"ENTRYGUARD_ADMIN_PASSWORD_FILE names a file that cannot be read ({type(error).__name__})."
        ) from None


def _is_given(given: Mapping[str, str], name: str) -> bool:
    return f"ENTRYGUARD_{name}" in given or f"ENTRYGUARD_{name}_FILE" in given


def _random_file(path: Path) -> Path:
    if not path.exists():
        _write_once(path, base64.b64encode(secrets.token_bytes(48)).decode())
    return path


def _key_ring(path: Path) -> Path:
    if not path.exists():
        KeyRingFile.create(path)
    return path


def _password(path: Path) -> str:
    if not path.exists():
        _write_once(path, secrets.token_urlsafe(18))
    return path.read_text(encoding="ascii").strip()


def _write_once(path: Path, content: str) -> None:
    """Make a file of mode 0400 that is there whole or not at all."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{content}\n")
        file.flush()
        os.fsync(file.fileno())
    Path(name).chmod(0o400)
    # link() fails where the name is taken, so nobody's key is ever written over.
    with contextlib.suppress(FileExistsError):
        os.link(name, path)
    Path(name).unlink()
