"""Holding targets: until the transaction ends nobody else changes them, or the rules and grants on them."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import peewee

from api.credentials.models import Credential
from api.database import by_row, insert_missing, locked
from api.resources.models import Resource
from api.targets.models import Grant, Rule, Target


@dataclass(frozen=True, slots=True)
class Held:
    """Targets that are locked. named: those among them that resources name, by the resource's id."""

    ids: frozenset[uuid.UUID]
    named: Mapping[uuid.UUID, Target]


class _Names(NamedTuple):
    """What tells a target from others."""

    organisation_id: uuid.UUID
    provider: str
    account: str
    region: str
    identifier: str


def hold(resources: Collection[Resource], grants: peewee.Node | None = None) -> Held:
    """Lock the targets that resources name, made where there are none, and those of the grants that match."""
    named = _ids_of(resources)
    rows = {row.id: row for row in lock({*named.values(), *(() if grants is None else _ids_of_grants(grants))})}
    return Held(frozenset(rows), {resource_id: rows[target_id] for resource_id, target_id in named.items()})


def lock(ids: Collection[uuid.UUID]) -> Sequence[Target]:
    """Lock targets, always in one order: nobody finds another that waits for him."""
    which = Target.select(Target.id, Target.credential_id).where(Target.id.in_(sorted(ids)))
    return list(locked(which.order_by(Target.id))) if ids else ()


def note_credentials(held: Held, resources: Iterable[Resource]) -> None:
    """Write down with which credentials the targets of resources, which are held, are used from now on."""
    used = {held.named[resource.id]: resource.credential_id for resource in resources}
    if changed := {target.id: credential for target, credential in used.items() if target.credential_id != credential}:
        told = by_row(Target.id, changed, Target.credential_id)
        Target.update(credential_id=told).where(Target.id.in_(sorted(changed))).execute()


def _ids_of(resources: Collection[Resource]) -> Mapping[uuid.UUID, uuid.UUID]:
    """The targets that resources name, by the resource's id."""
    if not resources:
        return {}
    names = _names_of(resources)
    known = _known(names.values())
    new = {names[resource.id]: resource for resource in resources if names[resource.id] not in known}
    if new:
        # In one order too, for whoever makes a target has it.
        insert_missing(Target, [_columns(name, new[name]) for name in sorted(new)])
        known = _known(names.values())
    return {resource_id: known[name] for resource_id, name in names.items()}


def _ids_of_grants(grants: peewee.Node) -> set[uuid.UUID]:
    rules = Grant.select(Grant.rule_id).where(grants, Grant.ended_at.is_null(), Grant.rule_id.is_null(False))
    return {row.target_id for row in Rule.select(Rule.target_id).where(Rule.id.in_(rules))}


def _known(names: Collection[_Names]) -> Mapping[_Names, uuid.UUID]:
    """Those of the targets with these names that are there, and perhaps others."""
    rows: Any = Target.select(*(getattr(Target, name) for name in _Names._fields), Target.id).where(
        Target.organisation_id.in_({name.organisation_id for name in names}),
        Target.identifier.in_({name.identifier for name in names}),
    )
    return {_Names(*row[:-1]): row[-1] for row in rows.tuples()}


def _names_of(resources: Iterable[Resource]) -> Mapping[uuid.UUID, _Names]:
    through = {resource.credential_id for resource in resources}
    rows: Any = Credential.select(Credential.id, Credential.account).where(Credential.id.in_(list(through)))
    accounts = dict(rows.tuples())
    return {
        resource.id: _Names(
            resource.organisation_id,
            resource.provider,
            accounts[resource.credential_id] or "",
            resource.region or "",
            resource.resource_identifier,
        )
        for resource in resources
    }


def _columns(names: _Names, resource: Resource) -> dict[str, Any]:
    return {
        "id": uuid.uuid4(),
        "credential_id": resource.credential_id,
        "resource_type": resource.resource_type,
        **names._asdict(),
    }
