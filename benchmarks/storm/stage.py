"""What a run takes place on, and what was noted beside it."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.storm.absence import Absence
from benchmarks.storm.company import Company
from benchmarks.storm.crowd import Crowd
from benchmarks.storm.landscape import Landscape
from benchmarks.storm.plan import Plan
from benchmarks.storm.site import Site
from benchmarks.storm.watch import Watch


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that takes part in a run."""

    plan: Plan
    landscape: Landscape
    site: Site
    company: Company
    watch: Watch
    crowd: Crowd


@dataclass(frozen=True, slots=True)
class Seen:
    """load: of the machine, at the beginning, when the last session had come, and at the end."""

    load: Sequence[float]
    failures: Sequence[str]
    absence: Absence
