"""One process of a crowd: has rules applied and revoked, and asks again whenever the cloud gives no verdict."""

import random
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from api.clouds import Connection, Target, Unreachable
from api.clouds.rules import Found, Listing, State, Tag
from tests.clouds.crowds.plan import Deed
from tests.clouds.crowds.rows import Known, Row, claimed
from tests.clouds.sites import HERE

_ATTEMPTS_AT_MOST = 300
_LONGEST_PAUSE_SECONDS = 0.2
_LOOKS = 3


class Writer:
    """Works on one target over a connection of its own.

    `alone_on` is the file of a target that has one writer at a time, as every target of the product has: a cloud that
    writes only what nobody has changed meanwhile needs no such claim to lose nothing.
    """

    def __init__(self, connection: Connection, target: Target, rows: Sequence[Row], alone_on: Path | None) -> None:
        self.told: Counter[str] = Counter()
        self.astray: list[int] = []
        """Rules that were there or gone by the cloud's answer, and not by a look, while nobody else had the row."""
        self._connection = connection
        self._target = target
        self.rows = rows
        self._alone_on = alone_on

    def does(self, deed: Deed) -> None:
        """What is wanted is kept, and brought about; between attempts others may have the row, and want otherwise."""
        row = self.rows[deed.rule]
        with row.claimed() as known:
            known.is_wanted = deed.is_wanted
            row.keep(known)
        for _ in range(_ATTEMPTS_AT_MOST):
            try:
                with self._alone(), row.claimed() as known:
                    self._bring_about(row, known)
                    self._look_again(deed.rule, known)
            except Unreachable as failure:
                self.told[type(failure).__name__] += 1
                time.sleep(random.uniform(0, _LONGEST_PAUSE_SECONDS))  # noqa: S311 - parts two writers
            else:
                self.told["applies" if deed.is_wanted else "revokes"] += 1
                return
        raise TimeoutError(f"no verdict in {_ATTEMPTS_AT_MOST} attempts")

    def settles(self) -> None:
        """What a worker does in the end with a target: look, and set right what is not as it is wanted."""
        for _ in range(_LOOKS):
            for stray in self.listing().strays:
                self._connection.revoke(self._target, stray)
            for number in self.not_as_wanted():
                self._bring_about(self.rows[number], self.rows[number].known)

    def not_as_wanted(self) -> list[int]:
        """Which rules are not there and should be, or are there and should not; but not for somebody else's sake."""
        found = self.listing().found
        return [number for number, row in enumerate(self.rows) if not _is_right(found[row.rule.tag], row.known)]

    def listing(self) -> Listing:
        return self._connection.rules(self._target, HERE, [row.kept(row.known) for row in self.rows])

    def wanted(self) -> set[Tag]:
        return {row.rule.tag for row in self.rows if row.known.is_wanted}

    def _bring_about(self, row: Row, known: Known) -> None:
        if not known.is_wanted:
            self._connection.revoke(self._target, row.kept(known))
            row.keep(Known())
            return
        if not known.added:
            found = self._connection.rules(self._target, HERE, [row.kept(known)]).found[row.rule.tag]
            if found.foreign and found.state is State.PRESENT:
                return  # let through already, and not ours to revoke
            known.added = True
            row.keep(known)
        known.provider_ids = self._connection.apply(self._target, row.kept(known))
        row.keep(known)

    def _look_again(self, number: int, known: Known) -> None:
        row = self.rows[number]
        listing = self._connection.rules(self._target, HERE, [row.kept(known)])
        if not _is_right(listing.found[row.rule.tag], known):
            self.astray.append(number)

    def _alone(self) -> AbstractContextManager[None]:
        return claimed(self._alone_on) if self._alone_on else nullcontext()


def _is_right(found: Found, known: Known) -> bool:
    if known.is_wanted:
        return found.state is State.PRESENT
    return not found.ours
