"""The figures of a run, what was promised of them, and the file that they are kept in."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.storm.plan import Mode

OVERDUE_SHOWN_SECONDS = 140
"""Two minutes, and the sweeper's ten seconds, and as long again for the look that notices."""
BACK_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Promise:
    """At most so many seconds: 99 of 100 rules, and each."""

    p99: float
    longest: float | None


PROMISED: Mapping[Mode, Promise] = {
    Mode.STORM: Promise(20, 60),
    Mode.HEALTHY: Promise(2, 5),
    Mode.REDIS_AWAY: Promise(3, None),
}


@dataclass(frozen=True, slots=True)
class Lateness:
    """In seconds, of rules that were seen to go. unseen, retaken: see `Judged`."""

    measured: int
    median: float
    p99: float
    longest: float
    unseen: int
    retaken: int
    longest_retaken: float


@dataclass(frozen=True, slots=True)
class Away:
    """A cloud was away. due: rules whose time was up then; shown: where they were told of after how many seconds."""

    cloud: str
    seconds: float
    due: int
    back_median: float
    back_longest: float
    shown: Mapping[str, float | None]
    others: Lateness


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One run."""

    mode: Mode
    seed: int
    sessions: int
    rate: float
    seconds: float
    callers: int
    done: Mapping[str, int]
    refused: Mapping[str, int]
    unanswered: int
    rows: int
    killed: Mapping[str, int]
    wanted_kills: int
    faults: Mapping[str, Mapping[str, int]]
    processors: int
    load: Sequence[float]
    lateness: Lateness
    recorded: Mapping[str, float]
    sampling: Mapping[str, float]
    ours_left: int
    rows_left: int
    foreign_rules: int
    foreign_changes: int
    touched: Sequence[str]
    failures: Sequence[str] = ()
    away: Away | None = None
    slowest: Sequence[str] = ()
    too_soon: Sequence[str] = ()
    left: Sequence[str] = ()

    def claims(self) -> list[tuple[str, bool]]:
        """What had to be so, and whether it was."""
        started = self.done.get("started", 0)
        return [
            (f"all {self.sessions:,} sessions were started once", started == self.rows == self.sessions),
            (f"{self.wanted_kills} kill -9", sum(self.killed.values()) == self.wanted_kills),
            ("0 rules of ours left", self.ours_left == 0),
            ("0 rows of rules left", self.rows_left == 0),
            ("0 foreign rules touched", not self.touched),
            ("nothing went wrong in watching", not self.failures),
            *self._timely(),
        ]

    def _timely(self) -> list[tuple[str, bool]]:
        if self.away is not None:
            shown = self.away.shown.values()
            return [
                ("something was due while the cloud was away", self.away.due > 0),
                (f"gone within {BACK_SECONDS} s of the cloud's return", self.away.back_longest <= BACK_SECONDS),
                (
                    "told of as overdue after 2 minutes in API, metrics and log",
                    all(after is not None and after <= OVERDUE_SHOWN_SECONDS for after in shown),
                ),
            ]
        promised = PROMISED[self.mode]
        claims = [(f"p99 ≤ {promised.p99:g} s", self.lateness.measured > 0 and self.lateness.p99 <= promised.p99)]
        if promised.longest is not None:
            longest = max(self.lateness.longest, self.lateness.longest_retaken)
            claims.append((f"longest ≤ {promised.longest:g} s", longest <= promised.longest))
        return claims

    @property
    def is_kept(self) -> bool:
        """Whether all was as it had to be."""
        return all(kept for _, kept in self.claims())

    def keep(self, file: Path) -> None:
        """Write them down, all or nothing."""
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(".new")
        unfinished.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        unfinished.replace(file)


def read(file: Path) -> Figures:
    """What was kept of a run."""
    kept = json.loads(file.read_text(encoding="utf-8"))
    kept["mode"] = Mode(kept["mode"])
    kept["lateness"] = Lateness(**kept["lateness"])
    if kept["away"]:
        kept["away"] = Away(**kept["away"] | {"others": Lateness(**kept["away"]["others"])})
    return Figures(**kept)
