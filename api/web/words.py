"""How values are written for people."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any


def moment(when: datetime) -> str:
    """`18 Feb 2026, 12:30 UTC`"""
    return f"{when.astimezone(UTC):%-d %b %Y, %H:%M} UTC"


def time_of_day(when: datetime) -> str:
    """`12:30 UTC`"""
    return f"{when.astimezone(UTC):%H:%M} UTC"


def machine_time(when: datetime) -> str:
    """As a `time` element has it."""
    return f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def about(sentence: str, name: str, label: str) -> str:
    """An error's sentence with the field called as the form calls it: not `credentialData.accessKeyId is required`."""
    told = label + sentence.removeprefix(name) if sentence.startswith(name) else sentence
    return told if told.endswith((".", "!", "?")) else f"{told}."


FILTERS: Mapping[str, Callable[..., Any]] = {
    "moment": moment,
    "time_of_day": time_of_day,
    "machine_time": machine_time,
    "about": about,
}
