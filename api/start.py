"""What every process of the server does first: the settings, the database, the key ring."""

from api import database, installation, notify
from api.credentials.models import CredentialSecret, KeyCheck
from api.key_checks import verify_against
from api.key_ring import KeyRing, KeySource
from api.key_ring_file import KeyRingFile
from api.migrate import pending
from api.settings import Settings, SettingsError
from api.vault import Vault


def start(settings: Settings, connections: int) -> Vault:
    """Bind the process to its database and Redis, and answer the vault.

    `connections` is the most that this process opens to the database.
    Raises SettingsError where the tables are not of this version or the database does not tell which one it is,
    KeyRingError where the ring is not the one that sealed what is in the database. Nothing has been served or changed
    then.
    """
    keys = key_source(settings)
    keys.current()  # a bad ring is told before the database is asked for
    database.bind(settings.database_url, connections)
    if scripts := pending():
        raise SettingsError(f"The database lacks {', '.join(scripts)}. Run `entryguard-server migrate` first.")
    with database.connection():
        installation.check_can_be_told()
    check_key_ring(keys.current())
    notify.use(settings.redis_url)
    return Vault(keys)


def key_source(settings: Settings) -> KeySource:
    """The key ring that the settings name. Raises KeyRingError where it cannot be used."""
    if settings.key_ring_file is not None:
        return KeyRingFile(settings.key_ring_file)
    if settings.key_ring is None:
        raise SettingsError("Set ENTRYGUARD_KEY_RING_FILE: the keys that seal the secrets.")
    return KeyRing.parse(settings.key_ring)


def check_key_ring(ring: KeyRing) -> None:
    """Compare the ring with what the database knows of it. Raises KeyRingError where they differ."""
    with database.connection():
        in_use = {row.key_id for row in CredentialSecret.select(CredentialSecret.key_id).distinct()}
        new = verify_against(ring, _recorded(), in_use)
        if not new:
            return
        with database.write():
            for key_id, value in new.items():
                KeyCheck.insert(key_id=key_id, check_value=value).on_conflict_ignore().execute()
            # Somebody with another ring may have been quicker.
            verify_against(ring, _recorded(), in_use)


def _recorded() -> dict[str, bytes]:
    return {row.key_id: bytes(row.check_value) for row in KeyCheck.select()}
