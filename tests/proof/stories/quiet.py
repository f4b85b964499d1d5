"""What must be so when nothing is wrong any more and all that was due is done."""

from collections import Counter
from collections.abc import Iterator

from api.credentials import service as credentials
from api.credentials.models import Credential
from api.database import now
from api.due import LEASE_SECONDS
from api.lifecycle import deleting, suspension
from api.lifecycle.due_rows import MODELS
from tests.proof.stories.always import pass_of
from tests.proof.stories.model import Wanted
from tests.proof.stories.rows import Rows
from tests.proof.stories.world import DRIFT_SECONDS, World

# Leases run out, pauses and backoff end, what may still land is looked for, and then comes what was changed by hand.
_WAITS = (0, LEASE_SECONDS + 1, LEASE_SECONDS + 1, 30, 30, 60, DRIFT_SECONDS, LEASE_SECONDS + 1, LEASE_SECONDS + 1)


def come(world: World) -> None:
    """Mend all there is to mend, and let workers serve until nothing is due."""
    world.moments.live()
    world.ground.calm()
    world.ground.mend()
    world.ground.make_room()
    world.start_worker()
    for credential in Credential.select():
        # Also one that is being deleted: what is left to be removed is removed with it.
        credentials.ask_verification(world.admin(world.model.houses[credential.organisation_id]), credential.id)
    for seconds in _WAITS:
        world.pass_time(seconds)
        world.serve()
        deleting.finish()
    assert not [model for model in MODELS if model.select().where(model.due_at <= now()).exists()], "something is due"


def end_all(world: World) -> None:
    """Let nobody in any more."""
    for house in world.model.houses.values():
        if not house.is_suspended:
            suspension.suspend(house.slug)
            world.model.suspend(house)


def wrongs(world: World, rows: Rows) -> Iterator[str]:
    """What is not as it must be, in words."""
    there = Counter(_of_ours(world, rows))
    wanted = world.model.wanted()
    if there != wanted:
        yield f"quiet: there is {there - wanted} too much, and {wanted - there} is not there"
    if world.strays:
        yield "quiet: what a restored backup knows nothing of is there"
    going = {row.id for row in rows.resources.values() if row.deleting_since is not None}
    going |= {row.id for row in rows.standings.values() if row.deleting_since is not None}
    if going or Credential.select().where(Credential.deleting_since.is_null(False)).exists():
        yield "quiet: what was deleted is still there"
    yield from _of_what_is_said(rows)


def _of_what_is_said(rows: Rows) -> Iterator[str]:
    for row in rows.sessions.values():
        right = "ACTIVE" if row.ended_at is None else "EXPIRED" if row.ended_reason == "EXPIRED" else "CANCELLED"
        if row.status != right:
            yield f"quiet: a session is {row.status}, not {right}"
    for one in rows.grants:
        if one.status != ("APPLIED" if one.ended_at is None else "REMOVED"):
            yield f"quiet: a grant is {one.status}: {one.error}"
        if one.error is not None and not (one.ended_at is None and "somebody else" in one.error):
            yield f"quiet: a grant that is {one.status} says {one.error}"
    for rule in rows.rules.values():
        said = (rule.is_added, rule.is_seen, rule.is_applied, rule.error)
        if said != (True, True, True, None):
            yield f"quiet: of a rule is said {said}"


def _of_ours(world: World, rows: Rows) -> Iterator[Wanted]:
    for gate, rule_id, lets_in in world.ground.ours():
        row = rows.rules.get(rule_id)
        if row is None or lets_in != pass_of(row):
            yield None, gate, lets_in[0], 0
        else:
            yield row.organisation_id, gate, lets_in[0], int(lets_in[2][0])
