"""`entryguard`, the user's command. It needs nothing but Python's standard library.

What was asked for goes to standard output, a sentence about it or about what went wrong to standard error. The exit
code is 0, 1 where it could not be done, and 2 where the command line makes no sense.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence

from pulumi_entryguard import least_privilege
from pulumi_entryguard.client import Client
from pulumi_entryguard.configuration import read_configuration
from pulumi_entryguard.errors import EntryGuardError, NotConfigured
from pulumi_entryguard.version import __version__

_ENDPOINT_MISSING = "EntryGuard's address is not known: set ENTRYGUARD_ENDPOINT, such as https://entryguard.example.com"
_ACCESS_MISSING = "nobody is signed in: set ENTRYGUARD_API_KEY, or ENTRYGUARD_TOKEN to an access token"
_INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and give its exit code."""
    asked = parser().parse_args(arguments)
    try:
        asked.run(asked)
        sys.stdout.flush()
    except EntryGuardError as error:
        _say(f"entryguard: {error}")
        return 1
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line: a command each, which names the function that does it as `run`."""
    whole = argparse.ArgumentParser(
        "entryguard",
        description="Works with EntryGuard from the command line.",
        epilog="ENTRYGUARD_ENDPOINT names the server; ENTRYGUARD_API_KEY or ENTRYGUARD_TOKEN say who asks.",
    )
    whole.add_argument("--version", action="version", version=f"entryguard {__version__}")
    commands = whole.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_policy(commands)
    return whole


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
        found = least_privilege.for_credential(_client(), asked.credential, asked.provider)
    print(json.dumps(found.policy, indent=2))
    if found.use:
        _say(found.use)


def _client() -> Client:
    """The client for what the environment says. Raises NotConfigured with what to do."""
    configuration = read_configuration({})
    if not configuration.endpoint:
        raise NotConfigured(_ENDPOINT_MISSING)
    if configuration.access is None:
        raise NotConfigured(_ACCESS_MISSING)
    return configuration.client()


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)
