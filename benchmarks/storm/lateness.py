"""How long after its last session's end a rule was still in its cloud: the rows beside what was seen there."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from benchmarks.storm.landscape import Place
from benchmarks.storm.watch import Presence


@dataclass(frozen=True, slots=True)
class Wanted:
    """A session's share in a rule: from when to when it was due to be there, and when its row says that it was gone."""

    place: Place
    since: float
    until: float
    removed_at: float | None = None


@dataclass(frozen=True, slots=True)
class Late:
    """A rule that was there when nobody wanted it any more, and the seconds until it was seen to be gone."""

    place: Place
    due_at: float
    gone_at: float
    removed_at: float | None
    last_seen: float

    @property
    def seconds(self) -> float:
        return self.gone_at - self.due_at


@dataclass
class Judged:
    """What came of each time that a rule was wanted, by one session or by several at once.

    gone: it was seen to go afterwards. unseen: it was never there when its time was up. retaken: it was wanted again
    before it was gone, after so many seconds. left: it is still there.
    """

    gone: list[Late] = field(default_factory=list)
    unseen: int = 0
    retaken: list[float] = field(default_factory=list)
    left: list[Place] = field(default_factory=list)


def together(wanted: Iterable[Wanted]) -> list[Wanted]:
    """The times in which a rule was wanted by somebody without a break: of each place in order."""
    merged: list[Wanted] = []
    for each in sorted(wanted, key=lambda share: (share.place, share.since)):
        last = merged[-1] if merged else None
        if last is None or last.place != each.place or each.since > last.until:
            merged.append(each)
            continue
        later = each if each.until >= last.until else last
        merged[-1] = Wanted(each.place, last.since, later.until, later.removed_at)
    return merged


def judged(wanted: Iterable[Wanted], seen: Iterable[Presence]) -> Judged:
    """Each time that a rule was wanted, and what was seen after it."""
    verdict = Judged()
    presences: dict[Place, list[Presence]] = defaultdict(list)
    for presence in seen:
        presences[presence.place].append(presence)
    times: dict[Place, list[Wanted]] = defaultdict(list)
    for time in together(wanted):
        times[time.place].append(time)
    for place, those in times.items():
        ends = [*(each.since for each in those[1:]), float("inf")]
        for time, again_at in zip(those, ends, strict=True):
            _judge(verdict, time, again_at, presences[place])
    return verdict


def _judge(verdict: Judged, time: Wanted, again_at: float, presences: Sequence[Presence]) -> None:
    after = [each for each in presences if (each.until is None or each.until > time.until) and each.since < again_at]
    if not after:
        verdict.unseen += 1
        return
    last = max(after, key=lambda presence: presence.since)
    if last.until is None and again_at == float("inf"):
        verdict.left.append(time.place)
    elif last.until is None or last.until > again_at:
        verdict.retaken.append(again_at - time.until)
    else:
        verdict.gone.append(Late(time.place, time.until, last.until, time.removed_at, last.last))


def share(values: Sequence[float], part: float) -> float:
    """The value that this part of them does not exceed: the smallest such of them; 0 of none."""
    if not values:
        return 0.0
    inorder = sorted(values)
    return inorder[max(0, -(-len(inorder) * round(part * 1000) // 1000) - 1)]
