"""Rules, with those who want them."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, NamedTuple

import peewee

from api import due
from api.clouds.options import PORT_OPTIONS
from api.clouds.rules import Network
from api.database import by_row, insert_missing, now
from api.due import Priority
from api.resources.models import Resource
from api.targets.holding import Held, note_credentials
from api.targets.models import Grant, Rule, Target


@dataclass(frozen=True, slots=True)
class Wanted:
    """A rule, with the sessions and static rules that want it and the credentials of their resources, oldest first."""

    rule: Rule
    holders: Sequence[uuid.UUID]
    credentials: Sequence[uuid.UUID]


class Opening(NamedTuple):
    """A resource and an address that is to be let through to it."""

    resource: Resource
    address: Network


class _Names(NamedTuple):
    """What tells a rule from others."""

    target_id: uuid.UUID
    address: str
    protocol: str
    ports: str
    options: str


def wanted(which: peewee.Node, without: Collection[uuid.UUID] = ()) -> list[Wanted]:
    """The rules that match, also those that nobody wants. without: grants that do not count, though they are live."""
    live = (Grant.rule_id == Rule.id) & Grant.ended_at.is_null() & Grant.id.not_in(list(without))
    rows: Any = (
        Rule.select(Rule, Grant.session_id, Grant.static_rule_id, Resource.credential_id.alias("through"))
        .join(Grant, peewee.JOIN.LEFT_OUTER, on=live)
        .join(Resource, peewee.JOIN.LEFT_OUTER, on=(Resource.id == Grant.resource_id))
        .where(which)
        .order_by(Rule.id, Grant.created_at, Grant.id)
        .objects()
    )
    return [_wanted(list(same)) for _, same in groupby(rows, lambda row: row.id)]


def wanted_from_now(openings: Sequence[Opening], held: Held) -> Mapping[Opening, uuid.UUID]:
    """The rules that let addresses through, made where there are none, and due to be applied. Inside `write`."""
    if not openings:
        return {}
    names = {each: _names(held.named[each.resource.id].id, each) for each in openings}
    targets = Target.id.in_(sorted({name.target_id for name in names.values()}))
    note_credentials(held, [each.resource for each in openings])
    insert_missing(Rule, [_columns(name, each.resource) for each, name in names.items()])
    due.want(Target, targets, Priority.APPLY)
    found = _found(names.values())
    joining: dict[_Names, list[uuid.UUID]] = {}
    for each, name in names.items():
        joining.setdefault(name, []).append(each.resource.credential_id)
    hand_over(replace(found[name], credentials=[*found[name].credentials, *theirs]) for name, theirs in joining.items())
    return {each: found[name].rule.id for each, name in names.items()}


def hand_over(rules: Iterable[Wanted]) -> None:
    """Have each rule worked on with a credential of somebody who wants it: that of who left may be deleted."""
    moved = {
        each.rule.id: each.credentials[0]
        for each in rules
        if each.credentials and each.rule.credential_id not in each.credentials
    }
    if moved:
        told = by_row(Rule.id, moved, Rule.credential_id)
        Rule.update(credential_id=told).where(Rule.id.in_(sorted(moved))).execute()


def opening(config: Mapping[str, Any]) -> tuple[str, list[list[int]], dict[str, Any]]:
    """The protocol, the first and last of each run of ports, and what else a resource's config says."""
    ports = [[port, port] for port in sorted(config.get("ports", [config["port"]] if "port" in config else []))]
    if span := config.get("portRange"):
        ports = [[span["from"], span["to"]]]
    rest = {name: value for name, value in config.items() if name not in (*PORT_OPTIONS, "protocol")}
    return config.get("protocol", "tcp"), ports, rest


def _wanted(rows: Sequence[Any]) -> Wanted:
    """One rule from its rows, one for each grant, or a single one without."""
    holders = [row.session_id or row.static_rule_id for row in rows]
    credentials = [row.through for row in rows]
    return Wanted(rows[0], [each for each in holders if each], [each for each in credentials if each])


def _found(names: Collection[_Names]) -> Mapping[_Names, Wanted]:
    """The rules with these names, and perhaps others."""
    on_targets = Rule.target_id.in_(sorted({name.target_id for name in names}))
    rules = wanted(on_targets & Rule.address.in_(sorted({name.address for name in names})))
    return {_names_of(each.rule): each for each in rules}


def _names(target_id: uuid.UUID, wished: Opening) -> _Names:
    protocol, ports, options = opening(wished.resource.config or {})
    return _Names(target_id, str(wished.address), protocol, Rule.ports.db_value(ports), Rule.options.db_value(options))


def _names_of(rule: Rule) -> _Names:
    ports, options = Rule.ports.db_value(rule.ports), Rule.options.db_value(rule.options)
    return _Names(rule.target_id, rule.address, rule.protocol, ports, options)


def _columns(names: _Names, resource: Resource) -> dict[str, Any]:
    protocol, ports, options = opening(resource.config or {})
    return {
        "id": uuid.uuid4(),
        "organisation_id": resource.organisation_id,
        "target_id": names.target_id,
        "credential_id": resource.credential_id,
        "address": names.address,
        "protocol": protocol,
        "ports": ports,
        "options": options,
        "provider_ids": [],
        "created_at": now(),
    }
