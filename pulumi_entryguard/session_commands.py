"""`entryguard sessions | extend | move | close`."""

import argparse
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pulumi_entryguard import duration, sessions, sign_in
from pulumi_entryguard.errors import EntryGuardError
from pulumi_entryguard.opening import wait_until_open
from pulumi_entryguard.options import add_minutes, add_versions, add_wait
from pulumi_entryguard.sessions import Session
from pulumi_entryguard.signals import NotedSignals
from pulumi_entryguard.terminal import say, table, tell
from pulumi_entryguard.whereabouts import whereabouts

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_to(commands: "Commands") -> None:
    """The four commands."""
    _add_list(commands)
    _add_extend(commands)
    _add_move(commands)
    _add_close(commands)


def _add_list(commands: "Commands") -> None:
    listing = commands.add_parser(
        "sessions", help="List sessions.", description="List your sessions that are not over."
    )
    listing.add_argument(
        "--all", action="store_true", help="Those that are over too, and other people's where you administer them."
    )
    listing.add_argument("--json", action="store_true", help="As the API shows them.")
    listing.set_defaults(run=_list)


def _add_extend(commands: "Commands") -> None:
    extending = commands.add_parser(
        "extend", help="Let a session end later.", description="Let a session end later, by so much."
    )
    _add_session(extending)
    add_minutes(extending, "How much later", required=True)
    extending.set_defaults(run=_extend)


def _add_move(commands: "Commands") -> None:
    moving = commands.add_parser(
        "move",
        help="Take a session along to another network.",
        description="Let in the address that you are seen at now, and no longer the one that a session was for. "
        "It ends when it would have.",
    )
    _add_session(moving)
    add_versions(moving)
    add_wait(moving)
    moving.set_defaults(run=_move)


def _add_close(commands: "Commands") -> None:
    closing = commands.add_parser("close", help="Close sessions.", description="End sessions before their time.")
    closing.add_argument("ids", nargs="*", metavar="ID", help="As `entryguard sessions` lists them.")
    closing.add_argument("--all", action="store_true", help="All of your own, or of the key.")
    closing.set_defaults(run=_close, usage_error=closing.error)


def _add_session(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "id", nargs="?", metavar="ID", help="As `entryguard sessions` lists them. Without it your only one."
    )


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


def _extend(asked: argparse.Namespace) -> None:
    client = sign_in.client()
    say(sessions.sentence(sessions.extend(client, sessions.the_one(client, asked.id), asked.minutes)))


def _move(asked: argparse.Namespace) -> None:
    here = whereabouts(sign_in.client(), asked.version)
    session_id = sessions.the_one(here.client, asked.id)
    with NotedSignals() as signals:
        session = sessions.move(here, session_id)
        say(sessions.sentence(session))
        if asked.wait:
            wait_until_open(session, signals)
        signals.check()


def _close(asked: argparse.Namespace) -> int:
    if bool(asked.ids) == asked.all:
        asked.usage_error("name sessions by their ids, or --all")
    ids = asked.ids or [one["id"] for one in sessions.own_live(sign_in.client())]
    if not ids:
        say("no session of yours is open")
    return max([_closed(one) for one in ids], default=0)


def _closed(session_id: str) -> int:
    try:
        over = sessions.stop(sign_in.client(), session_id)
    except EntryGuardError as error:
        say(f"entryguard: {sessions.not_stopped(session_id, error)}")
        return 1
    is_ours = over["endedReason"] == "MANUAL"
    say(f"session {session_id} is closed" if is_ours else f"session {session_id} was over: {over['endedReason']}")
    return 0


def _table(found: Iterable[Session], with_people: bool) -> str:
    heads = ("ID", "STATUS", "RESOURCES", "FROM", "ENDS IN", *(("WHO",) if with_people else ()))
    rows = [
        (
            session["id"],
            session["status"],
            ", ".join(sessions.resources(session)),
            sessions.addresses(session),
            _ends_in(session),
            *((session["userEmail"],) if with_people else ()),
        )
        for session in found
    ]
    return table([heads, *rows])


def _ends_in(session: Session) -> str:
    if session["endedAt"] is not None:
        return "-"
    left = datetime.fromisoformat(session["expiresAt"]) - datetime.now(UTC)
    return duration.plainly(left.total_seconds())
