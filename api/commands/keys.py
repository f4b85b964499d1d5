"""`entryguard-server keys`: the keys that seal secrets, and replacing one while the servers run."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import click

from api.commands.operator import told_plainly
from api.credentials import key_rotation
from api.database import connection
from api.key_ring import KeyRingError, KeySource, UnknownKey
from api.key_ring_file import KeyRingFile
from api.settings import Settings
from api.start import key_source, start
from api.vault import Vault

_BY_HAND = (
    "The key ring stands in ENTRYGUARD_KEY_RING, which this command cannot change. Change it and restart every "
    "server: first with a new line `id:key` at the end (`openssl rand -base64 32` makes a key), then with that line in "
    "front. Then run `entryguard-server keys rewrap`, and take the old line out when `entryguard-server keys status` "
    "shows no secret on it."
)


@dataclass(frozen=True, slots=True)
class _Opened:
    source: KeySource
    vault: Vault

    @property
    def file(self) -> KeyRingFile:
        if not isinstance(self.source, KeyRingFile):
            raise KeyRingError(_BY_HAND)
        return self.source


@click.group()
def keys() -> None:
    """The keys that seal secrets: add, promote, rewrap, retire, in this order, with the servers running."""


@keys.command()
def status() -> None:
    """Which keys there are, and how many secrets each seals."""
    with _opened() as opened:
        ring = opened.source.current()
        counts = key_rotation.sealed_with()
        for key_id in ring.key_ids:
            role = "primary" if key_id == ring.primary else ""
            click.echo(f"{key_id:32}  {role:8} {counts.get(key_id, 0):8} secrets")
        others = sum(counts.values()) - counts.get(ring.primary, 0)
        if others:
            click.echo(f"{others} secrets are to be moved to {ring.primary}: run `entryguard-server keys rewrap`.")
        elif len(ring.key_ids) > 1:
            click.echo(
                f"All secrets are on {ring.primary}. Promote another key to use it, or retire what is not needed."
            )
        else:
            click.echo("To replace the key, begin with `entryguard-server keys add`.")


@keys.command()
@click.argument("key_id", required=False)
def add(key_id: str | None) -> None:
    """Add a new random key, KEY_ID or the next number; it seals nothing until it is promoted."""
    with _opened() as opened:
        new = key_id or key_rotation.next_key_id(opened.file.current())
        key_rotation.add(opened.file, new)
        click.echo(
            f"{new} is in the key ring {opened.file.path} and seals nothing yet. Copy the file to every machine that "
            "has its own, and to where you keep backups of it, apart from the database's. "
            f"Then run `entryguard-server keys promote {new}`."
        )


@keys.command()
@click.argument("key_id")
def promote(key_id: str) -> None:
    """Let KEY_ID seal what is new from now on."""
    with _opened() as opened:
        if opened.file.current().primary == key_id:
            click.echo(f"{key_id} is the primary key already.")
            return
        key_rotation.promote(opened.file, key_id)
        click.echo(
            f"{key_id} is the primary key now: what is new is sealed with it. Copy the file to every machine that has "
            "its own, and then run `entryguard-server keys rewrap`."
        )


@keys.command()
def rewrap() -> None:
    """Move every secret to the primary key; after an interruption, run it again."""
    with _opened() as opened:
        ring = opened.source.current()
        moved = 0
        broken = set()
        for batch in key_rotation.rewrap(opened.vault, ring.primary):
            moved += batch.moved
            broken |= set(batch.broken)
            if batch.moved:
                click.echo(f"{moved} secrets moved so far.")
        if broken:
            raise click.ClickException(
                f"{moved} secrets moved to {ring.primary}. Those of these credentials do not open and stay as they "
                f"are; set them anew, or restore them from a backup: {', '.join(sorted(map(str, broken)))}"
            )
        old = [key_id for key_id in ring.key_ids if key_id != ring.primary]
        then = f" Run `entryguard-server keys retire {old[0]}` to take the old key away." if old else ""
        click.echo(f"{moved} secrets moved; all are on {ring.primary} now.{then}")


@keys.command()
@click.argument("key_id")
def retire(key_id: str) -> None:
    """Take KEY_ID out of the key ring; refused while any secret needs it."""
    with _opened() as opened:
        key_rotation.retire(opened.file, key_id)
        click.echo(
            f"{key_id} is out of the key ring. Keep your backup of it as long as any backup of the database "
            "from before today: that one does not open without it."
        )


@contextlib.contextmanager
def _opened() -> Iterator[_Opened]:
    """The key ring, checked against the database, and the vault. What is wrong ends the command with a sentence."""
    with told_plainly():
        settings = Settings.from_environment()
        vault = start(settings, connections=2)
        with connection():
            try:
                yield _Opened(key_source(settings), vault)
            except UnknownKey as error:
                raise click.ClickException(f"The key ring holds no key with the id {error.key_id}.") from None
