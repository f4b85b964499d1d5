"""Asking for a rule, and giving up what was asked for."""

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

import peewee

from api import due
from api.clouds import CLOUDS
from api.clouds.options import PORT_OPTIONS
from api.clouds.rules import Network
from api.database import by_row, delete, insert_all, locked, now
from api.due import Priority
from api.resources.models import Resource
from api.targets import holding
from api.targets.holding import Held
from api.targets.models import Grant, Rule, Target
from api.targets.wanting import Opening, Wanted, hand_over, wanted, wanted_from_now

PENDING, APPLIED, FAILED, REMOVING, REMOVED = "PENDING", "APPLIED", "FAILED", "REMOVING", "REMOVED"

_HELD = (PENDING, APPLIED, REMOVING)
_NO_PORTS = "the resource's config names no port, so nothing says what to open"
_NOT_SEEN_YET = "the resource has not been verified yet"
_WITH_PORTS = ("tcp", "udp")


@dataclass(frozen=True, slots=True)
class Asked:
    """Who wants which address let through to what: a session's id, or a static rule's."""

    resource: Resource
    address: Network
    session_id: uuid.UUID | None = None
    static_rule_id: uuid.UUID | None = None


def grant(*asked: Asked, held: Held) -> None:
    """Let addresses through to resources, from the next time that a worker looks. Inside `write`.

    Where a resource cannot be opened the grant is FAILED and says why. held: their targets.
    """
    openings = [Opening(each.resource, each.address) for each in asked if not obstacle_to(each.resource)]
    rules = wanted_from_now(openings, held)
    insert_all(
        Grant,
        [
            _columns(each, rules.get(Opening(each.resource, each.address)), position)
            for position, each in enumerate(asked)
        ],
    )


def obstacle_to(resource: Resource) -> str | None:
    """Why a resource cannot be opened now."""
    if resource.deleting_since is not None:
        return "the resource is being deleted"
    if not resource.is_active:
        return resource.verification_error or _NOT_SEEN_YET
    options = CLOUDS[resource.provider].resource_types[resource.resource_type].options
    config = resource.config or {}
    needs_ports = "port" in options and config.get("protocol", "tcp") in _WITH_PORTS
    return _NO_PORTS if needs_ports and not any(name in config for name in PORT_OPTIONS) else None


def hold(resources: Iterable[Resource], grants: peewee.Node | None = None) -> Held:
    """Lock the targets that resources name, and those of the grants that match. Inside `write`.

    Whoever changes several targets, or a target and then a session, calls this first: a worker too has its target
    before it writes to sessions. All are locked in one order, so that nobody waits for somebody who waits for him. What
    can be done before is done before: everybody else who wants something there waits from here on.
    """
    return holding.hold([resource for resource in resources if not obstacle_to(resource)], grants)


def failed_on(resource: Resource) -> peewee.Node:
    """The grants that have not let anybody in to a resource, and may yet."""
    return _failed(Grant.resource_id == resource.id)


def try_again(resource: Resource, held: Held) -> set[uuid.UUID]:
    """Ask anew for what could not be asked for, if the resource can be opened by now; if not, say why. Inside `write`.

    Returns the sessions whose grants are not FAILED any more. held: what the caller has of their targets.
    """
    failed: Any = failed_on(resource)
    if obstacle := obstacle_to(resource):
        _say_why(failed, obstacle)
        return set()
    rows = list(locked(Grant.select().where(failed).order_by(Grant.id)))
    _look_at([one.rule_id for one in rows if one.rule_id])
    asked = {one.id: Opening(resource, ip_network(one.address)) for one in rows if not one.rule_id}
    if not asked:
        return set()
    rules = wanted_from_now(list(asked.values()), held)
    told = by_row(Grant.id, {grant_id: rules[each] for grant_id, each in asked.items()}, Grant.rule_id)
    Grant.update(rule_id=told, status=PENDING, error=None).where(Grant.id.in_(list(asked))).execute()
    return {one.session_id for one in rows if one.id in asked} - {None}


def bar(credential_id: uuid.UUID, obstacle: str) -> None:
    """Let what could not be asked for on a credential's resources say why none of them can be opened. Inside `write`.

    The credential and its resources are the caller's. No target is held: what has no rule is on none.
    """
    theirs = (Resource.credential_id == credential_id) & Resource.deleting_since.is_null()
    _say_why(_failed(Grant.resource_id.in_(Resource.select(Resource.id).where(theirs))), obstacle)


def end(which: peewee.Node, held: Held) -> set[uuid.UUID]:
    """End the grants that have not ended, and have the rules removed that nobody wants any more. Inside `write`.

    Returns the sessions whose grants have ended. held: their targets, so that they were locked before anything else.
    """
    live: Any = Grant.select().where(which, Grant.ended_at.is_null())
    ending = list(locked(live.order_by(Grant.id)))
    if not ending:
        return set()
    rules = _left(ending, held)
    never_added = [each.rule.id for each in rules if not each.holders and not each.rule.is_added]
    _write_ends(ending, {each.rule.id: each.holders[0] for each in rules if each.holders}, never_added)
    hand_over(rules)
    if never_added:
        delete(Rule, Rule.id.in_(never_added))
    if gone := {each.rule.target_id for each in rules if not each.holders and each.rule.is_added}:
        due.want(Target, Target.id.in_(sorted(gone)), Priority.REVOKE)
    return {one.session_id for one in ending if one.session_id}


def grants_of(sessions: Iterable[uuid.UUID]) -> Mapping[uuid.UUID, list[Grant]]:
    """The grants of sessions, by session, as they were made."""
    found: dict[uuid.UUID, list[Grant]] = {session_id: [] for session_id in sessions}
    theirs: Any = Grant.select().where(Grant.session_id.in_(list(found)))
    for one in theirs.order_by(Grant.created_at, Grant.id):
        found[one.session_id].append(one)
    return found


def has_rules_of_resource(resource_id: uuid.UUID) -> bool:
    """Whether a rule that was asked for because of a resource is in a cloud, or may come there.

    What a cloud refused for good is in none.
    """
    added = Rule.select(Rule.id).where(Rule.is_added)
    held = Grant.status.in_(_HELD) | ((Grant.status == FAILED) & Grant.rule_id.in_(added))
    return bool(Grant.select().where(Grant.resource_id == resource_id, held).exists())


def has_rules_of_credential(credential_id: uuid.UUID) -> bool:
    """The same of rules that are put there and removed with a credential."""
    held = Grant.select(Grant.rule_id).where(Grant.rule_id == Rule.id, Grant.status.in_(_HELD))
    may_be_there = Rule.is_added | peewee.fn.EXISTS(held)
    return bool(Rule.select().where(Rule.credential_id == credential_id, may_be_there).exists())


def look_at_all(credential_id: uuid.UUID) -> None:
    """Have the targets of a credential looked at, since what it may do has changed. Inside `write`."""
    _look_at([row.id for row in Rule.select(Rule.id).where(Rule.credential_id == credential_id)])


def _failed(which: Any) -> peewee.Node:
    failed: peewee.Node = which & Grant.ended_at.is_null() & (Grant.status == FAILED)
    return failed


def _say_why(failed: peewee.Node, obstacle: str) -> None:
    """Let those of the grants that could not be asked for say what is in the way now."""
    unasked = Grant.rule_id.is_null() & (Grant.error != obstacle)
    others = list(locked(Grant.select(Grant.id).where(failed, unasked).order_by(Grant.id)))
    if others:
        Grant.update(error=obstacle).where(Grant.id.in_([one.id for one in others])).execute()


def _columns(asked: Asked, rule_id: uuid.UUID | None, position: int) -> dict[str, Any]:
    """A new grant. `created_at` is the order in which grants are shown."""
    return {
        "organisation_id": asked.resource.organisation_id,
        "session_id": asked.session_id,
        "static_rule_id": asked.static_rule_id,
        "resource_id": asked.resource.id,
        "resource_name": asked.resource.name,
        "address": str(asked.address),
        "rule_id": rule_id,
        "status": PENDING if rule_id else FAILED,
        "error": obstacle_to(asked.resource),
        "created_at": now(position / 1_000_000),
    }


def _left(ending: Collection[Grant], held: Held) -> list[Wanted]:
    """The rules of grants that end, with those who go on wanting them."""
    which = Rule.id.in_(list({one.rule_id for one in ending if one.rule_id}))
    without = [one.id for one in ending]
    rules = wanted(which, without)
    # While the grants were waited for, the first that asked for a rule of theirs may have got it.
    if unheld := {each.rule.target_id for each in rules} - held.ids:
        holding.lock(unheld)
        rules = wanted(which, without)
    return rules


def _write_ends(
    ending: Collection[Grant], keepers: Mapping[uuid.UUID, uuid.UUID], never_added: Collection[uuid.UUID]
) -> None:
    """Write down that grants end, and that a rule which no cloud was asked for is over for all who ever wanted it."""
    is_forgotten = Grant.rule_id.in_(list(never_added))
    is_over = Grant.rule_id.is_null() | Grant.rule_id.in_(list(keepers)) | is_forgotten
    was_over = Grant.status == REMOVED
    Grant.update(
        ended_at=peewee.fn.COALESCE(Grant.ended_at, now()),
        status=peewee.Case(None, [(is_over | was_over, REMOVED)], REMOVING),
        removed_at=peewee.Case(None, [(was_over, Grant.removed_at), (is_over, now())]),
        error=None,
        kept_by=by_row(Grant.rule_id, keepers, Grant.kept_by),
        rule_id=peewee.Case(None, [(is_forgotten, None)], Grant.rule_id),
    ).where(Grant.id.in_([one.id for one in ending]) | is_forgotten).execute()


def _look_at(rule_ids: Collection[uuid.UUID]) -> None:
    """Make the targets of rules due to be looked at."""
    rows = Rule.select(Rule.target_id).where(Rule.id.in_(list(rule_ids)))
    if targets := {row.target_id for row in rows}:
        holding.lock(targets)
        due.want(Target, Target.id.in_(sorted(targets)), Priority.APPLY)
