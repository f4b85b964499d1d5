"""The rows of an installation, read at once, as what must always be so is told from them."""

import uuid
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.audit_log.models import AuditEntry
from api.database import current_time
from api.resources.models import Resource
from api.sessions.models import Session
from api.static_rules.models import StaticRule
from api.targets.models import Grant, Rule, Target

Told = dict[str, list[tuple[str, bool]]]


@dataclass(frozen=True)
class Rows:
    """As they are between two actions. told: what the audit trail says of each row, in order, and if it succeeded."""

    moment: datetime
    sessions: dict[uuid.UUID, Session]
    standings: dict[uuid.UUID, StaticRule]
    grants: list[Grant]
    rules: dict[uuid.UUID, Rule]
    targets: dict[uuid.UUID, Target]
    resources: dict[uuid.UUID, Resource]
    told: Told

    def live(self) -> list[Grant]:
        return [one for one in self.grants if one.ended_at is None]

    def wanted_rules(self) -> set[uuid.UUID]:
        return {one.rule_id for one in self.live() if one.rule_id}


def read() -> Rows:
    trail: Told = defaultdict(list)
    kinds = AuditEntry.resource_type.in_(("SESSION", "RULE", "STATIC_IP_RULE"))
    entries: Any = AuditEntry.select(AuditEntry.resource_id, AuditEntry.event_type, AuditEntry.result).where(kinds)
    for subject, event, result in entries.order_by(AuditEntry.position).tuples():
        trail[subject].append((event, result == "SUCCESS"))
    return Rows(
        moment=current_time(),
        sessions={row.id: row for row in Session.select()},
        standings={row.id: row for row in StaticRule.select()},
        grants=list(Grant.select()),
        rules={row.id: row for row in Rule.select()},
        targets={row.id: row for row in Target.select()},
        resources={row.id: row for row in Resource.select()},
        told=trail,
    )
