"""`entryguard resources | open`: what may be opened, and opening it."""

import argparse
import json
import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pulumi_entryguard import duration, sessions, sign_in
from pulumi_entryguard.errors import NOT_KNOWN
from pulumi_entryguard.openable import ids_of, openable
from pulumi_entryguard.opening import use_and_close, wait_until_open
from pulumi_entryguard.options import add_minutes, add_versions, add_wait
from pulumi_entryguard.sessions import Session
from pulumi_entryguard.signals import NotedSignals
from pulumi_entryguard.terminal import say, table, tell
from pulumi_entryguard.whereabouts import Whereabouts, whereabouts

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

NO_SUCH_COMMAND = 127  # as shells have it


def add_to(commands: "Commands") -> None:
    """The two commands."""
    _add_list(commands)
    _add_open(commands)


def _add_list(commands: "Commands") -> None:
    listing = commands.add_parser(
        "resources",
        help="List what you may open.",
        description="List the resources that you may open, and for how long at most.",
    )
    listing.add_argument("--json", action="store_true", help="As the API shows them.")
    listing.set_defaults(run=_list)


def _add_open(commands: "Commands") -> None:
    opening = commands.add_parser(
        "open",
        help="Let your address in, for a while.",
        description="Let the address that you are seen at in to resources, for a while, and print the session's id. "
        "A COMMAND behind -- runs while they are open, the session is closed behind it, and the exit code is its own.",
        usage="%(prog)s [-h] [--for TIME] [--reason TEXT] [-4 | -6] [--wait] [--close-on-exit] "
        "[RESOURCE ...] [-- COMMAND ...]",
    )
    opening.add_argument(
        "resources",
        nargs="*",
        metavar="RESOURCE",
        help="A name or an id, as `entryguard resources` lists them. Without one: all that you may open.",
    )
    add_minutes(opening, "How long", required=False)
    opening.add_argument("--reason", help="What it is for; the audit trail keeps it.")
    add_versions(opening)
    add_wait(opening)
    opening.add_argument(
        "--close-on-exit",
        action="store_true",
        help="Stay until Ctrl-C or the session's end, and close it. A COMMAND is always closed behind.",
    )
    opening.set_defaults(run=_open, usage_error=opening.error)


def _list(asked: argparse.Namespace) -> None:
    found = openable(sign_in.client())
    if asked.json:
        tell(json.dumps(found, indent=2))
        return
    if not found:
        say("there is nothing that you may open: an administrator gives you a role that names something")
        return
    rows = [
        (one["name"], one["provider"], duration.plainly(one["maxDurationMinutes"] * 60), one["id"]) for one in found
    ]
    tell(table([("NAME", "CLOUD", "AT MOST", "ID"), *rows]))
    for one in found:
        if one["obstacle"]:
            say(f"{one['name']} can't be opened now: {one['obstacle']}")


def _open(asked: argparse.Namespace) -> int:
    command: Sequence[str] | None = asked.command
    if command is not None and not command:
        asked.usage_error("name a command behind --")
    if command and shutil.which(command[0]) is None:
        say(f"entryguard: {command[0]}: no such command; nothing was opened")
        return NO_SUCH_COMMAND
    here = whereabouts(sign_in.client(), asked.version)
    resources = ids_of(here.client, asked.resources)
    with NotedSignals() as signals:
        session = _started(here, resources, asked)
        say(sessions.sentence(session))
        if command is not None or asked.close_on_exit:
            return use_and_close(session, signals, command)
        tell(session["id"])
        if asked.wait:
            wait_until_open(session, signals)
        signals.check()
    return 0


def _started(here: Whereabouts, resources: Sequence[str], asked: argparse.Namespace) -> Session:
    try:
        return sessions.start(here, resources, asked.minutes, asked.reason)
    except NOT_KNOWN:
        say("whether a session was started is not known: `entryguard sessions` shows it")
        raise
