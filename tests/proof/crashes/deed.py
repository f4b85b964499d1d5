"""What is done, by which process, and how it is done again after that process has died."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.proof.crashes.site import It, Site

Process = Literal["API", "worker", "sweeper", "command"]
Database = Literal["shared", "own", "empty"]
Act = Callable[[Site, It], None]


def nothing(_: Site, __: It) -> None:
    """There is nothing to do."""


@dataclass(frozen=True, slots=True)
class Deed:
    """prepare: what must be there first; it never dies. again: what the one who asked does after the process has died
    and was started again. ends: a claim about the state that the deed leaves, beside what holds of all deeds.
    database: one that all share, one of its own, or one without tables. retold: the audit events that a deed which was
    done again leaves in other numbers than one that was done once.
    """

    name: str
    process: Process
    act: Act
    prepare: Act
    again: Act
    ends: Act
    database: Database
    retold: tuple[str, ...]


DEEDS: dict[str, Deed] = {}


def deed(
    process: Process,
    *,
    prepare: Act = nothing,
    again: Act | None = None,
    ends: Act = nothing,
    database: Database = "shared",
    retold: tuple[str, ...] = (),
) -> Callable[[Act], Act]:
    """Add a deed, named as its function is. Who asks the API or runs a command asks again, unless `again` is given;
    what a worker or a sweeper has left is found by the next one.
    """

    def add(act: Act) -> Act:
        name = act.__name__.replace("_", " ")
        repeats = again or (act if process in ("API", "command") else nothing)
        DEEDS[name] = Deed(name, process, act, prepare, repeats, ends, database, retold)
        return act

    return add
