"""Options that several commands have."""

import argparse

from pulumi_entryguard import duration


def add_minutes(command: argparse.ArgumentParser, sentence: str, *, required: bool) -> None:
    """--for TIME, as `minutes`."""
    command.add_argument(
        "--for",
        dest="minutes",
        type=_minutes,
        metavar="TIME",
        required=required,
        help=f"{sentence}, as 90m, 2h or 1h30m.",
    )


def add_wait(command: argparse.ArgumentParser) -> None:
    """--wait"""
    command.add_argument(
        "--wait", action="store_true", help="Until everything is open; exit with 1 and the reasons where it is not."
    )


def add_versions(command: argparse.ArgumentParser) -> None:
    """-4 and -6, as `version`."""
    either = command.add_mutually_exclusive_group()
    for version in (4, 6):
        either.add_argument(
            f"-{version}",
            dest="version",
            action="store_const",
            const=version,
            help=f"Your IPv{version} address alone. Without it both, where the server is reached over both.",
        )


def _minutes(text: str) -> int:
    try:
        return duration.minutes(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} {error}") from None
