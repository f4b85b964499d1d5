"""A static rule as it is shown: with what it names, and what became of its address there."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from api.database import current_time
from api.static_rules.models import StaticRule, StaticRuleResource
from api.targets.models import Grant
from api.targets.service import REMOVED
from api.targets.shown import ResourceIp, seen


@dataclass(frozen=True, slots=True)
class Overview:
    """A static rule. resource_ips: its address on each resource, without those where it is gone."""

    rule: StaticRule
    resource_ids: Sequence[uuid.UUID]
    resource_ips: Sequence[ResourceIp]


def overview(rule: StaticRule) -> Overview:
    """One static rule, as it is now."""
    return overviews([rule])[0]


def overviews(rules: Sequence[StaticRule]) -> list[Overview]:
    """The static rules in their order, as they are now."""
    moment = current_time()
    ids = [rule.id for rule in rules]
    named: dict[uuid.UUID, list[uuid.UUID]] = {rule_id: [] for rule_id in ids}
    for link in StaticRuleResource.select().where(StaticRuleResource.static_rule_id.in_(ids)):
        named[link.static_rule_id].append(link.resource_id)
    there: dict[uuid.UUID, list[ResourceIp]] = {rule_id: [] for rule_id in ids}
    grants: Any = Grant.select().where(Grant.static_rule_id.in_(ids), Grant.status != REMOVED)
    for grant in grants.order_by(Grant.created_at, Grant.id):
        there[grant.static_rule_id].append(seen(grant, moment))
    return [Overview(rule, sorted(named[rule.id]), there[rule.id]) for rule in rules]
