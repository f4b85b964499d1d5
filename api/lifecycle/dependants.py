"""What goes when a credential or a resource goes, for whoever is about to delete it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import peewee

from api.credentials.models import Credential
from api.resources.models import Resource
from api.sessions.models import Session
from api.static_rules.models import StaticRule
from api.targets import service as targets
from api.targets.models import Grant


@dataclass(frozen=True, slots=True)
class Dependants:
    """Resources, and the sessions and static rules that let in through them. is_in_use: only by force, for now."""

    resources: Sequence[Resource]
    sessions: Sequence[Session]
    static_rules: Sequence[StaticRule]
    is_in_use: bool


def dependants_of_credential(credential: Credential) -> Dependants:
    """What is deleted, and what ends, with a credential."""
    theirs = Resource.select().where(Resource.credential_id == credential.id)
    in_use = targets.has_rules_of_credential(credential.id)
    return _of(list(theirs.order_by(Resource.created_at, Resource.id)), in_use)


def dependants_of_resource(resource: Resource) -> Dependants:
    """What ends with a resource."""
    return _of([resource], is_in_use=False)


def _of(resources: Sequence[Resource], is_in_use: bool) -> Dependants:
    ids = [resource.id for resource in resources]
    live = Grant.resource_id.in_(ids) & Grant.ended_at.is_null()
    return Dependants(
        resources,
        _named(Session, Grant.session_id, live),
        _named(StaticRule, Grant.static_rule_id, live),
        is_in_use or any(map(targets.has_rules_of_resource, ids)),
    )


def _named(model: Any, column: peewee.Field, grants: peewee.Node) -> list[Any]:
    return list(model.select().where(model.id.in_(Grant.select(column).where(grants))).order_by(model.created_at))
