"""`make demo`: a cloud account declared in Pulumi and verified, and somebody let in to it and out again.

Exits 0 only if each step showed what it should. Whatever happens, what was started is ended.
"""

import shutil
import signal
import sys
import textwrap
from collections.abc import Callable
from types import FrameType

from examples.demo.ending import ENDING
from examples.demo.entryguard_api import Refused
from examples.demo.expectation import Disappointment
from examples.demo.letting_in import LETTING_IN
from examples.demo.screen import Screen
from examples.demo.stage import Stage
from examples.demo.story import STORY, Play

_INTERRUPTED = 130  # what a shell reports of a command that Ctrl-C ended
_TO_END = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    screen = Screen()
    if shutil.which("pulumi") is None:
        screen.say("The Pulumi CLI is not on the PATH: run `make demo`, which finds or builds it.")
        return 1
    _on_signals(_interrupt)
    screen.title(
        "EntryGuard: declare a cloud account in Pulumi, have it verified, let somebody in and out, take it away."
    )
    stage = Stage()
    try:
        perform(Play(stage, screen))
    except Disappointment as disappointment:
        return _fail(stage, screen, disappointment)
    except (Refused, OSError) as failure:
        return _fail(stage, screen, Disappointment("an answer of EntryGuard", failure))
    except KeyboardInterrupt:
        screen.say("\n  Interrupted: what was started is ended now.")
        return _INTERRUPTED
    finally:
        _on_signals(signal.SIG_IGN)
        stage.end()
    screen.say(f"\nThe demo took {screen.seconds:.0f} s.")
    return 0


def perform(play: Play) -> None:
    """Play every step, in order."""
    for number, step in enumerate((*STORY, *LETTING_IN, *ENDING), 1):
        started = play.screen.seconds
        play.screen.announce(f"{number}. {step.title}", step.sentence)
        outcome = step.play(play)
        play.screen.succeed(outcome, play.screen.seconds - started)


def _fail(stage: Stage, screen: Screen, disappointment: Disappointment) -> int:
    screen.fail(disappointment.expected, disappointment.came)
    if said := stage.server_said():
        screen.say(f"    what the server said last:\n{textwrap.indent(said, '      ')}")
    return 1


def _on_signals(action: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    for number in _TO_END:
        signal.signal(number, action)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    _on_signals(signal.SIG_IGN)  # a second Ctrl-C must not leave half of it behind
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
