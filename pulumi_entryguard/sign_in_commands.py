"""`entryguard login | logout`."""

import argparse
import os
from typing import TYPE_CHECKING

from pulumi_entryguard import sign_in
from pulumi_entryguard.endpoint import parse_endpoint
from pulumi_entryguard.errors import NotConfigured
from pulumi_entryguard.terminal import ask, ask_secretly, say

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

_ENDPOINT_MISSING = "which server? Say `entryguard login --endpoint https://entryguard.example.com`"


def add_to(commands: "Commands") -> None:
    """The two commands."""
    entering = commands.add_parser(
        "login",
        help="Sign in.",
        description="Sign in. The password is asked for, or read from the standard input; the login is kept in "
        "~/.config/entryguard, for your eyes only.",
    )
    entering.add_argument("--endpoint", metavar="URL", help="The server; once given, it is remembered.")
    entering.add_argument("--email", metavar="ADDRESS", help="Whom to sign in; asked for if left out.")
    entering.add_argument(
        "--organization", metavar="SLUG", help="Its short name, where your address is in several organizations."
    )
    entering.set_defaults(run=_sign_in)
    leaving = commands.add_parser("logout", help="Sign out.", description="End the login, here and at the server.")
    leaving.set_defaults(run=_sign_out)


def _sign_in(asked: argparse.Namespace) -> None:
    endpoint = asked.endpoint or os.environ.get("ENTRYGUARD_ENDPOINT") or sign_in.endpoint_of_login()
    if not endpoint:
        raise NotConfigured(_ENDPOINT_MISSING)
    parse_endpoint(endpoint)  # before a password is asked for
    email = asked.email or ask("E-mail address: ")
    login = sign_in.sign_in(endpoint, email, ask_secretly("Password: "), asked.organization)
    say(f"{login.email} is signed in to {login.endpoint}")
    if os.environ.get("ENTRYGUARD_API_KEY") or os.environ.get("ENTRYGUARD_TOKEN"):
        say("ENTRYGUARD_API_KEY and ENTRYGUARD_TOKEN go before a login: unset them to use it")


def _sign_out(_asked: argparse.Namespace) -> None:
    login = sign_in.sign_out()
    say("nobody was signed in" if login is None else f"{login.email} is signed out of {login.endpoint}")
