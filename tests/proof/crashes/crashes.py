"""The tests' side of the program whose children die."""

import json
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.proof.crashes.cloud import Cloud
from tests.proof.crashes.deed import Deed
from tests.proof.crashes.places import Place, Places
from tests.proof.scale import FULL
from tests.server_process import environment_with

Told = dict[str, Any]
OwnDatabase = Callable[[str], AbstractContextManager[str]]


@dataclass(frozen=True)
class Deaths:
    """What became of a deed. points: all that it passes, in their order. taken: those that this engine dies at, here or
    at another deed. died_at: those that were died at here. opened: who opened `write` meanwhile. wrong: what was not
    as it must be.
    """

    points: list[str]
    opened: set[str]
    wrong: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    died_at: list[str] = field(default_factory=list)


class Crashes:
    """Asks one runner for runs. `own_database` makes a fresh database of a kind, "own" or "empty".

    Except in the long form each place where a process can die is shared by the two engines: what one dies before, the
    other dies after. share: 0 or 1, which side is this engine's.
    died_at: the names of all points that something has died at.
    """

    def __init__(
        self, settings: dict[str, str], clouds: dict[str, Cloud], places: Places, own_database: OwnDatabase, share: int
    ) -> None:
        self._share = share
        self._places = places
        self._own_database = own_database
        self._known: dict[str, Deaths] = {}
        self._died: set[tuple[bool, str]] = set()
        self.died_at: set[str] = set()
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the runner
        self._runner = subprocess.Popen(
            [sys.executable, "-m", "tests.proof.crashes.runner"],
            env=environment_with(settings),
            cwd=Path(__file__).parents[3],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._tell({"environment": settings, "clouds": {name: asdict(cloud) for name, cloud in clouds.items()}})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._runner.stdin is not None and self._runner.stdout is not None
        self._runner.stdin.close()
        self._runner.wait(30)
        self._runner.stdout.close()
        self._errors.close()

    def of(self, deed: Deed) -> Deaths:
        """Do a deed without dying, and then dying at the points that are ours: where nothing has yet, or FULL at each.

        Done once for each deed.
        """
        if deed.name not in self._known:
            self._known[deed.name] = self._deaths(deed)
        return self._known[deed.name]

    def _deaths(self, deed: Deed) -> Deaths:
        whole = self._run(deed, None)
        if "error" in whole:
            return Deaths([], set(), [f"undisturbed: {whole['error']}"])
        points: list[str] = whole["points"]
        found = Deaths(points, set(whole["opened"]), [f"undisturbed: {each}" for each in _wrong(whole)])
        for number, point in enumerate(points):
            if not self._takes(deed, point):
                continue
            found.taken.append(point)
            # A point that verifying passes too says nothing of rules: AWS is asked the same for both.
            if (deed.opens, point) in self._died and not FULL:
                continue
            run = self._run(deed, number)
            found.wrong.extend(f"{number}, {point}: {each}" for each in _wrong(run, whole, point))
            if run["died"] and "error" not in run:
                found.died_at.append(point)
                self.died_at.add(point)
                self._died.add((deed.opens, point))
        return found

    def _takes(self, deed: Deed, point: str) -> bool:
        """Whether this engine dies there: on its side of the place, and once at least before and after each cloud."""
        side, _, place = point.partition(" ")
        turn = (zlib.crc32(f"{deed.opens} {place}".encode()) + (side == "after")) % 2
        first = f"{side} {place.partition(' ')[0]} "
        return FULL or turn == self._share or not any(known.startswith(first) for known in self.died_at)

    def _run(self, deed: Deed, die_at: int | None) -> Told:
        with nullcontext(None) if deed.database == "shared" else self._own_database(deed.database) as url:
            told = {"deed": deed.name, "die at": die_at, "database": url}
            if not deed.opens:
                return self._tell(told, answered=True)
            place = self._places.fresh(deed.cloud)
            before = place.everything()
            answer = self._tell({**told, "object": place.resource}, answered=True)
            return _with_what_is_there(answer, before, place)

    def _tell(self, what: Told, *, answered: bool = False) -> Told:
        assert self._runner.stdin is not None and self._runner.stdout is not None
        self._runner.stdin.write(f"{json.dumps(what)}\n")
        self._runner.stdin.flush()
        answer = self._runner.stdout.readline() if answered else "{}"
        if not answer:
            self._errors.seek(0)
            raise RuntimeError(f"the runner has ended: {self._errors.read()}")
        told: Told = json.loads(answer)
        return told


def _with_what_is_there(run: Told, before: str, place: Place) -> Told:
    """The run, with what is wrong in the cloud now that all is ended again."""
    there = place.everything()
    if "error" in run or there == before:
        return run
    return {**run, "state": [*run["state"], f"the object was {before} and is {there}"]}


def _wrong(run: Told, whole: Told | None = None, point: str | None = None) -> list[str]:
    """What is not as it must be in this run, or not as in the whole one."""
    if "error" in run:
        return [run["error"]]
    found = [*run["wrong"], *run["state"]]
    if run["died"] != (point is not None) or (point is not None and run["points"][-1:] != [point]):
        found.append(f"it passed {run['points']}")
    if whole is not None and run["left"] != whole["left"]:
        found.append(f"it left {_differences(whole['left'], run['left'])}")
    return found


def _differences(expected: Any, found: Any, where: str = "") -> str:
    """Where two values differ, and how."""
    if isinstance(expected, dict) and isinstance(found, dict) and expected.keys() == found.keys():
        parts = [_differences(expected[name], found[name], f"{where}.{name}") for name in expected]
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = enumerate(zip(expected, found, strict=True))
        parts = [_differences(one, other, f"{where}[{number}]") for number, (one, other) in pairs]
    else:
        return "" if expected == found else f"{where}: {found} and not {expected}"
    return "; ".join(part for part in parts if part)
