"""Asking for a rule, and giving up what was asked for."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

import peewee

from api import due
from api.clouds import CLOUDS
from api.clouds.options import PORT_OPTIONS
from api.clouds.rules import Network
from api.credentials.models import Credential
from api.database import current_time, delete, locked, now
from api.due import Priority
from api.resources.models import Resource
from api.targets.models import Grant, Rule, Target

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


def grant(asked: Asked) -> Grant:
    """Let an address through to a resource, from the next time that a worker looks. Inside `write`.

    Where the resource cannot be opened the grant is FAILED and says why.
    """
    resource = asked.resource
    obstacle = obstacle_to(resource)
    rule = None if obstacle else _rule(resource, asked.address)
    made: Grant = Grant.create(
        organisation_id=resource.organisation_id,
        session_id=asked.session_id,
        static_rule_id=asked.static_rule_id,
        resource_id=resource.id,
        resource_name=resource.name,
        address=str(asked.address),
        rule_id=rule.id if rule else None,
        status=FAILED if obstacle else PENDING,
        error=obstacle,
        created_at=current_time(),
    )
    if rule:
        _hand_over([rule.id])
    return made


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


def hold(resources: Iterable[Resource], grants: peewee.Node | None = None) -> None:
    """Lock the targets that resources name, and those of the grants that match. Inside `write`.

    Whoever changes several targets, or a target and then a session, calls this first: a worker too has its target
    before it writes to sessions. All are locked in one order, so that nobody waits for somebody who waits for him.
    """
    openable = [resource for resource in resources if not obstacle_to(resource)]
    named = {_target_id(resource) for resource in sorted(openable, key=lambda each: tuple(_names(each).values()))}
    if grants is not None:
        rules = Grant.select(Grant.rule_id).where(grants, Grant.ended_at.is_null(), Grant.rule_id.is_null(False))
        named |= {row.target_id for row in Rule.select(Rule.target_id).where(Rule.id.in_(rules))}
    locked(Target.select(Target.id).where(Target.id.in_(sorted(named))).order_by(Target.id)).execute()


def try_again(resource: Resource) -> set[uuid.UUID]:
    """Ask anew for what could not be asked for, since the resource can be opened by now. Inside `write`.

    Returns the sessions whose grants have changed.
    """
    failed = (Grant.resource_id == resource.id) & Grant.ended_at.is_null() & (Grant.status == FAILED)
    if obstacle_to(resource) or not Grant.select().where(failed).exists():
        return set()
    hold([resource], failed)
    changed = set()
    for one in locked(Grant.select().where(failed).order_by(Grant.id)):
        if one.rule_id is None:
            rule = _rule(resource, ip_network(one.address))
            Grant.update(rule_id=rule.id, status=PENDING, error=None).where(Grant.id == one.id).execute()
            _hand_over([rule.id])
            changed.add(one.session_id)
        else:
            _look_at([one.rule_id], Priority.APPLY)
    return changed - {None}


def end(which: peewee.Node) -> set[uuid.UUID]:
    """End the grants that have not ended, and have the rules removed that nobody wants any more. Inside `write`.

    Returns the sessions whose grants have ended.
    """
    live: Any = Grant.select().where(which, Grant.ended_at.is_null())
    _lock_targets({one.rule_id for one in live if one.rule_id})
    ending = list(locked(live.order_by(Grant.id)))
    ids = Grant.id.in_([one.id for one in ending])
    Grant.update(ended_at=now(), status=REMOVING, error=None).where(ids).execute()
    rules = {one.rule_id for one in ending if one.rule_id}
    keepers = keepers_of(rules)
    for rule_id, keeper in keepers.items():
        Grant.update(kept_by=keeper).where(ids, Grant.rule_id == rule_id).execute()
    is_over = Grant.rule_id.is_null() | Grant.rule_id.in_(list(keepers))
    Grant.update(status=REMOVED, removed_at=now()).where(ids, is_over).execute()
    _hand_over(keepers)
    _look_at(rules - keepers.keys() - _forget_never_added(rules - keepers.keys()), Priority.REVOKE)
    return {one.session_id for one in ending if one.session_id}


def keepers_of(rules: Collection[uuid.UUID]) -> Mapping[uuid.UUID, uuid.UUID]:
    """By rule, one session or static rule that goes on wanting it; without those that nobody wants."""
    live: Any = Grant.select().where(Grant.rule_id.in_(list(rules)), Grant.ended_at.is_null())
    rows = live.order_by(Grant.created_at.desc(), Grant.id)
    return {one.rule_id: one.session_id or one.static_rule_id for one in rows}


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
    return bool(Grant.select().where(Grant.resource_id == resource_id, Grant.rule_id.is_null(False), held).exists())


def has_rules_of_credential(credential_id: uuid.UUID) -> bool:
    """The same of rules that are put there and removed with a credential."""
    held = Grant.select(Grant.rule_id).where(Grant.rule_id == Rule.id, Grant.status.in_(_HELD))
    may_be_there = Rule.is_added | peewee.fn.EXISTS(held)
    return bool(Rule.select().where(Rule.credential_id == credential_id, may_be_there).exists())


def look_at_all(credential_id: uuid.UUID) -> None:
    """Have the targets of a credential looked at, since what it may do has changed. Inside `write`."""
    rules = [row.id for row in Rule.select(Rule.id).where(Rule.credential_id == credential_id)]
    _look_at(rules, Priority.APPLY)


def _rule(resource: Resource, address: Network) -> Rule:
    """The rule that lets `address` through, wanted from now on; made where there is none. Its target is locked."""
    target = target_of(resource)
    protocol, ports, options = opening(resource.config or {})
    wanted = {"target_id": target.id, "address": str(address), "protocol": protocol, "ports": ports, "options": options}
    Rule.insert(
        id=uuid.uuid4(),
        organisation_id=resource.organisation_id,
        credential_id=resource.credential_id,
        provider_ids=[],
        created_at=current_time(),
        **wanted,
    ).on_conflict_ignore().execute()
    due.want(Target, Target.id == target.id, Priority.APPLY)
    rule: Rule = Rule.select().where(*Rule.alike(wanted)).get()
    return rule


def _hand_over(rule_ids: Iterable[uuid.UUID]) -> None:
    """Have each rule worked on with a credential of somebody who wants it: that of who left may be deleted."""
    for rule in Rule.select().where(Rule.id.in_(list(rule_ids))):
        wanting: Any = (
            Resource.select(Resource.credential_id)
            .join(Grant, on=(Grant.resource_id == Resource.id))
            .where(Grant.rule_id == rule.id, Grant.ended_at.is_null())
            .order_by(Grant.created_at, Grant.id)
        )
        credentials = [row.credential_id for row in wanting]
        if credentials and rule.credential_id not in credentials:
            Rule.update(credential_id=credentials[0]).where(Rule.id == rule.id).execute()


def _forget_never_added(rule_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Delete those of the rules, which nobody wants, that no cloud was asked for. Returns them."""
    never = Rule.select().where(Rule.id.in_(list(rule_ids)), ~Rule.is_added)
    forgotten = {row.id for row in locked(never.order_by(Rule.id))}
    theirs = Grant.rule_id.in_(list(forgotten))
    Grant.update(status=REMOVED, removed_at=now(), error=None).where(theirs, Grant.status == REMOVING).execute()
    Grant.update(rule_id=None).where(theirs).execute()
    delete(Rule, Rule.id.in_(list(forgotten)))
    return forgotten


def _look_at(rule_ids: Collection[uuid.UUID], priority: Priority) -> None:
    """Make the targets of rules due."""
    if targets := _lock_targets(rule_ids):
        due.want(Target, Target.id.in_(targets), priority)


def opening(config: Mapping[str, Any]) -> tuple[str, list[list[int]], dict[str, Any]]:
    """The protocol, the first and last of each run of ports, and what else a resource's config says."""
    ports = [[port, port] for port in sorted(config.get("ports", [config["port"]] if "port" in config else []))]
    if span := config.get("portRange"):
        ports = [[span["from"], span["to"]]]
    rest = {name: value for name, value in config.items() if name not in (*PORT_OPTIONS, "protocol")}
    return config.get("protocol", "tcp"), ports, rest


def target_of(resource: Resource) -> Target:
    """The target that a resource names, locked; made where there is none. Inside `write`."""
    target: Target = locked(Target.select().where(Target.id == _target_id(resource))).get()
    Target.update(credential_id=resource.credential_id).where(Target.id == target.id).execute()
    return target


def _target_id(resource: Resource) -> uuid.UUID:
    """The target that a resource names; made where there is none."""
    named = _names(resource)
    Target.insert(
        id=uuid.uuid4(), credential_id=resource.credential_id, resource_type=resource.resource_type, **named
    ).on_conflict_ignore().execute()
    which = (getattr(Target, name) == value for name, value in named.items())
    found: Target = Target.select(Target.id).where(*which).get()
    return found.id


def _names(resource: Resource) -> dict[str, Any]:
    """What tells a target from others."""
    account = Credential.select(Credential.account).where(Credential.id == resource.credential_id).scalar()
    return {
        "organisation_id": resource.organisation_id,
        "provider": resource.provider,
        "account": account or "",
        "region": resource.region or "",
        "identifier": resource.resource_identifier,
    }


def _lock_targets(rule_ids: Iterable[uuid.UUID]) -> Sequence[uuid.UUID]:
    """Lock the targets of rules, always in one order: nobody finds another that waits for him."""
    theirs = Rule.select(Rule.target_id).where(Rule.id.in_(list(rule_ids)))
    return [row.id for row in locked(Target.select(Target.id).where(Target.id.in_(theirs)).order_by(Target.id))]
