"""`entryguard open | sessions | close`."""

import argparse
import json
import shutil
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pulumi_entryguard import duration, sessions, sign_in
from pulumi_entryguard.errors import EntryGuardError, Unreachable
from pulumi_entryguard.opening import Watch, use_and_close
from pulumi_entryguard.sessions import Session
from pulumi_entryguard.signals import NotedSignals
from pulumi_entryguard.terminal import say, tell

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

NO_SUCH_COMMAND = 127  # as shells have it


def add_to(commands: "Commands") -> None:
    """The three commands."""
    _add_open(commands)
    _add_list(commands)
    _add_close(commands)


def _add_open(commands: "Commands") -> None:
    opening = commands.add_parser(
        "open",
        help="Let your address in, for a while.",
        description="Let the address that you are seen at in to resources, for a while, and print the session's id. "
        "A COMMAND behind -- runs while they are open, the session is closed behind it, and the exit code is its own.",
        usage="%(prog)s [-h] [--for TIME] [--reason TEXT] [--wait] [--close-on-exit] [RESOURCE ...] [-- COMMAND ...]",
    )
    opening.add_argument(
        "resources", nargs="*", metavar="RESOURCE", help="A name or an id. Without one: all that you may open."
    )
    opening.add_argument("--for", dest="minutes", type=_minutes, metavar="TIME", help="How long, as 90m, 2h or 1h30m.")
    opening.add_argument("--reason", help="What it is for; the audit trail keeps it.")
    opening.add_argument(
        "--wait", action="store_true", help="Until everything is open; exit with 1 and the reasons where it is not."
    )
    opening.add_argument(
        "--close-on-exit",
        action="store_true",
        help="Stay until Ctrl-C or the session's end, and close it. A COMMAND is always closed behind.",
    )
    opening.set_defaults(run=_open, usage_error=opening.error)


def _add_list(commands: "Commands") -> None:
    listing = commands.add_parser(
        "sessions", help="List sessions.", description="List your sessions that are not over."
    )
    listing.add_argument(
        "--all", action="store_true", help="Those that are over too, and other people's where you administer them."
    )
    listing.add_argument("--json", action="store_true", help="As the API shows them.")
    listing.set_defaults(run=_list)


def _add_close(commands: "Commands") -> None:
    closing = commands.add_parser("close", help="Close sessions.", description="End sessions before their time.")
    closing.add_argument("ids", nargs="*", metavar="ID", help="As `entryguard sessions` lists them.")
    closing.add_argument("--all", action="store_true", help="All of your own, or of the key's name.")
    closing.set_defaults(run=_close, usage_error=closing.error)


def _minutes(text: str) -> int:
    try:
        return duration.minutes(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} {error}") from None


def _open(asked: argparse.Namespace) -> int:
    command: Sequence[str] | None = asked.command
    if command is not None and not command:
        asked.usage_error("name a command behind --")
    if command and shutil.which(command[0]) is None:
        say(f"entryguard: {command[0]}: no such command; nothing was opened")
        return NO_SUCH_COMMAND
    resources = sessions.ids_of(sign_in.client(), asked.resources)
    with NotedSignals() as signals:
        session = _started(resources, asked)
        say(_told(session))
        if command is not None or asked.close_on_exit:
            return use_and_close(session, signals, command)
        tell(session["id"])
        if asked.wait:
            _wait(session, signals)
        signals.check()
    return 0


def _started(resources: Sequence[str], asked: argparse.Namespace) -> Session:
    try:
        return sessions.start(sign_in.client(), resources, asked.minutes, asked.reason)
    except Unreachable:
        say("whether a session was started is not known: `entryguard sessions` shows it")
        raise


def _wait(session: Session, signals: NotedSignals) -> None:
    try:
        Watch(session, signals).until_open()
    except BaseException:
        say(f"session {session['id']} goes on: `entryguard close {session['id']}` ends it")
        raise
    say(f"session {session['id']} is open")


def _list(asked: argparse.Namespace) -> None:
    found = sessions.of_everybody(sign_in.client()) if asked.all else sessions.own_live(sign_in.client())
    if asked.json:
        tell(json.dumps(found, indent=2))
        return
    if not found:
        say("there is no session" if asked.all else "no session is open")
        return
    tell(_table(found, asked.all))
    for session in found:
        for trouble in sessions.troubles(session):
            say(f"session {session['id']}: {trouble}")


def _close(asked: argparse.Namespace) -> int:
    if bool(asked.ids) == asked.all:
        asked.usage_error("name sessions by their ids, or --all")
    ids = asked.ids or [one["id"] for one in sessions.own_live(sign_in.client())]
    return max([_closed(one) for one in ids], default=0)


def _closed(session_id: str) -> int:
    try:
        over = sessions.stop(sign_in.client(), session_id)
    except EntryGuardError as error:
        say(f"entryguard: session {session_id} was not closed: {error}")
        return 1
    is_ours = over["endedReason"] == "MANUAL"
    say(f"session {session_id} is closed" if is_ours else f"session {session_id} was over: {over['endedReason']}")
    return 0


def _told(session: Session) -> str:
    resources = ", ".join(_resources(session))
    return f"session {session['id']}: {resources} from {_addresses(session)}, until {session['expiresAt']}"


def _table(found: Iterable[Session], with_people: bool) -> str:
    heads = ("ID", "STATUS", "RESOURCES", "FROM", "ENDS IN", *(("WHO",) if with_people else ()))
    rows = [heads] + [
        (
            session["id"],
            session["status"],
            ", ".join(_resources(session)),
            _addresses(session),
            _ends_in(session),
            *((session["userEmail"],) if with_people else ()),
        )
        for session in found
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _resources(session: Session) -> list[str]:
    return sorted({grant["resourceName"] for grant in session["resourceIps"]})


def _addresses(session: Session) -> str:
    return ", ".join(filter(None, (session["ipv4Address"], session["ipv6Address"])))


def _ends_in(session: Session) -> str:
    if session["endedAt"] is not None:
        return "-"
    left = datetime.fromisoformat(session["expiresAt"]) - datetime.now(UTC)
    return duration.plainly(left.total_seconds())
