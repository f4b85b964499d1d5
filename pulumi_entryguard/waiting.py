"""Waiting for EntryGuard's verdict, or for an object to be gone: short polls with an end."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pulumi_entryguard.errors import NotFound, NoVerdict, Unavailable, Unreachable

DEFAULT_SECONDS = 120.0  # a verdict takes seconds; a cloud that is slow or away is asked again with backoff up to 60 s
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 1.0  # also the longest that a cancelled `pulumi up` waits on a sleep
GROWTH = 1.5

Shown = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What EntryGuard found; `reason` starts with the cloud's own code where it is bad."""

    good: bool
    reason: str = ""


def wait_for_verdict(
    look: Callable[[], Shown],
    shown: Shown,
    judged: Callable[[Mapping[str, Any]], Verdict | None],
    seconds: float,
    what: str,
) -> Verdict:
    """Look until there is a verdict. Raises NoVerdict after `seconds`; an API that is away meanwhile is waited for."""
    until = time.monotonic() + seconds
    pause = FIRST_PAUSE
    away = ""
    while (verdict := judged(shown)) is None:
        if time.monotonic() + pause > until:
            raise NoVerdict(f"no verdict on {what} in {seconds:g} s{away}; it is kept: run `pulumi up` again")
        time.sleep(pause)
        pause = min(pause * GROWTH, LONGEST_PAUSE)
        try:
            shown = look()
            away = ""
        except (Unreachable, Unavailable) as error:
            away = f" ({error})"
    return verdict


def wait_until_gone(look: Callable[[], Shown], noun: str, seconds: float) -> None:
    """Look until the object is gone. Raises NoVerdict with the reason if it is not seen to be gone in `seconds`.

    An API that is away meanwhile is waited for.
    """
    until = time.monotonic() + seconds
    pause = FIRST_PAUSE
    while True:
        try:
            why = look().get("verificationError") or "rules of it are still in the cloud"
            seen = f"the {noun} is still being deleted after {seconds:g} s: {why}"
        except NotFound:
            return
        except (Unreachable, Unavailable) as error:
            seen = f"whether the {noun} is gone is not known after {seconds:g} s: {error}"
        if time.monotonic() + pause > until:
            raise NoVerdict(f"{seen}; run the command again")
        time.sleep(pause)
        pause = min(pause * GROWTH, LONGEST_PAUSE)
