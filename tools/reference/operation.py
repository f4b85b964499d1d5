"""The operator's part of the reference: settings, limits, commands. Read from what the server itself reads."""

import argparse
import dataclasses
from collections.abc import Iterator, Mapping

import click

from api.commands import main
from api.limit_table import DEFAULTS
from api.settings import PREFIX, Settings
from pulumi_entryguard import command as users_command
from tools.reference.markdown import code, codes, table

COMMAND = "entryguard-server"

_SETTINGS = f"""\
Each is an environment variable, `{PREFIX}<NAME>`, or stands in a file that `{PREFIX}<NAME>_FILE` names. An unknown,
empty or unusable one stops the start with a sentence. `{COMMAND} settings` shows the values in force, secrets masked.
"""
_ONLY_FOR_DEV = f"""\
`{COMMAND} dev` gives a value to each required one that is not set, and reads on its first start `{PREFIX}ADMIN_EMAIL`,
`{PREFIX}ADMIN_PASSWORD` and `{PREFIX}ADMIN_ORGANIZATION`. The client's own `{PREFIX}ENDPOINT`, `{PREFIX}TOKEN` and
`{PREFIX}API_KEY` may stand in the same environment.
"""
_USERS = """\
The user's own command comes with the wheel `pulumi-entryguard`, and needs nothing but Python.
"""
_LIMITS = f"""\
By name, in `{PREFIX}RATE_LIMITS`, such as `login=10/minute;write=60/minute`; what is not named keeps its default.
Beyond a limit the answer is 429 with `Retry-After`. `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` are
on the API's answers and tell of the limit that the caller is nearest to.
"""
# Said here in the reader's words; a limit that lacks its line stops the generator.
_COUNTED: Mapping[str, str] = {
    "address": "requests of an IPv4 address, or of an IPv6 /64",
    "caller": "requests of a user or an API key; of the address where nobody is known",
    "write": "the same, but only requests that can change something",
    "login": "sign-ins and refreshes of an address",
    "login-name": "sign-ins to one e-mail address",
    "register": "registrations of an address",
}


def settings() -> str:
    """All settings with their defaults."""
    rows = [
        (code(setting.name.upper()), _default(setting), str(setting.metadata["meaning"]))
        for setting in dataclasses.fields(Settings)
    ]
    return f"## Settings\n\n{_SETTINGS}\n{table(('name', 'default', 'meaning'), rows)}\n{_ONLY_FOR_DEV}"


def limits() -> str:
    """The rate limits with their defaults."""
    rows = [(code(name), amount, _COUNTED[name]) for name, amount in DEFAULTS.items()]
    return f"## Rate limits\n\n{_LIMITS}\n{table(('name', 'default', 'counts'), rows)}"


def commands() -> str:
    """All commands with their arguments and options."""
    rows = [
        (code(f"{path} {_arguments(command)}".strip()), command.help or "", "<br>".join(_options(command)))
        for path, command in _commands(COMMAND, main)
    ]
    head = ("command", "what it does", "options")
    return f"## Commands\n\n{table(head, rows)}\n{_USERS}\n{table(head, _users_commands())}"


def _default(setting: "dataclasses.Field[object]") -> str:
    value = setting.default
    if value is dataclasses.MISSING:
        return "required"
    if isinstance(value, bool):
        return "on" if value else "off"
    return "" if value in (None, (), "") else code(str(value))


def _commands(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield path, command
        return
    for name, inner in command.commands.items():
        yield from _commands(f"{path} {name}", inner)


def _users_commands() -> Iterator[tuple[str, str, str]]:
    """Those of `entryguard`, read from where argparse keeps them."""
    whole = users_command.parser()
    kinds = (action for action in whole._actions if isinstance(action, argparse._SubParsersAction))
    for name, command in next(kinds).choices.items():
        parts = [part for part in command._actions if not isinstance(part, argparse._HelpAction)]
        arguments = [f"[{part.metavar}]" for part in parts if not part.option_strings]
        options = [f"{codes(part.option_strings)}: {part.help}" for part in parts if part.option_strings]
        yield code(" ".join((whole.prog, name, *arguments))), command.description or "", "<br>".join(options)


def _arguments(command: click.Command) -> str:
    names = (part for part in command.params if isinstance(part, click.Argument))
    return " ".join(part.make_metavar(click.Context(command)) for part in names)


def _options(command: click.Command) -> Iterator[str]:
    for option in command.params:
        if isinstance(option, click.Option):
            default = option.default if option.show_default else None
            needed = " Required." if option.required else f" Default: {default}." if default is not None else ""
            yield f"{codes(option.opts)}: {option.help}{needed}"
