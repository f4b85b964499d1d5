"""The limits that an operator can set, by name: how often in how long."""

import re
from collections.abc import Mapping

OFF = "off"
# `address`, `login` and `register` are by address, `login-name` by the account named, the others by user or key.
DEFAULTS: Mapping[str, str] = {
    "address": "1200/minute",
    "caller": "1200/minute",
    "write": "600/minute",
    "login": "30/minute",
    "login-name": "10/minute",
    "register": "5/hour",
}

_LIMIT = re.compile(r"[1-9][0-9]{0,8}/(second|minute|hour|day)")


def table(text: str) -> dict[str, str]:
    """The limits of `name=amount/period;…` laid over the defaults; none for `off`. Raises ValueError."""
    if text == OFF:
        return {}
    given: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, _, limit = (side.strip() for side in part.partition("="))
        if name not in DEFAULTS:
            raise ValueError(f"names a limit that is not one of {', '.join(DEFAULTS)}")
        if name in given:
            raise ValueError(f"names {name} twice")
        if not _LIMIT.fullmatch(limit):
            raise ValueError(f"needs for {name} a number and a period like {DEFAULTS[name]}")
        given[name] = limit
    return {**DEFAULTS, **given}
