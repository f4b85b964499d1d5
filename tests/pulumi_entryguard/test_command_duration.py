"""How long, as people write it and as they read it."""

import pytest

from pulumi_entryguard.duration import minutes, plainly
from tests.pulumi_entryguard.entryguard_command import entryguard


@pytest.mark.parametrize(("text", "expected"), [("90m", 90), ("2h", 120), ("1h30m", 90), ("2H", 120), (" 5m ", 5)])
def test_hours_and_minutes_are_understood(text: str, expected: int) -> None:
    assert minutes(text) == expected


@pytest.mark.parametrize("text", ["", "2", "0h", "-1h", "1.5h", "30m1h", "2 h", "1d", "٣h", "99999h"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration like 90m, 2h or 1h30m"):
        minutes(text)


@pytest.mark.parametrize(
    ("seconds", "read"),
    [(-3, "0 s"), (59.6, "60 s"), (119, "119 s"), (120, "2 min"), (3600, "1 h"), (5430, "1 h 30 min")],
)
def test_what_is_left_is_told_in_the_units_that_matter(seconds: float, read: str) -> None:
    assert plainly(seconds) == read


def test_a_duration_that_is_none_makes_no_sense_on_the_command_line() -> None:
    done = entryguard("open", "web", "--for", "soon")

    assert (done.returncode, done.stdout) == (2, "")
    assert "'soon' is no duration like 90m, 2h or 1h30m" in done.stderr
