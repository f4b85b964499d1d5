"""docs/storm.md, made of the figures of all runs."""

from collections.abc import Iterable, Sequence

from benchmarks.storm.figures import Away, Figures, Lateness
from benchmarks.storm.landscape import LOST, SLOW, SLOW_SECONDS, THROTTLED
from benchmarks.storm.plan import (
    ADDRESSES,
    AFTER_SECONDS,
    API_PROCESSES,
    CALM_RATE,
    CLOUDS,
    RATE,
    RESTART_SECONDS,
    TARGETS,
    WORKERS,
    Fate,
    Mode,
)
from tests.clouds.crowds.plan import SHARED

_HEAD = f"""# The storm

`make storm` runs what is told of here and writes this page: hours, on a machine that does nothing else.
`python -m benchmarks.storm --help` says how to run a part of it, or a smaller one.

**What runs.** Real processes: an API ({API_PROCESSES} processes and their parent), {WORKERS} workers as
`entryguard-server worker` starts them (a parent with two children and a sweeper each, so {WORKERS} sweepers),
PostgreSQL (`fsync` off: no machine dies), Valkey without persistence, and the stand-ins of AWS, Google Cloud, Azure and
APISIX, with {TARGETS // CLOUDS} targets in each. Callers with tokens and keys start sessions over HTTP from
{len(ADDRESSES)} addresses, IPv4 and IPv6, for one to three targets and 8 to 30 s: 40 in 100 are left to expire, 30 are
stopped, 20 are extended, 10 move to another address; {RATE:g} in a second, or {CALM_RATE:g} where nothing is killed,
since all of this shares the processors with what is measured. Some share a rule; {SHARED} addresses have an equal rule
of somebody else on every target. He adds, edits and removes rules of his all the while (on APISIX, whose Admin API
cannot take two writers of one whitelist, other parts of the route).

**The storm.** `kill -9` at random times on random processes, Valkey among them. Parents and Valkey are started again
after {RESTART_SECONDS:g} s, as a supervisor does it, children by their parents. The clouds throttle
{THROTTLED:.0%} of the calls, do {LOST:.0%} of the changes and drop their answers, and take {SLOW_SECONDS:g} s for
{SLOW:.0%} of the calls. A client whose request is not answered sends it again with the same Idempotency-Key.

**How lateness is measured.** From the moment at which the last session that wanted a rule expired or was stopped, by
its row, to the end of the first look into the stand-in that did not show the rule any more. Each target is looked at
all the time: the tables have the seconds between two looks, by which a figure may be too high, never too low. A rule
that was wanted again before it was gone is told apart.

**At the end** every stand-in is asked itself, {AFTER_SECONDS} s after the last row came to rest: what of EntryGuard's
is there, and whether each rule of somebody else is to the byte what he last made of it.
"""
_TITLES = {
    Mode.STORM: "Storm",
    Mode.HEALTHY: "Healthy: no kills, no faults",
    Mode.REDIS_AWAY: "Redis away from beginning to end",
    Mode.CLOUD_AWAY: "A cloud away",
}
_FATES = (Fate.STOPPED, Fate.EXTENDED, Fate.MOVED)


def written(runs: Sequence[Figures]) -> str:
    """The page."""
    parts = [_HEAD]
    for mode, title in _TITLES.items():
        those = sorted((each for each in runs if each.mode is mode), key=lambda each: each.seed)
        parts.append(f"## {title}\n")
        parts.append(_section(those) if those else "It has not been run.\n")
    return "\n".join(parts)


def summary(run: Figures) -> str:
    """What came of one run, for whoever looks on."""
    told = [f"  {'kept  ' if kept else 'BROKEN'}  {claim}" for claim, kept in run.claims()]
    told += [f"  {name}: {figure}" for name, figure in _figures(run)]
    told += [f"  slowest: {late}" for late in run.slowest]
    told += [f"  told too soon: {late}" for late in run.too_soon]
    told += [f"  left: {rule}" for rule in run.left]
    told += [f"  {failure}" for failure in run.failures]
    return "\n".join(told)


def _section(runs: Sequence[Figures]) -> str:
    names = [name for name, _ in _figures(runs[0])]
    columns = [dict(_figures(run)) for run in runs]
    rows = [[name, *(column.get(name, "") for column in columns)] for name in names]
    broken = [f"- seed {run.seed}: {claim}" for run in runs for claim, kept in run.claims() if not kept]
    table = _table(["seed", *(str(run.seed) for run in runs)], rows)
    claims = ", ".join(claim for claim, _ in runs[0].claims())
    verdict = "All of it was so" if not broken else "**Broken:**\n" + "\n".join(broken)
    together = ""
    if len(runs) > 1:
        kills = sum(sum(run.killed.values()) for run in runs)
        together = f"Over the seeds: {sum(run.rows for run in runs):,} sessions, {kills:,} kills.\n\n"
    return f"Had to be so: {claims}.\n\n{verdict}{'' if broken else '.'}\n\n{together}{table}\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _figures(run: Figures) -> list[tuple[str, str]]:
    return [
        ("sessions", f"{run.rows:,} in {run.seconds:.0f} s by {run.callers} callers"),
        (
            "stopped, extended, moved",
            ", ".join(f"{run.done.get(deed, 0):,}" for deed in ("stopped", "extended", "moved")),
        ),
        ("requests refused", _counts(run.refused)),
        ("requests sent again", f"{run.unanswered:,}"),
        ("killed", _counts(run.killed)),
        *((f"faults of {cloud}", _counts(met)) for cloud, met in run.faults.items() if met),
        *_lateness("", run.lateness),
        *(_absence(run.away) if run.away else ()),
        ("a look at a target every", f"{run.sampling['median']:.2f} s, at most {run.sampling['longest']:.2f} s"),
        ("removedAt of the rows", _recorded(run)),
        ("rules of ours left, rows of rules left", f"{run.ours_left}, {run.rows_left}"),
        (
            "foreign rules, changes by their owner, touched",
            f"{run.foreign_rules}, {run.foreign_changes}, {len(run.touched)}",
        ),
        ("load average before, in it, after", f"{_loads(run.load)} on {run.processors} processors"),
    ]


def _lateness(of_whom: str, late: Lateness) -> list[tuple[str, str]]:
    figures = f"{late.median:.2f} s, {late.p99:.2f} s, {late.longest:.2f} s of {late.measured:,}"
    retaken = f"{late.retaken:,}, the last after {late.longest_retaken:.2f} s; {late.unseen:,}"
    return [
        (f"gone after its end{of_whom}: median, p99, longest", figures),
        (f"wanted again before it was gone{of_whom}; not there at its end", retaken),
    ]


def _absence(away: Away) -> list[tuple[str, str]]:
    back = f"{away.back_median:.1f} s, {away.back_longest:.1f} s of {away.due:,}"
    shown = ", ".join(
        f"{place} {'never' if after is None else f'{after:.0f} s'}" for place, after in away.shown.items()
    )
    return [
        (f"{away.cloud} away for", f"{away.seconds:.0f} s: half of it refusing, half of it silent"),
        ("due meanwhile, gone after its return: median, longest", back),
        ("told of as overdue, after the first was due", shown),
        *_lateness(", in the other clouds", away.others),
    ]


def _after(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.0f} s"


def _recorded(run: Figures) -> str:
    said = run.recorded
    return (
        f"{said['compared']:.0f} compared: {said['too_soon']:.0f} before the last look that showed the rule; after the "
        f"first that did not by {said['median_after']:.2f} s (median), {said['longest_after']:.2f} s (longest)"
    )


def _loads(load: Sequence[float]) -> str:
    return ", ".join(f"{each:.1f}" for each in load)


def _counts(counts: object) -> str:
    items = counts.items() if isinstance(counts, dict) else ()
    return ", ".join(f"{name} {number}" for name, number in sorted(items)) or "none"
