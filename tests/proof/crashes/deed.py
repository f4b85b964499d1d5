"""What is done, by which process, and how it is done again after that process has died."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from api.clouds import CLOUDS
from tests.proof.crashes.site import It, Site
from tests.proof.scale import FULL

Process = Literal["API", "worker", "sweeper", "command"]
Database = Literal["shared", "own", "empty"]
Act = Callable[[Site, It], None]

_USUAL_CLOUD = "AWS"
EVERY_CLOUD = tuple(CLOUDS)
EVERY_CLOUD_IF_FULL = EVERY_CLOUD if FULL else (_USUAL_CLOUD,)
"""For what a cloud is asked at other deeds too."""


def nothing(_: Site, __: It) -> None:
    """There is nothing to do."""


@dataclass(frozen=True, slots=True)
class Deed:
    """prepare: what must be there first; it never dies. again: what the one who asked does after the process has died
    and was started again. ends: a claim about the state that the deed leaves, beside what holds of all deeds.
    database: one that all share, one of its own, or one without tables. retold: the audit events that a deed which was
    done again leaves in other numbers than one that was done once. cloud: where its credentials are of. opens: it has
    rules put on an object, which is this run's own.
    """

    name: str
    process: Process
    act: Act
    prepare: Act
    again: Act
    ends: Act
    database: Database
    retold: tuple[str, ...]
    cloud: str
    opens: bool


DEEDS: dict[str, Deed] = {}


def named(what: str, cloud: str) -> str:
    """The name of a deed that is done at this cloud."""
    return what if cloud == _USUAL_CLOUD else f"{what} at {cloud}"


def deed(
    process: Process,
    *,
    prepare: Act = nothing,
    again: Act | None = None,
    ends: Act = nothing,
    database: Database = "shared",
    retold: tuple[str, ...] = (),
    clouds: tuple[str, ...] = (_USUAL_CLOUD,),
    opens: bool = False,
) -> Callable[[Act], Act]:
    """Add a deed for each of these clouds, named as its function is. Who asks the API or runs a command asks again,
    unless `again` is given; what a worker or a sweeper has left is found by the next one.
    """

    def add(act: Act) -> Act:
        name = act.__name__.replace("_", " ")
        repeats = again or (act if process in ("API", "command") else nothing)
        for cloud in clouds:
            at_cloud = named(name, cloud)
            DEEDS[at_cloud] = Deed(at_cloud, process, act, prepare, repeats, ends, database, retold, cloud, opens)
        return act

    return add
