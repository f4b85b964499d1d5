"""Faults that a stand-in shows to a part of the calls: which call meets which, and how many have met one.

A fault with `chances` is a name, a share of the calls and what such a call meets, for each of several. Beside them may
stand `only`: a text, such as a key, without which a caller is spared.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

Body = dict[str, Any]


def by_chance(share: float, settings: Mapping[str, Any], *, only_changes: bool = False) -> Body:
    """One of `chances`: this share of the calls (or of those that change something) meets these settings."""
    return {"share": share, "settings": dict(settings), "only_changes": only_changes}


class Chances:
    """Draws for one stand-in, from many threads."""

    def __init__(self) -> None:
        self._random = random.Random(1)  # noqa: S311 - chance, not secrecy
        self._met: Counter[str] = Counter()
        self._late: list[str] = []
        self._to_come = 0
        self._lock = threading.Lock()

    def fault_for(self, fault: Body, *, is_change: bool, service: str = "", caller: str = "") -> Body:
        """What one call meets: the fault itself, if it is none of chances."""
        if "chances" not in fault:
            return fault
        if fault.get("only", caller) not in caller:
            return {}
        with self._lock:
            left = self._random.random()
            for name, chance in fault["chances"].items():
                if not is_change and chance["only_changes"]:
                    continue
                left -= chance["share"]
                if left < 0 and service in chance["settings"].get("services", (service,)):
                    self._met[name] += 1
                    return dict(chance["settings"])
        return {}

    def later(self, seconds: float, deed: Callable[[], object], about: str) -> None:
        """Do what a caller has given up on: the last call of one that was held up. `about` tells what was asked for."""

        def do() -> None:
            try:
                deed()
            finally:
                with self._lock:
                    self._to_come -= 1

        with self._lock:
            self._to_come += 1
            self._late.append(about)
        timer = threading.Timer(seconds, do)
        timer.daemon = True
        timer.start()

    def told(self) -> Body:
        """How many calls have met which fault, what was asked for and done late, and how much of it is to come."""
        with self._lock:
            return {"met": dict(self._met), "late": list(self._late), "to_come": self._to_come}
