"""What static rules are made of, and what a worker does with them."""

import uuid
from datetime import timedelta
from typing import Any

import pytest

from api.accounts.models import Organisation
from api.audit_log.models import AuditEntry
from api.claims import claim
from api.credentials.models import Credential
from api.database import current_time, now, write
from api.due import Priority
from api.lifecycle.expiry import expire_static_rule
from api.resources.models import Resource
from api.static_rules.models import StaticRule
from api.targets.models import Grant, Rule, Target
from api.targets.service import APPLIED
from tests.api.conftest import Caller
from tests.rows import make_credential, make_resource

OFFICE = "203.0.113.0/28"
# Shorter than an access token is good for.
A_WHILE_SECONDS = 600


@pytest.fixture
def credential(admin: Caller) -> Credential:
    organisation = Organisation.get_by_id(admin.user.organisation_id)
    return make_credential(organisation, account="123456789012", is_valid=True)


@pytest.fixture
def resource(credential: Credential) -> Resource:
    return openable(credential)


def openable(credential: Credential, **columns: Any) -> Resource:
    return make_resource(credential, **{"is_active": True, "config": {"port": 443}, **columns})


def body(*resources: Resource, **more: Any) -> dict[str, Any]:
    return {"label": "Office", "ipAddress": OFFICE, "resourceIds": [str(each.id) for each in resources], **more}


def made(admin: Caller, *resources: Resource, **more: Any) -> dict[str, Any]:
    answer = admin.post("/static-ip-rules", json=body(*resources, **more))
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json
    return shown


def in_a_while() -> str:
    return (current_time() + timedelta(seconds=A_WHILE_SECONDS)).strftime("%Y-%m-%dT%H:%M:%SZ")


def live() -> set[tuple[uuid.UUID, str]]:
    """What is let in, by resource."""
    return {(grant.resource_id, grant.address) for grant in Grant.select().where(Grant.ended_at.is_null())}


def applied() -> None:
    """As a worker writes it down."""
    with write():
        Rule.update(is_added=True, is_seen=True, is_applied=True).execute()
        Grant.update(status=APPLIED, applied_at=now()).where(Grant.ended_at.is_null()).execute()
        Target.update(due_at=None).execute()


def expire() -> bool:
    """What a worker does with a static rule whose time is up; False where none is."""
    found = claim([StaticRule], list(Priority))
    if found is not None:
        expire_static_rule(found)
    return found is not None


def told_of_rules() -> list[AuditEntry]:
    """What the audit trail tells of static rules, the first event first."""
    told = AuditEntry.select().where(AuditEntry.event_type.startswith("STATIC_IP_RULE_"))
    return list(told.order_by(AuditEntry.position))


def events() -> list[tuple[str, Any]]:
    return [(row.event_type, row.details) for row in told_of_rules()]
