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


def sentence(told: str) -> str:
    """What may be a part of a sentence, as one that stands alone: with a capital letter and an end."""
    begun = told[:1].upper() + told[1:]
    return begun if begun.endswith((".", "!", "?")) else f"{begun}."


def about(told: str, name: str, label: str) -> str:
    """An error's sentence with the field called as the form calls it: not `credentialData.accessKeyId is required`."""
    return sentence(label + told.removeprefix(name) if told.startswith(name) else told)


FILTERS: Mapping[str, Callable[..., Any]] = {
    "moment": moment,
    "time_of_day": time_of_day,
    "machine_time": machine_time,
    "sentence": sentence,
    "about": about,
}
