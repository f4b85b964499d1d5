"""What can be done with static rules. What ends with something else is in `lifecycle`."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import peewee

from api import audit, database
from api.accounts import service as accounts
from api.accounts.models import Organisation
from api.actor import Actor
from api.conditional import check_if_match
from api.database import current_time, delete, lock, now, write
from api.due import Priority
from api.errors import Conflict, InvalidInput, ResourceNotFound, StaticRuleNotFound
from api.identifiers import parse
from api.network import Network, obstacle_to, parse_network, plainly
from api.paging import Listing, Page, oldest_first
from api.resources import service as existing
from api.resources.models import Resource
from api.settings import Settings
from api.static_rules.models import StaticRule, StaticRuleResource
from api.targets import service as targets
from api.targets.holding import Held
from api.targets.models import Grant
from api.targets.service import REMOVED, Asked

TAKEN = (
    "A static IP rule with this address and label is in the organization already. Change that one, or choose another "
    "label."
)
BEING_DELETED = "The static IP rule is being deleted. It takes no change and lets nobody in."

_NAMES = {"label": "label", "ip_address": "ipAddress", "expires_at": "expiresAt"}


@dataclass(frozen=True, slots=True)
class NewStaticRuleFields:
    """What a caller asks for."""

    label: str
    ip_address: Network
    resource_ids: Sequence[str]
    expires_at: datetime | None = None


def create(actor: Actor, wanted: NewStaticRuleFields, rule_id: uuid.UUID, settings: Settings) -> StaticRule:
    """Let an address in until somebody says otherwise; workers open the resources from here on.

    Raises InvalidInput, ResourceNotFound; Conflict where the address has a rule with that label, or a resource is being
    deleted.
    """
    with write():
        accounts.locked_by(actor)
        ids = [parse(text, ResourceNotFound) for text in wanted.resource_ids]
        resources = existing.named(actor.organisation, ids)
        _check_address(wanted.ip_address, settings)
        _check_end(wanted.expires_at)
        moment = current_time()
        rule = StaticRule(
            id=rule_id,
            organisation_id=actor.organisation,
            label=wanted.label,
            ip_address=plainly(wanted.ip_address),
            created_at=moment,
            updated_at=moment,
            **_ends_at(wanted.expires_at),
        )
        _check_is_new(rule)
        rule.save(force_insert=True)
        _link(rule, resources)
        audit.record(actor, "STATIC_IP_RULE_CREATE", subject(rule), details=_told(rule, resources))
        _settle(rule, resources, targets.hold(resources))
        return of(actor.organisation, rule_id)


def of(organisation_id: uuid.UUID, rule_id: uuid.UUID) -> StaticRule:
    """The organisation's static rule. Raises StaticRuleNotFound, whether it is nobody's or somebody else's."""
    rule: StaticRule | None = StaticRule.get_or_none(
        StaticRule.organisation_id == organisation_id, StaticRule.id == rule_id
    )
    if rule is None:
        raise StaticRuleNotFound(rule_id)
    return rule


def listed(organisation_id: uuid.UUID, page: Page) -> Listing[StaticRule]:
    """The organisation's static rules, oldest first, those that have expired or are being deleted among them."""
    return oldest_first(StaticRule.select().where(StaticRule.organisation_id == organisation_id), page)


def change(actor: Actor, rule_id: uuid.UUID, wanted: Mapping[str, Any], settings: Settings) -> StaticRule:
    """Change what `wanted` names. What stays the same is left alone; one that has expired comes back with a later end.

    Raises StaticRuleNotFound, StaleObject, InvalidInput, ResourceNotFound, Conflict.
    """
    with write():
        accounts.locked_by(actor)
        rule = _changeable(actor.organisation, rule_id)
        before, resources = _resources_of(rule, wanted.get("resource_ids"))
        check_if_match(rule.revision)
        changed = _apply(rule, wanted, settings)
        if {resource.id for resource in resources} != {resource.id for resource in before}:
            changed.append("resourceIds")
            _link(rule, resources)
        if changed:
            # Before its row, as whoever ends it when its time is up.
            held = targets.hold(resources, _open_to(rule))
            rule.revision += 1
            rule.updated_at = current_time()
            rule.save()
            told = {"changed": sorted(changed), **_told(rule, resources)}
            audit.record(actor, "STATIC_IP_RULE_UPDATE", subject(rule), details=told)
            _settle(rule, resources, held)
        return of(actor.organisation, rule_id)


def remove(actor: Actor, rule_id: uuid.UUID) -> None:
    """Delete a static rule; what only it let in is closed at once, and it is gone when the last of that is.

    Raises StaticRuleNotFound, StaleObject, Conflict where it is being deleted.
    """
    with write():
        accounts.locked_by(actor)
        rule = _changeable(actor.organisation, rule_id)
        check_if_match(rule.revision)
        # Its targets, its row, its grants: as whoever ends it when its time is up.
        held = targets.hold((), _open_to(rule))
        lock(rule)
        targets.end(_open_to(rule), held)
        audit.record(actor, "STATIC_IP_RULE_DELETE", subject(rule))
        rule.deleting_since = rule.updated_at = current_time()
        rule.revision += 1
        # Its end comes no more, whoever has claimed it for that.
        rule.due_at = None
        rule.wanted_revision += 1
        rule.save()
        delete(StaticRule, StaticRule.id == rule.id, _is_over())


def finish(organisation_id: uuid.UUID | None = None) -> None:
    """Delete what has waited until its last rule was out of the cloud: an organisation's, or everybody's."""
    going: Any = StaticRule.select(StaticRule.id).where(_is_over())
    if organisation_id is not None:
        going = going.where(StaticRule.organisation_id == organisation_id)
    for row in going:
        with write():
            delete(StaticRule, StaticRule.id == row.id)


def hold(which: peewee.Node) -> None:
    """Let nobody change the static rules that name resources that match. Inside `write`.

    After their targets, and before sessions and grants. Whoever deletes one of them, or ends it as its time is up, was
    here before, or waits and ends what it lets in from here on too.
    """
    named = StaticRuleResource.resource_id.in_(Resource.select(Resource.id).where(which))
    theirs = StaticRuleResource.select(StaticRuleResource.static_rule_id).where(named)
    database.held(StaticRule.select(StaticRule.id).where(StaticRule.id.in_(theirs)).order_by(StaticRule.id)).execute()


def let_in_again(which: peewee.Node) -> None:
    """Open to the static rules what they name of the resources that match, where it is not. Inside `write`."""
    found = Resource.select().where(which, Resource.deleting_since.is_null())
    resources = {resource.id: resource for resource in found}
    links = StaticRuleResource.resource_id.in_(list(resources))
    named = {link.resource_id for link in StaticRuleResource.select().where(links)}
    held = targets.hold(resources[resource_id] for resource_id in named)
    hold(which)
    rules: Any = (
        StaticRule.select(StaticRule, StaticRuleResource.resource_id)
        .join(StaticRuleResource, on=(StaticRuleResource.static_rule_id == StaticRule.id))
        .where(links, _is_in_force())
        .order_by(StaticRule.id, StaticRuleResource.resource_id)
    )
    _let_in([(rule, resources[rule.resource_id]) for rule in rules.objects()], held)


def subject(rule: StaticRule) -> audit.Subject:
    """How the audit trail names a static rule."""
    return audit.Subject("STATIC_IP_RULE", rule.id, rule.label)


def _changeable(organisation_id: uuid.UUID, rule_id: uuid.UUID) -> StaticRule:
    """The same as `of`, of one that is not being deleted. Raises StaticRuleNotFound, Conflict."""
    rule = of(organisation_id, rule_id)
    if rule.deleting_since is not None:
        raise Conflict(BEING_DELETED)
    return rule


def _resources_of(rule: StaticRule, wanted: Sequence[str] | None) -> tuple[list[Resource], list[Resource]]:
    """What it names and is not being deleted, and what it is to name; held.

    Raises ResourceNotFound, Conflict.
    """
    links = StaticRuleResource.select().where(StaticRuleResource.static_rule_id == rule.id)
    linked = {link.resource_id for link in links}
    named = [parse(text, ResourceNotFound) for text in wanted or ()]
    # All at once, for they are locked in one order.
    both = existing.held(rule.organisation_id, [*linked, *named])
    before = [resource for resource in both if resource.id in linked and resource.deleting_since is None]
    return before, before if wanted is None else existing.named(rule.organisation_id, named)


def _apply(rule: StaticRule, wanted: Mapping[str, Any], settings: Settings) -> list[str]:
    """Put what is wanted into the row. Returns the names of what has changed."""
    after = {name: wanted[name] for name in _NAMES if name in wanted}
    if "ip_address" in after:
        _check_address(after["ip_address"], settings)
        after["ip_address"] = plainly(after["ip_address"])
    changes = {name: value for name, value in after.items() if getattr(rule, name) != value}
    if "expires_at" in changes:
        _check_end(changes["expires_at"])
        changes |= {**_ends_at(changes["expires_at"]), "wanted_revision": rule.wanted_revision + 1}
    for name, value in changes.items():
        setattr(rule, name, value)
    _check_is_new(rule)
    return [_NAMES[name] for name in changes if name in _NAMES]


def _settle(rule: StaticRule, resources: Collection[Resource], held: Held) -> None:
    """Have exactly what a static rule names let in. Inside `write`."""
    live = _open_to(rule)
    address = str(parse_network(rule.ip_address))
    ids = [resource.id for resource in resources]
    targets.end(live & ((Grant.address != address) | Grant.resource_id.not_in(ids)), held)
    if StaticRule.select().where(StaticRule.id == rule.id, _is_in_force()).exists():
        _let_in([(rule, resource) for resource in resources], held)


def _open_to(rule: StaticRule) -> Any:
    return (Grant.static_rule_id == rule.id) & Grant.ended_at.is_null()


def _let_in(links: Collection[tuple[StaticRule, Resource]], held: Held) -> None:
    """Open to static rules what they name, where it is not."""
    theirs = Grant.static_rule_id.in_([rule.id for rule, _ in links])
    live = Grant.select(Grant.static_rule_id, Grant.resource_id).where(theirs, Grant.ended_at.is_null())
    are_open = {(grant.static_rule_id, grant.resource_id) for grant in live}
    asked = (
        Asked(resource, parse_network(rule.ip_address), static_rule_id=rule.id)
        for rule, resource in links
        if (rule.id, resource.id) not in are_open
    )
    targets.grant(*asked, held=held)


def _is_over() -> Any:
    """It is being deleted, and nothing of it is left to be removed."""
    left = Grant.select(Grant.id).where(Grant.static_rule_id == StaticRule.id, Grant.status != REMOVED)
    return StaticRule.deleting_since.is_null(False) & ~peewee.fn.EXISTS(left)


def _is_in_force() -> peewee.Node:
    """It has not expired and is not being deleted, and its organisation is not suspended."""
    suspended = Organisation.select(Organisation.id).where(Organisation.suspended_at.is_null(False))
    unexpired: Any = StaticRule.expires_at.is_null() | (StaticRule.expires_at > now())
    in_force: peewee.Node = (
        unexpired & StaticRule.deleting_since.is_null() & StaticRule.organisation_id.not_in(suspended)
    )
    return in_force


def _link(rule: StaticRule, resources: Iterable[Resource]) -> None:
    delete(StaticRuleResource, StaticRuleResource.static_rule_id == rule.id)
    for resource in resources:
        StaticRuleResource.insert(
            organisation_id=rule.organisation_id, static_rule_id=rule.id, resource_id=resource.id
        ).execute()


def _ends_at(moment: datetime | None) -> dict[str, Any]:
    return {"expires_at": moment, "due_at": moment, "due_priority": int(Priority.REVOKE)}


def _check_address(network: Network, settings: Settings) -> None:
    if reason := obstacle_to(network, settings.session_allowed_networks):
        raise InvalidInput(f"ipAddress: {reason}", {"ipAddress": [reason]})


def _check_end(moment: datetime | None) -> None:
    if moment is not None and moment <= current_time():
        reason = "must be in the future"
        raise InvalidInput(f"expiresAt {reason}", {"expiresAt": [reason]})


def _check_is_new(rule: StaticRule) -> None:
    alike = StaticRule.select().where(
        StaticRule.organisation_id == rule.organisation_id,
        StaticRule.ip_address == rule.ip_address,
        StaticRule.label == rule.label,
        StaticRule.id != rule.id,
        StaticRule.deleting_since.is_null(),
    )
    if alike.exists():
        raise Conflict(TAKEN)


def _told(rule: StaticRule, resources: Iterable[Resource]) -> dict[str, object]:
    told: dict[str, object] = {"address": rule.ip_address, "resources": [resource.name for resource in resources]}
    return told if rule.expires_at is None else {**told, "expiresAt": rule.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ")}
