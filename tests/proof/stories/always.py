"""What must be so after every single step, whatever has just died."""

import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from ipaddress import ip_network
from itertools import pairwise

from api.due import Priority
from api.sessions.models import Session
from api.targets.models import Grant, Rule
from tests.clouds.nimbus import Pass
from tests.proof.stories.model import Stay
from tests.proof.stories.rows import Rows
from tests.proof.stories.sky import GATES
from tests.proof.stories.world import World

# The longest wait between two tries to remove, and the lease after which a late call is looked for.
_SOON = timedelta(seconds=21)
_EVENTS = _APPLY, _RESTORE, _REMOVE = "RULE_APPLY", "RULE_RESTORE", "RULE_REMOVE"
_NEXT: dict[str | None, set[str]] = {
    None: {_APPLY},
    _APPLY: {_RESTORE, _REMOVE},
    _RESTORE: {_RESTORE, _REMOVE},
    _REMOVE: {_APPLY},
}


def wrongs(world: World, rows: Rows) -> Iterator[str]:
    """What is not as it must be, in words."""
    yield from world.claims.wrong
    yield from _of_foreign_rules(world)
    yield from _of_our_rules(world, rows)
    yield from _of_what_nobody_wants(world, rows)
    yield from _of_sessions(world, rows)
    yield from _of_standings(world, rows)
    yield from _of_deleted_standings(world, rows)
    yield from _of_trails(world, rows)
    yield from _of_quotas(world, rows)


def _of_foreign_rules(world: World) -> Iterator[str]:
    for gate in GATES:
        if world.ground.foreign(gate) != world.ground.theirs[gate]:
            yield f"foreign: the rules of others at {gate} are {world.ground.foreign(gate)}"


def _of_our_rules(world: World, rows: Rows) -> Iterator[str]:
    """What is ours in the cloud has a row that says so, which was committed before."""
    ours = {rule: lets_in for _, rule, lets_in in world.ground.ours()}
    world.strays &= ours.keys()
    for rule_id, lets_in in ours.items():
        row = rows.rules.get(rule_id)
        if row is None:
            if rule_id not in world.strays:
                yield f"subset: {lets_in} is in the cloud and has no row"
            continue
        world.strays.discard(rule_id) if row.is_added else None
        if not row.is_added and rule_id not in world.strays:
            yield f"subset: {lets_in} is in the cloud and its row does not say that it is ours"
        if lets_in == pass_of(row):
            world.ground.touched.discard(rule_id)


def _of_what_nobody_wants(world: World, rows: Rows) -> Iterator[str]:
    """It is absent, or somebody looks at it soon."""
    wanted = rows.wanted_rules()
    ours = {rule for _, rule, _ in world.ground.ours()}
    for rule in rows.rules.values():
        if rule.id in wanted or not (rule.is_added or rule.id in ours):
            continue
        target = rows.targets[rule.target_id]
        if target.due_at is None or target.due_at > rows.moment + _SOON:
            yield f"unwanted: {rule.address} is to go, and its target is due at {target.due_at}, now {rows.moment}"
        if target.due_priority != Priority.REVOKE and (target.due_at is None or target.due_at > rows.moment):
            yield f"unwanted: {rule.address} is to go, and its target waits with priority {target.due_priority}"
    for one in rows.grants:
        if one.status == "REMOVING" and (one.rule_id is None or one.rule_id not in rows.rules):
            yield "unwanted: a grant waits for the end of a rule that is no more"


def _of_sessions(world: World, rows: Rows) -> Iterator[str]:
    there = {
        rule for _, rule, lets_in in world.ground.ours() if rule in rows.rules and lets_in == pass_of(rows.rules[rule])
    }
    grants: dict[uuid.UUID, list[Grant]] = {each: [] for each in rows.sessions}
    for one in rows.grants:
        if one.session_id is not None:
            grants[one.session_id].append(one)
    if rows.sessions.keys() != world.model.stays.keys():
        yield "sessions: not those that were started are there"
        return
    for stay in world.model.stays.values():
        row, theirs = rows.sessions[stay.id], grants[stay.id]
        yield from _of_end(stay, row, rows.moment)
        live = Counter((one.resource_id, one.address) for one in theirs if one.ended_at is None)
        if live != Counter(stay.open):
            yield f"sessions: {stay} lets in {live}"
        if row.status != _status(row, theirs):
            yield f"sessions: a session is {row.status}, its grants {[one.status for one in theirs]}"
        if row.status == "ACTIVE":
            for one in theirs:
                if one.ended_at is None and one.rule_id not in there | world.ground.touched:
                    yield f"active: {one.address} is not let in"


def _of_end(stay: Stay, row: Session, moment: datetime) -> Iterator[str]:
    is_up = stay.expires_at <= moment
    if stay.ended is None and is_up and row.ended_reason == "EXPIRED":
        stay.ended, stay.open = "EXPIRED", set()
    if row.ended_reason != stay.ended or (row.ended_at is None) != (stay.ended is None):
        yield f"sessions: {stay} has ended at {row.ended_at}: {row.ended_reason}"
    if row.expires_at != stay.expires_at:
        yield f"sessions: {stay} ends at {row.expires_at}"
    if stay.ended is None and (row.due_at is None or row.due_at > max(row.expires_at, moment + _SOON)):
        yield f"sessions: {stay} is due at {row.due_at}"


def _status(row: Session, grants: list[Grant]) -> str:
    if row.ended_at is not None:
        over = "EXPIRED" if row.ended_reason == "EXPIRED" else "CANCELLED"
        return "EXPIRING" if any(one.status == "REMOVING" for one in grants) else over
    live = {one.status for one in grants if one.ended_at is None}
    if live == {"APPLIED"}:
        return "ACTIVE"
    return "PARTIAL" if "APPLIED" in live else "PENDING" if "PENDING" in live else "FAILED"


def _of_standings(world: World, rows: Rows) -> Iterator[str]:
    if {each.id for each in rows.standings.values() if each.deleting_since is None} != world.model.standings.keys():
        yield "static rules: not those that were made are there"
        return
    for standing in world.model.standings.values():
        row = rows.standings[standing.id]
        is_up = not standing.is_in_force(rows.moment)
        if is_up and row.due_at is None and not standing.is_told:
            standing.is_told, standing.open, standing.expired = True, set(), standing.expired + 1
        live = Counter(one.resource_id for one in rows.live() if one.static_rule_id == standing.id)
        if live != Counter(standing.open):
            yield f"static rules: {standing} lets in to {live}"
        if standing.expires_at is not None and not is_up and row.due_at is None:
            yield f"static rules: {standing} is not due"
        told = [event for event, _ in rows.told[str(standing.id)]]
        if told.count("STATIC_IP_RULE_EXPIRE") != standing.expired:
            yield f"trail: a static rule that expired {standing.expired} times: {told}"


def _of_deleted_standings(world: World, rows: Rows) -> Iterator[str]:
    """They let nobody in, and are shown for as long as a rule of theirs has yet to go."""
    deleted = world.model.deleted
    shown = {each.id for each in rows.standings.values() if each.deleting_since is not None}
    if shown - deleted:
        yield "static rules: one is being deleted that nobody has deleted"
    theirs = [one for one in rows.grants if one.static_rule_id in deleted]
    if any(one.ended_at is None for one in theirs):
        yield "static rules: a deleted one lets in"
    if {one.static_rule_id for one in theirs if one.status != "REMOVED"} - shown:
        yield "static rules: a deleted one is not shown, and lets in until its rule is gone"
    for each in deleted:
        told = [event for event, _ in rows.told[str(each)]]
        if told.count("STATIC_IP_RULE_DELETE") != 1:
            yield f"trail: of a deleted static rule is told {told}"


def _of_trails(world: World, rows: Rows) -> Iterator[str]:
    """Each transition is told of once."""
    for stay in world.model.stays.values():
        told = Counter(event for event, _ in rows.told[str(stay.id)])
        right = Counter(
            SESSION_START=1,
            SESSION_EXPIRE=int(stay.ended == "EXPIRED"),
            SESSION_STOP=int(stay.ended not in (None, "EXPIRED")),
            SESSION_EXTEND=stay.extended,
            SESSION_UPDATE=stay.moved,
        )
        if told != right:
            yield f"trail: of {stay} is told {dict(told)}"
    of_rules = {uuid.UUID(subject): steps for subject, steps in rows.told.items() if steps and steps[0][0] in _EVENTS}
    for rule_id in of_rules.keys() | rows.rules.keys():
        yield from _of_trail(world, rule_id, rows.rules.get(rule_id), of_rules.get(rule_id, []))


def _of_trail(world: World, rule_id: uuid.UUID, row: Rule | None, told: list[tuple[str, bool]]) -> Iterator[str]:
    steps: list[str | None] = [None, *(event for event, succeeded in told if succeeded)]
    if any(after not in _NEXT[before] for before, after in pairwise(steps)):
        yield f"trail: of a rule is told {steps[1:]}"
    if (steps[-1] in (_APPLY, _RESTORE)) != (row is not None and row.is_applied):
        yield f"trail: of a rule that is {'applied' if row and row.is_applied else 'gone'} is told {steps[1:]}"
    if steps.count(_RESTORE) > world.ground.hands.get(rule_id, 0):
        yield f"trail: a rule is told to be restored more often than it was changed: {steps[1:]}"


def _of_quotas(world: World, rows: Rows) -> Iterator[str]:
    live = [row for row in rows.sessions.values() if row.ended_at is None and row.expires_at > rows.moment]
    for user, count in Counter(row.user_id for row in live if row.user_id).items():
        house = world.model.houses[world.model.people[user].house]
        if count > house.sessions_each:
            yield f"quota: somebody has {count} sessions"
    for house_id, count in Counter(
        row.organisation_id for row in rows.resources.values() if row.deleting_since is None
    ).items():
        if count > world.model.houses[house_id].most_doors:
            yield f"quota: an organisation has {count} resources"


def pass_of(rule: Rule) -> Pass:
    """What a rule's row says that is let through."""
    return str(ip_network(rule.address)), rule.protocol, tuple(str(first) for first, _ in rule.ports)
