"""What a run does, drawn from its seed: who opens what for how long, and which process is killed when."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from api.due import LEASE_SECONDS

CLOUDS = 4
TARGETS = 12
"""Three in each cloud."""
WORKERS = 3
API_PROCESSES = 2
RATE = 3.0
"""Sessions a second."""
CALM_RATE = 2.0
"""The same where nothing is killed. With more of them the callers, the stand-ins and the watch take so much of two
processors that what is measured is the wait for a processor."""
RESTART_SECONDS = 0.3
"""After which what a supervisor keeps is started again."""
AFTER_SECONDS = LEASE_SECONDS + 5
"""What a call that was cut off may still do, it has done by then."""
ADDRESSES = (
    *(f"81.2.69.{number}" for number in range(40)),
    *(f"2a00:1450:4001:82a::{number:x}" for number in range(1, 13)),
)
"""Fewer than there are sessions at a time on some targets, so that rules are shared."""
# A person has five sessions at a time at most, and the longest lasts for 45 s.
_SECONDS_BETWEEN_TWO_OF_ONE = 12


class Mode(StrEnum):
    """What a run is exposed to."""

    STORM = "storm"
    HEALTHY = "healthy"
    REDIS_AWAY = "redis-away"
    CLOUD_AWAY = "cloud-away"


class Fate(StrEnum):
    """How a session comes to its end."""

    EXPIRES = "expires"
    STOPPED = "stopped"
    EXTENDED = "extended"
    MOVED = "moved"


class Victim(StrEnum):
    """What is killed."""

    API = "API parent"
    API_CHILD = "API child"
    WORKER = "worker parent"
    WORKER_CHILD = "worker child"
    SWEEPER = "sweeper"
    VALKEY = "Valkey"


_SHARES = {
    Victim.API: 10,
    Victim.API_CHILD: 15,
    Victim.WORKER: 15,
    Victim.WORKER_CHILD: 35,
    Victim.SWEEPER: 12,
    Victim.VALKEY: 13,
}
_FATES = {Fate.EXPIRES: 40, Fate.STOPPED: 30, Fate.EXTENDED: 20, Fate.MOVED: 10}
_EARLY = 100
EARLY_SECONDS = 30.0
_SHORTEST, _LONGEST, _LONGEST_EXTENSION = 8, 30, 15


@dataclass(frozen=True, slots=True)
class Plan:
    """One run. rate: sessions a second. away_seconds: for how long the cloud is away, where one is."""

    mode: Mode
    seed: int
    sessions: int
    kills: int
    rate: float
    away_seconds: float

    @property
    def name(self) -> str:
        return f"{self.mode}-{self.seed}"

    @property
    def seconds(self) -> float:
        """For how long sessions are started."""
        return self.sessions / self.rate

    @property
    def early(self) -> int:
        """How many come at the very beginning, so that a cloud that goes away then has much to keep."""
        return min(_EARLY, self.sessions // 4) if self.mode is Mode.CLOUD_AWAY else 0

    @property
    def callers(self) -> int:
        rate = max(self.rate, self.early / EARLY_SECONDS)
        return max(8, round(rate * _SECONDS_BETWEEN_TWO_OF_ONE))

    def starts_at(self, number: float) -> float:
        """When the session of that number is started; a fraction is in between two."""
        if number < self.early:
            return EARLY_SECONDS * number / self.early
        late = EARLY_SECONDS if self.early else 0.0
        return late + (self.seconds - late) * (number - self.early) / (self.sessions - self.early)


@dataclass(frozen=True, slots=True)
class Visit:
    """A session. at: when it is started, in seconds from the beginning. after: so long later its fate comes upon it."""

    number: int
    at: float
    caller: int
    address: str
    other_address: str
    targets: tuple[int, ...]
    seconds: int
    fate: Fate
    after: float
    extension: int


@dataclass(frozen=True, slots=True)
class Kill:
    """A kill -9. choice: from 0 to 1, which of the processes of that kind."""

    at: float
    victim: Victim
    choice: float


def visits(plan: Plan) -> Iterator[Visit]:
    """The sessions in the order of their beginnings; the callers take turns."""
    chance = random.Random(f"visits {plan.seed}")  # noqa: S311 - chance, not secrecy
    for number in range(plan.sessions):
        seconds = chance.randint(_SHORTEST, _LONGEST)
        address = chance.choice(ADDRESSES)
        yield Visit(
            number=number,
            at=plan.starts_at(number + chance.random()),
            caller=number % plan.callers,
            address=address,
            other_address=chance.choice([other for other in ADDRESSES if other != address]),
            targets=tuple(chance.sample(range(TARGETS), chance.choices((1, 2, 3), (50, 35, 15))[0])),
            seconds=seconds,
            fate=chance.choices(list(_FATES), list(_FATES.values()))[0],
            after=chance.uniform(0.1, 0.8) * seconds,
            extension=chance.randint(5, _LONGEST_EXTENSION),
        )


def kills(plan: Plan) -> list[Kill]:
    """When what is killed, in order: over all the time in which sessions are started."""
    chance = random.Random(f"kills {plan.seed}")  # noqa: S311 - chance, not secrecy
    times = sorted(chance.uniform(2, max(3.0, plan.seconds)) for _ in range(plan.kills))
    return [Kill(at, chance.choices(list(_SHARES), list(_SHARES.values()))[0], chance.random()) for at in times]
