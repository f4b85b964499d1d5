"""The commands and settings that the pages name are there."""

import dataclasses
import re
import shlex
from pathlib import Path

import click
import pytest

from api.commands import main
from api.settings import Settings
from tests.docs.pages import ROOT, pages, text

_COMMAND = re.compile(r"entryguard-server ((?:[a-z][a-z-]*|--[a-z-]+)(?: [^\n`|;&>()]*)?)")
_TARGET = re.compile(r"`make ([a-z-]+)|^make ([a-z-]+)", re.MULTILINE)
_SETTING = re.compile(r"ENTRYGUARD_([A-Z_]+[A-Z])\b")
# Of the client, of the first start, and of the two programs that run the server.
_OTHERS = {"ENDPOINT", "TOKEN", "API_KEY", "ADMIN_EMAIL", "ADMIN_PASSWORD", "ADMIN_ORGANIZATION", "HOST"}


def unknown(words: list[str]) -> list[str]:
    """What of a command line `entryguard-server` would not understand. It ends at the first word that is not ours."""
    command: click.Command = main
    for word in words:
        if word.startswith("--"):
            if word.partition("=")[0] not in {name for option in command.params for name in option.opts} | {"--help"}:
                return words
        elif isinstance(command, click.Group):
            if word not in command.commands:
                return words
            command = command.commands[word]
    return []


@pytest.mark.parametrize("page", pages(), ids=str)
def test_every_command_and_option_that_a_page_names_exists(page: Path) -> None:
    joined = text(page).replace("\\\n", " ")
    named = [shlex.split(found, comments=True) for found in _COMMAND.findall(joined)]

    assert [words for words in named if unknown(words)] == []


@pytest.mark.parametrize("page", pages(), ids=str)
def test_every_setting_that_a_page_names_exists(page: Path) -> None:
    known = {field.name.upper() for field in dataclasses.fields(Settings)} | _OTHERS
    named = {name.removesuffix("_FILE") if name not in known else name for name in _SETTING.findall(text(page))}

    assert named - known == set()


@pytest.mark.parametrize("page", pages(), ids=str)
def test_every_target_of_make_that_a_page_names_exists(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = {first or second for first, second in _TARGET.findall(text(page))}

    assert {target for target in named if f"\n{target}:" not in makefile} == set()
