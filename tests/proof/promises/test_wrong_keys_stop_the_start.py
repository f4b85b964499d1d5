"""P8: with a wrong key ring no process starts: none listens, none forks, none writes a row, and no key is shown."""

import base64
import os
import socket
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from api.credentials import secrets
from api.database import bind, connection, database, forget_connections, write
from api.key_ring import KeyRing
from api.secret import Secret
from api.start import check_key_ring
from api.vault import Vault
from tests.proof.ledger import proven
from tests.proof.promises.bad_key_rings import BAD_RINGS, Keys, random_key
from tests.proof.promises.watched_starts import Ended, WatchedStarts
from tests.rows import make_credential
from tests.served_api import settings_in
from tests.server_process import environment_with

LONGEST_SECONDS = 2.0


@dataclass(frozen=True)
class Kind:
    """A kind of process; may: what it does before it looks at the keys, which leaves nothing behind."""

    arguments: Sequence[str] = ()
    may: Sequence[str] = ()


# `dev` binds its port to see whether it is free, and lets it go. The sweeper is a fork of the worker's.
KINDS = {
    "serve": Kind(("serve", "--processes", "1", "--port")),
    "worker and sweeper": Kind(),
    "dev": Kind(("dev", "--data-dir", ".", "--port"), may=("socket.bind",)),
}


class Knocking:
    """Somebody who tries the port all the while."""

    def __init__(self) -> None:
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            self.port = int(holder.getsockname()[1])
        self._done = threading.Event()
        self.was_heard = False
        self._thread = threading.Thread(target=self._knock)

    def __enter__(self) -> "Knocking":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _knock(self) -> None:
        while not self._done.wait(0.02):
            with socket.socket() as link:
                self.was_heard = self.was_heard or link.connect_ex(("127.0.0.1", self.port)) == 0


@dataclass(frozen=True)
class Template:
    """A database in which both keys of a ring have sealed a secret."""

    content: bytes
    keys: Keys

    def placed_in(self, folder: Path) -> Path:
        folder.mkdir()
        file = folder / "entryguard.sqlite"
        file.write_bytes(self.content)
        return file


@pytest.fixture(scope="module")
def template(sqlite_template: bytes, tmp_path_factory: pytest.TempPathFactory) -> Template:
    file = tmp_path_factory.mktemp("sealed") / "entryguard.sqlite"
    file.write_bytes(sqlite_template)
    keys = Keys(random_key(), random_key())
    bind(f"sqlite:///{file}")
    ring = KeyRing.parse(Secret.of_text(keys.written))
    check_key_ring(ring)
    with connection():
        with write():
            for vault in (Vault(ring), Vault(ring.promoted("second"))):
                credential = make_credential()
                data = Secret.of_text("canary-0d2c")
                secrets.keep(credential, 1, secrets.CURRENT, data, vault, credential.created_at)
        database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close_all()
    forget_connections()
    return Template(file.read_bytes(), keys)


@pytest.fixture(scope="module")
def starts() -> Iterator[WatchedStarts]:
    with WatchedStarts() as running:
        yield running


def rows(file: Path) -> list[str]:
    """All that is in the database."""
    link = sqlite3.connect(file)
    try:
        return list(link.iterdump())
    finally:
        link.close()


def started(starts: WatchedStarts, kind: Kind, folder: Path, **more: str) -> Ended:
    """Start it over the database and the key ring in `folder`, and let it end; nobody is ever heard on its port."""
    settings = settings_in(folder, ENTRYGUARD_KEY_RING_FILE=str(folder / "key-ring"))
    del settings["ENTRYGUARD_KEY_RING"]
    with Knocking() as knocking:
        arguments = [*kind.arguments, str(knocking.port)] if kind.arguments else []
        ended = starts.run(arguments, environment_with({**settings, **more}), folder)
    assert not knocking.was_heard
    return ended


def check(ended: Ended, kind: Kind, keys: Keys, named: str) -> None:
    """It refused as it should."""
    assert ended.code == 1 and ended.said.startswith("Error: ") and ended.said.count("\n") == 1, ended.said
    assert named in ended.said
    for key in (keys.first, keys.second):
        assert not [form for form in (key[:-1], base64.b64decode(key).hex()) if form in ended.said]
    assert list(ended.did) == list(kind.may)
    assert ended.seconds <= LONGEST_SECONDS


@pytest.mark.parametrize("name", KINDS)
def test_a_bad_key_ring_stops_the_start(name: str, starts: WatchedStarts, template: Template, tmp_path: Path) -> None:
    kind, seconds = KINDS[name], []
    for case, (spoil, named) in BAD_RINGS.items():
        folder = tmp_path / case.replace(" ", "-")
        file = template.placed_in(folder)
        before = rows(file)
        spoil(folder / "key-ring", template.keys)

        ended = started(starts, kind, folder)

        check(ended, kind, template.keys, named)
        assert rows(file) == before
        seconds.append(ended.seconds)
    figure = f"{len(seconds)} of {len(seconds)} refused, in {max(seconds):.1f} s at most"
    proven("P8", f"wrong and missing keys, {name}: exit code, port, rows, forks and message", figure)


def test_dev_makes_nothing_where_the_key_ring_that_it_is_given_is_bad(starts: WatchedStarts, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()

    ended = starts.run(
        ["dev", "--data-dir", ".", "--port", "0"],
        environment_with({"ENTRYGUARD_KEY_RING": f"first:{random_key(16)}"}),
        folder,
    )

    assert ended.code == 1 and "first in the key ring does not have exactly 32 bytes" in ended.said
    assert not (folder / "entryguard.sqlite").exists()


@pytest.mark.skipif("os.geteuid() != 0", reason="nobody else may give a file away")
def test_another_users_key_ring_stops_the_start(starts: WatchedStarts, template: Template, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    template.placed_in(folder)
    ring = folder / "key-ring"
    ring.write_text(template.keys.written, encoding="ascii")
    ring.chmod(0o400)
    os.chown(ring, 12345, 12345)

    check(started(starts, KINDS["serve"], folder), KINDS["serve"], template.keys, "belongs to user 12345")


def test_the_right_key_ring_stops_nothing(starts: WatchedStarts, template: Template, tmp_path: Path) -> None:
    """Else the tests above would prove nothing: the same process goes on, and fails at what comes next."""
    folder = tmp_path / "data"
    template.placed_in(folder)
    (folder / "key-ring").write_text(template.keys.written, encoding="ascii")
    (folder / "key-ring").chmod(0o400)
    settings = settings_in(folder, ENTRYGUARD_KEY_RING_FILE=str(folder / "key-ring"))
    del settings["ENTRYGUARD_KEY_RING"]
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = str(listener.getsockname()[1])

        ended = starts.run(["serve", "--port", port], environment_with(settings), folder)

    assert ended.code == 1 and f"Port {port} of 127.0.0.1 can't be listened on" in ended.said
