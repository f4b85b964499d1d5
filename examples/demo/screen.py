"""What the demo says, and how: calm on a terminal, plain in a log."""

import os
import re
import sys
import time

# What Pulumi says to pass the time: its dots, what it begins and will say again when it is done, what did not change.
_PASSING = re.compile(
    r"@ |\w+( update)? \(\w+\):$|Resources:$|Outputs:$|Duration:|View |"
    r".* (creating|updating|refreshing|deleting) \(\d+s\)|.* running( error: .*)?$|"
    r"pulumi(-python)?:\S+ [^(]\S*$|The resources in the stack have been|If you want to remove|$"
)


class Screen:
    """Writes to standard output; the time runs from its making, and stands still while the user is waited for."""

    def __init__(self) -> None:
        self.is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
        self._has_colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        self._started = time.monotonic()
        self._quoted: set[str] = set()

    @property
    def seconds(self) -> float:
        """How long it has been."""
        return time.monotonic() - self._started

    def wait_for_enter(self, prompt: str) -> None:
        paused = time.monotonic()
        try:
            input(prompt)
        except EOFError:  # Ctrl-D will do too
            self.say()
        self._started += time.monotonic() - paused

    def say(self, text: str = "") -> None:
        print(text, flush=True)

    def title(self, text: str) -> None:
        self.say(self._in("1", text))

    def announce(self, title: str, sentence: str) -> None:
        """What comes next, and why."""
        self._quoted.clear()
        self.say(f"\n{self._in('1', title)}\n  {sentence}")

    def quote(self, line: str) -> None:
        """A line of Pulumi's, unless it passes the time or was said in this step already."""
        if line not in self._quoted and not _PASSING.match(line.strip()):
            self._quoted.add(line)
            is_reason = line.lstrip().startswith(("* ", "error: "))
            self.say(f"  {self._in('2', '│')} {self._in('0' if is_reason else '2', line)}")

    def succeed(self, outcome: str, seconds: float) -> None:
        """What a step showed, and how long that took."""
        self.say(f"  {self._in('32', '✓')} {outcome} {self._in('2', f'({seconds:.1f} s)')}")

    def fail(self, expected: str, came: str) -> None:
        self.say(f"  {self._in('31', '✗')} expected: {expected}")
        self.say("    what came: " + came.replace("\n", "\n      "))

    def _in(self, colour: str, text: str) -> str:
        return f"\033[{colour}m{text}\033[0m" if self._has_colours else text
