"""The figures of a run that is over: made of what was seen in the clouds, what the rows say, and what was counted."""

import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from benchmarks.storm import rows
from benchmarks.storm.absence import Absence
from benchmarks.storm.figures import Away, Figures, Lateness
from benchmarks.storm.landscape import AWAY, Landscape, Place
from benchmarks.storm.lateness import Judged, Late, Wanted, judged, share
from benchmarks.storm.plan import Mode
from benchmarks.storm.stage import Seen, Stage
from benchmarks.storm.watch import Presence

_SLOWEST = 5


def figures_of(stage: Stage, seen: Seen) -> Figures:
    """Ask the stand-ins what is there, and put it all together."""
    plan, landscape, watch, crowd, company = stage.plan, stage.landscape, stage.watch, stage.crowd, stage.company
    wanted = rows.wanted(company.resources)
    verdict = judged(wanted, watch.presences)
    foreign_rules, foreign_changes = landscape.foreign()
    ours = sorted(landscape.ours())
    return Figures(
        mode=plan.mode,
        seed=plan.seed,
        sessions=plan.sessions,
        rate=plan.rate,
        seconds=plan.seconds,
        callers=plan.callers,
        done=dict(crowd.done),
        refused=dict(crowd.refused),
        unanswered=crowd.unanswered,
        rows=rows.sessions(),
        killed={str(victim): number for victim, number in stage.site.killed.items()},
        wanted_kills=plan.kills,
        faults=landscape.met(),
        processors=os.cpu_count() or 0,
        load=[round(load, 2) for load in seen.load],
        lateness=_lateness(verdict),
        recorded=_recorded(verdict.gone),
        sampling={"median": round(share(watch.gaps, 0.5), 3), "longest": round(max(watch.gaps, default=0.0), 3)},
        ours_left=len(ours),
        rows_left=rows.rules(),
        foreign_rules=foreign_rules,
        foreign_changes=foreign_changes,
        touched=landscape.touched(),
        failures=seen.failures,
        away=_away(stage, seen.absence, wanted) if plan.mode is Mode.CLOUD_AWAY else None,
        slowest=[_told(late, landscape) for late in sorted(verdict.gone, key=_seconds)[-_SLOWEST:]],
        too_soon=[_told(late, landscape) for late in verdict.gone if _is_told_too_soon(late)],
        left=[_life(place, landscape, watch.presences, wanted) for place in ours],
    )


def _lateness(verdict: Judged) -> Lateness:
    seconds = [late.seconds for late in verdict.gone]
    return Lateness(
        measured=len(seconds),
        median=round(share(seconds, 0.5), 2),
        p99=round(share(seconds, 0.99), 2),
        longest=round(max(seconds, default=0.0), 2),
        unseen=verdict.unseen,
        retaken=len(verdict.retaken),
        longest_retaken=round(max(verdict.retaken, default=0.0), 2),
    )


def _recorded(gone: Iterable[Late]) -> dict[str, float]:
    """How removedAt of the rows compares with the last look that showed a rule, and the first that did not."""
    known = [(late, late.removed_at) for late in gone if late.removed_at is not None]
    after = [removed_at - late.gone_at for late, removed_at in known]
    too_soon = [late for late, _ in known if _is_told_too_soon(late)]
    return {
        "compared": len(known),
        "too_soon": len(too_soon),
        "median_after": round(share(after, 0.5), 2),
        "longest_after": round(max(after, default=0.0), 2),
    }


def _away(stage: Stage, absence: Absence, wanted: Sequence[Wanted]) -> Away:
    """What was due at the cloud that was away is counted from its return; the others as ever."""
    watch = stage.watch
    numbers = {spot.number for spot in stage.landscape.by_cloud[AWAY]}
    there = [each for each in wanted if each.place[0] in numbers]
    verdict = judged(there, watch.presences)
    # Also what was due a moment before, and could not go any more.
    waited = [late for late in verdict.gone if late.due_at < absence.back_at < late.gone_at]
    back = [late.gone_at - absence.back_at for late in waited]
    first = min((late.due_at for late in waited), default=absence.away_at)
    others = judged([each for each in wanted if each.place[0] not in numbers], watch.presences)
    return Away(
        cloud=AWAY,
        seconds=stage.plan.away_seconds,
        due=len(back),
        back_median=round(share(back, 0.5), 2),
        back_longest=round(max(back, default=0.0), 2),
        shown={
            place: round(absence.shown[place] - first, 1) if place in absence.shown else None
            for place in ("API", "metrics", "log")
        },
        others=_lateness(others),
    )


def _life(place: Place, landscape: Landscape, presences: Iterable[Presence], wanted: Iterable[Wanted]) -> str:
    """Of a rule that was left: since when it is seen, and when the last who wanted it there ended."""
    number, address = place
    since = max((each.since for each in presences if each.place == place), default=None)
    last = max((each for each in wanted if each.place == place), key=lambda each: each.until, default=None)
    until, removed_at = (last.until, last.removed_at) if last else (None, None)
    told = f"there since {_time(since)}, wanted until {_time(until)}, recorded as removed {_time(removed_at)}"
    return f"{landscape.spots[number].scene.cloud} {number} {address}: {told}"


def _is_told_too_soon(late: Late) -> bool:
    """Its row said that it was gone before the last look that still showed it."""
    return late.removed_at is not None and late.removed_at < late.last_seen


def _seconds(late: Late) -> float:
    return late.seconds


def _told(late: Late, landscape: Landscape) -> str:
    number, address = late.place
    recorded = "" if late.removed_at is None else f", recorded {late.removed_at - late.due_at:.2f} s later"
    seen = f"seen until {late.last_seen - late.due_at:.2f} s, gone {late.seconds:.2f} s later"
    return f"{landscape.spots[number].scene.cloud} {number} {address}: due {_time(late.due_at)}, {seen}{recorded}"


def _time(seconds: float | None) -> str:
    return "never" if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
