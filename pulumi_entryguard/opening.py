"""A session that somebody waits for: until it is open, until it is over, and closed behind a command."""

import time
from collections.abc import Sequence

from pulumi_entryguard import sessions, sign_in
from pulumi_entryguard.errors import (
    ApiError,
    EntryGuardError,
    NotOpened,
    RateLimited,
    Unavailable,
    Unreachable,
    UnusableInput,
)
from pulumi_entryguard.sessions import Session
from pulumi_entryguard.signals import NotedSignals
from pulumi_entryguard.terminal import say, tell

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 2.0
GROWTH = 1.5
HOLDING_PAUSE = 10.0
AWAY_SECONDS = 120.0  # a server that does not answer is waited for
CLOSING_SECONDS = 60.0
LAST_LOOK_SECONDS = 10.0

_AWAY = (RateLimited, Unavailable, Unreachable)


class Watch:
    """Looks at a session again and again, and puts up with a server that is away for a while."""

    def __init__(self, session: Session, signals: NotedSignals) -> None:
        self.session = session
        self._signals = signals
        self._answered_at = time.monotonic()
        self._said: set[str] = set()

    def until_open(self) -> None:
        """Raises NotOpened with the reasons where it does not open, Interrupted when a signal comes."""
        pause = FIRST_PAUSE
        while (is_open := sessions.is_open(self.session)) is None:
            self._say_troubles()
            self._look_after(pause)
            pause = min(pause * GROWTH, LONGEST_PAUSE)
        if not is_open:
            raise NotOpened(_refusal(self.session))
        self._say_troubles()

    def until_over(self) -> None:
        """Raises Interrupted when a signal comes."""
        while self.session["endedAt"] is None:
            self._look_after(HOLDING_PAUSE)

    def _look_after(self, pause: float) -> None:
        self._signals.pause(pause)
        try:
            self.session = sessions.look(sign_in.client(), self.session["id"])
            self._answered_at = time.monotonic()
        except _AWAY:
            if time.monotonic() - self._answered_at > AWAY_SECONDS:
                raise

    def _say_troubles(self) -> None:
        for trouble in sessions.troubles(self.session):
            if trouble not in self._said:
                self._said.add(trouble)
                say(trouble)


def wait_until_open(session: Session, signals: NotedSignals) -> None:
    """Wait, and say so when it is open. Raises NotOpened, Interrupted; the session goes on all the same."""
    try:
        Watch(session, signals).until_open()
    except BaseException:
        say(f"session {session['id']} goes on: `entryguard close {session['id']}` ends it")
        raise
    say(f"session {session['id']} is open")


def use_and_close(session: Session, signals: NotedSignals, command: Sequence[str] | None) -> int:
    """Wait until it is open, run the command, or stay until the session is over; close it; the exit code.

    Raises NotOpened, Interrupted and other errors after it has been closed.
    """
    try:
        code = _use(session, signals, command)
    except BaseException:  # whatever it was: nobody is to stay let in
        close(session)
        raise
    return 1 if not close(session) and code == 0 else code


def _use(session: Session, signals: NotedSignals, command: Sequence[str] | None) -> int:
    if command is None:  # else standard output is the command's
        tell(session["id"])
    watch = Watch(session, signals)
    watch.until_open()
    say(f"session {session['id']} is open")
    if command is None:
        watch.until_over()
        return 0
    try:
        return signals.run(list(command))
    except OSError as error:
        raise UnusableInput(f"{command[0]} can't be run: {error.strerror}") from None


def close(session: Session) -> bool:
    """Close it, and say so; False where that could not be done, and why was said."""
    until = time.monotonic() + CLOSING_SECONDS
    while True:
        try:
            _say_closed(sessions.stop(sign_in.client(), session["id"]))
            return True
        except EntryGuardError as error:
            if not _may_pass(error) or time.monotonic() > until:
                return _is_closed_all_the_same(session, error)
        time.sleep(1.0)


def _is_closed_all_the_same(session: Session, error: EntryGuardError) -> bool:
    """Look at what could not be closed, and say how it stands: somebody may have closed it, or let it end later."""
    not_stopped = sessions.not_stopped(session["id"], error)
    try:
        seen = sessions.look(sign_in.client(), session["id"], until=time.monotonic() + LAST_LOOK_SECONDS)
    except EntryGuardError:  # what is wrong is in the other error
        say(f"{not_stopped}; it was opened until {session['expiresAt']}")
        return False
    if seen["endedAt"] is None:
        say(f"{not_stopped}; it ends at {seen['expiresAt']}")
        return False
    _say_closed(seen)
    return True


def _say_closed(session: Session) -> None:
    say(f"session {session['id']} is closed ({session['endedReason']})")


def _may_pass(error: EntryGuardError) -> bool:
    """Whether to ask again to close a session; to close it twice does no harm."""
    return isinstance(error, _AWAY) or (isinstance(error, ApiError) and error.status >= 500)


def _refusal(session: Session) -> str:
    open_ones = sorted({one["resourceName"] for one in session["resourceIps"] if one["status"] == "APPLIED"})
    why = f" ({session['endedReason']})" if session["endedReason"] else ""
    told = [f"session {session['id']} is {session['status']}{why}"]
    told += [f"open: {', '.join(open_ones)}"] if open_ones else []
    return "; ".join(told + [f"not open: {trouble}" for trouble in sessions.troubles(session)])
