"""People, resources that can be opened, and a worker whose cloud does as it is told."""

import itertools
import uuid
from collections.abc import Sequence
from typing import Any

import pytest

from api.accounts.models import ApiKey, Organisation, User
from api.accounts.service import api_keys
from api.actor import Actor
from api.audit_log.models import AuditEntry
from api.claims import claim
from api.clouds.rules import State
from api.credentials.models import Credential
from api.database import current_time, write
from api.due import Priority
from api.lifecycle import reconciliation
from api.resources.models import Resource
from api.roles.models import Role, RoleApiKey, RoleResource, RoleUser
from api.sessions.models import Session
from api.static_rules.models import StaticRule, StaticRuleResource
from api.static_rules.service import let_in_again
from api.targets.models import Grant, Rule, Target
from api.targets.verdict import Outcome, Report
from api.targets.work import intend, work_on
from tests.api.accounts.acting import administrator, as_user
from tests.rows import make_credential, make_resource, make_session

_numbers = itertools.count(1)


@pytest.fixture
def by_ada(db: str) -> Actor:
    return as_user(administrator())


@pytest.fixture
def organisation(by_ada: Actor) -> Organisation:
    found: Organisation = Organisation.get_by_id(by_ada.organisation_id)
    return found


@pytest.fixture
def credential(organisation: Organisation) -> Credential:
    return make_credential(organisation, account="123456789012", is_valid=True)


@pytest.fixture
def resource(credential: Credential) -> Resource:
    return openable(credential)


@pytest.fixture
def uma(organisation: Organisation) -> User:
    return person(organisation)


def openable(credential: Credential, **columns: Any) -> Resource:
    return make_resource(credential, **{"is_active": True, "config": {"port": 443}, **columns})


def person(organisation: Organisation, role: str = "USER") -> User:
    number, moment = next(_numbers), current_time()
    with write():
        return User.create(
            organisation_id=organisation.id,
            email=f"person-{number}@example.com",
            name=f"Person {number}",
            role=role,
            created_at=moment,
            updated_at=moment,
        )


def pipeline(by_ada: Actor) -> ApiKey:
    """A key of the organisation."""
    wanted = api_keys.NewApiKey("CI", ["sessions:write"], belongs_to=api_keys.ORGANIZATION)
    return api_keys.create(by_ada, wanted).row


def role_of(holders: Sequence[User | ApiKey], resources: list[Resource]) -> Role:
    """A role of people, and of keys of the organisation."""
    moment = current_time()
    organisation_id = holders[0].organisation_id
    with write():
        role = Role.create(
            organisation_id=organisation_id, name=f"role {next(_numbers)}", created_at=moment, updated_at=moment
        )
        for holder in holders:
            link = {"organisation_id": organisation_id, "role_id": role.id}
            if isinstance(holder, ApiKey):
                RoleApiKey.create(**link, api_key_id=holder.id)
            else:
                RoleUser.create(**link, user_id=holder.id)
        for resource in resources:
            RoleResource.create(organisation_id=organisation_id, role_id=role.id, resource_id=resource.id)
    return role


def opened(holder: User | ApiKey, *resources: Resource, **columns: Any) -> Session:
    """A session of a person, or of a key of the organisation."""
    if isinstance(holder, ApiKey):
        names = {"api_key_id": holder.id, "user_name": holder.name, "user_email": holder.name}
    else:
        names = {"user_id": holder.id, "user_name": holder.name, "user_email": holder.email}
    return make_session(holder.organisation_id, *resources, **{**names, **columns})


def static_rule(*resources: Resource, address: str = "81.2.69.142", **columns: Any) -> StaticRule:
    """One that names these resources, and is let in."""
    moment, organisation_id = current_time(), resources[0].organisation_id
    defaults: dict[str, Any] = {"label": "Office", "ip_address": address, "created_at": moment, "updated_at": moment}
    with write():
        rule = StaticRule.create(organisation_id=organisation_id, **{**defaults, **columns})
        for resource in resources:
            StaticRuleResource.create(organisation_id=organisation_id, static_rule_id=rule.id, resource_id=resource.id)
        let_in_again(Resource.id.in_([resource.id for resource in resources]))
    return rule


def serve() -> None:
    """Workers do all that is due on targets: what is wanted is seen, what is not is gone."""
    while (taken := claim([Target], list(Priority))) is not None:
        work = work_on(taken.row_id, uuid.uuid4())
        assert work is not None
        outcomes = {}
        for task in (task for batch in work.batches for task in batch.tasks):
            if task.is_wanted and intend(taken, task.rule_id):
                outcomes[task.rule_id] = Outcome(State.PRESENT, was_wanted=True, is_ours=True, is_answered=True)
            else:
                outcomes[task.rule_id] = Outcome(State.ABSENT, was_wanted=False)
        reconciliation.record(taken, Report(outcomes), look_again_seconds=600)


def state_of(session: Session) -> tuple[str, str | None]:
    """Its status, and why it ended."""
    now = Session.get_by_id(session.id)
    return now.status, now.ended_reason


def open_on(session: Session) -> set[uuid.UUID]:
    """The resources that it has open, or waits for."""
    live = Grant.select().where(Grant.session_id == session.id, Grant.ended_at.is_null())
    return {grant.resource_id for grant in live}


def urgent_targets() -> set[str]:
    """The targets from which something is to be removed now."""
    due = Target.select().where(Target.due_at <= current_time(), Target.due_priority == Priority.REVOKE)
    return {target.identifier for target in due}


def rules_left() -> int:
    return int(Rule.select().count())


def events(*kinds: str) -> list[AuditEntry]:
    """The events of these kinds, the first one first."""
    return list(AuditEntry.select().where(AuditEntry.event_type.in_(kinds)).order_by(AuditEntry.position))
