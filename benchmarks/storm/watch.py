"""Looks into the clouds all the time, as their owner does, and notes what of EntryGuard's is there, and when."""

import itertools
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.storm.landscape import Landscape, Place, Spot

# Shorter ones tell the moments no better where the looks themselves keep two processors from the work.
_PAUSE_SECONDS = 0.3
# Of each target every few seconds: all at once would keep the next look waiting.
_MOVE_SECONDS = 1.0


@dataclass(slots=True)
class Presence:
    """A rule as it was seen. last: the beginning of the last look that showed it; until: the end of the first that did
    not, and None as long as there was none."""

    place: Place
    since: float
    last: float
    until: float | None = None


@dataclass
class Sightings:
    """What the looks at one target have shown."""

    presences: list[Presence] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    """The seconds from the beginning of each look to the end of the next one."""
    _there: dict[Place, Presence] = field(default_factory=dict)
    _last_began: float | None = None

    def note(self, seen: set[Place], began: float, ended: float) -> None:
        """One look, from when to when."""
        for place in self._there.keys() - seen:
            self._there.pop(place).until = ended
        for place in seen:
            if place not in self._there:
                self._there[place] = Presence(place, began, began)
                self.presences.append(self._there[place])
            self._there[place].last = began
        if self._last_began is not None:
            self.gaps.append(ended - self._last_began)
        self._last_began = began


class Watch:
    """A thread for each cloud; in it somebody else changes his own rules too, every few seconds."""

    def __init__(self, landscape: Landscape) -> None:
        self._spots = landscape.by_cloud
        self._sightings = {spot.number: Sightings() for spot in landscape.spots}
        self.failures: list[str] = []
        self._is_over = threading.Event()
        self.moves = threading.Event()

    @contextmanager
    def watching(self) -> Iterator["Watch"]:
        """Watch until the block ends."""
        threads = [threading.Thread(target=self._look, args=(cloud,), daemon=True) for cloud in self._spots]
        self.moves.set()
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._is_over.set()
            for thread in threads:
                thread.join(30)

    @property
    def presences(self) -> list[Presence]:
        return [each for sightings in self._sightings.values() for each in sightings.presences]

    @property
    def gaps(self) -> list[float]:
        return [gap for sightings in self._sightings.values() for gap in sightings.gaps]

    def _look(self, cloud: str) -> None:
        try:
            self._watch(self._spots[cloud])
        except Exception:  # noqa: BLE001 - a run without eyes must not pass for a good one
            self.failures.append(f"{cloud}: {traceback.format_exc()}")

    def _watch(self, spots: Sequence[Spot]) -> None:
        move_at = time.monotonic()
        next_to_move = itertools.cycle(spots)
        while not self._is_over.is_set():
            for spot in spots:
                began = time.time()
                seen = spot.ours()
                self._sightings[spot.number].note(seen, began, time.time())
            if self.moves.is_set() and time.monotonic() > move_at:
                next(next_to_move).scene.move()
                move_at = time.monotonic() + _MOVE_SECONDS
            self._is_over.wait(_PAUSE_SECONDS)
