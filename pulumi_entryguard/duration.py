"""How long, as people write it: 90m, 2h, 1h30m."""

import re

_WRITTEN = re.compile(r"(?:(\d{1,4})h)?(?:(\d{1,5})m)?", re.ASCII)


def minutes(text: str) -> int:
    """Raises ValueError for anything else, and for no time at all."""
    found = _WRITTEN.fullmatch(text.strip().lower())
    total = 60 * int(found[1] or 0) + int(found[2] or 0) if found else 0
    if not total:
        raise ValueError("is no duration like 90m, 2h or 1h30m")
    return total


def plainly(seconds: float) -> str:
    """A duration to read: "1 h 30 min", or seconds where there are less than two minutes."""
    whole = max(0, round(seconds))
    if whole < 120:
        return f"{whole} s"
    hours, rest = divmod(whole // 60, 60)
    return " ".join(part for part in (f"{hours} h" if hours else "", f"{rest} min" if rest else "") if part)
