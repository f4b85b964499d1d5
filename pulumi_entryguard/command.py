"""`entryguard`, the user's command. It needs nothing but Python's standard library.

What was asked for goes to standard output, a sentence about it or about what went wrong to standard error. The exit
code is 0, 1 where it could not be done, 2 where the command line makes no sense, and 128 + n where signal n came.
`entryguard open … -- COMMAND` exits as the command did.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence

from pulumi_entryguard import least_privilege, open_command, session_commands, sign_in, sign_in_commands
from pulumi_entryguard.errors import EntryGuardError
from pulumi_entryguard.signals import Interrupted
from pulumi_entryguard.terminal import say, tell
from pulumi_entryguard.version import __version__

_INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and give its exit code."""
    asked = _parsed(sys.argv[1:] if arguments is None else arguments)
    try:
        code: int | None = asked.run(asked)
        sys.stdout.flush()
    except EntryGuardError as error:
        say(f"entryguard: {error}")
        return 1
    except Interrupted as signal:
        return signal.exit_code
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    return code or 0


def parser() -> argparse.ArgumentParser:
    """The command line: a command each, which names the function that does it as `run`."""
    whole = argparse.ArgumentParser(
        "entryguard",
        description="Works with EntryGuard from the command line.",
        epilog="ENTRYGUARD_ENDPOINT names the server, and ENTRYGUARD_API_KEY or ENTRYGUARD_TOKEN say who asks; without "
        "them it is who is signed in.",
    )
    whole.add_argument("--version", action="version", version=f"entryguard {__version__}")
    commands = whole.add_subparsers(title="commands", metavar="COMMAND", required=True)
    sign_in_commands.add_to(commands)
    open_command.add_to(commands)
    session_commands.add_to(commands)
    _add_policy(commands)
    return whole


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """What was asked for; what stands behind `--` is another program's, and not for us to read."""
    is_open = arguments[:1] == ["open"] and "--" in arguments
    end = arguments.index("--") if is_open else len(arguments)
    behind = list(arguments[end + 1 :]) if is_open else None
    return parser().parse_args(arguments[:end], argparse.Namespace(command=behind))


def _add_policy(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    policy = commands.add_parser(
        "policy",
        help="Print the least privilege that EntryGuard needs in a cloud.",
        description="Print the least privilege that EntryGuard needs in a cloud, in the cloud's own policy language: "
        "for every object of an account, or for those that a credential's resources name.",
    )
    policy.add_argument(
        "provider",
        nargs="?",
        type=str.upper,
        choices=least_privilege.PROVIDERS,
        metavar="|".join(least_privilege.PROVIDERS),
        help="The cloud. No server is asked about it.",
    )
    policy.add_argument(
        "--credential",
        metavar="NAME_OR_ID",
        help="The server is asked for what this credential's resources need and nothing more.",
    )
    policy.set_defaults(run=_print_policy, usage_error=policy.error)


def _print_policy(asked: argparse.Namespace) -> None:
    if asked.provider is None and asked.credential is None:
        asked.usage_error("name a cloud, or a credential with --credential")
    if asked.credential is None:
        found = least_privilege.for_every_object(asked.provider)
    else:
        found = least_privilege.for_credential(sign_in.client(), asked.credential, asked.provider)
    tell(json.dumps(found.policy, indent=2))
    if found.use:
        say(found.use)
