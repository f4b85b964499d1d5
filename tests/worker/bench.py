"""A worker in the test's own process, at a bench with one target of a cloud's stand-in."""

import re
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import peewee

from api.accounts.models import Organisation
from api.actor import Actor
from api.audit_log.models import AuditEntry
from api.clouds import CLOUDS
from api.clouds import Target as CloudTarget
from api.clouds.rules import Kept
from api.credentials import secrets
from api.credentials.models import Credential
from api.database import clock, current_time, write
from api.due import Priority, want
from api.installation import identity
from api.key_ring import KeyRing
from api.resources.models import Resource
from api.secret import Secret
from api.sessions import service as sessions
from api.sessions.models import Session
from api.start import check_key_ring
from api.targets.models import Grant, Rule, Target
from api.targets.work import work_on
from api.vault import Vault
from tests.clouds.sites import Site
from tests.rows import fresh, make_credential, make_resource, make_session
from worker.connections import Connections
from worker.desk import Desk, Expirer
from worker.drain import Drain
from worker.reconcile import Reconciler

DRIFT_SECONDS = 600.0
HERE, THERE = "81.2.69.142", "81.2.69.143"


@dataclass
class Bench:
    """Resources on one target, and a worker that serves when it is told to."""

    site: Site
    vault: Vault
    credential: Credential
    target: CloudTarget
    resource: Resource
    worker: Desk = field(init=False)

    def __post_init__(self) -> None:
        self.worker = self.new_worker()

    def new_worker(self) -> Desk:
        connections = Connections(self.vault, self.site.endpoints)
        return Desk(Reconciler(connections, DRIFT_SECONDS), Expirer())

    def open(self, address: str = HERE, *resources: Resource, **columns: Any) -> Session:
        return make_session(
            self.credential.organisation_id, *(resources or (self.resource,)), address=address, **columns
        )

    def end(self, session: Session, reason: str = "MANUAL") -> None:
        with write():
            sessions.end(Actor.system(session.organisation_id), Session.id == session.id, reason)

    def serve(self) -> int:
        """Serve until nothing is due. Returns how many rows were served; more than 50 are taken for a hot loop."""
        for served in range(50):
            if not Drain(self.worker).serve_one(tuple(Priority)):
                return served
        raise AssertionError("the rows never come to rest")

    def serve_for(self, seconds: float) -> None:
        """Serve what is due for so long, by the database's clock."""
        for _ in range(round(seconds)):
            self.serve()
            pass_time(1)
        self.serve()

    def look(self) -> None:
        """A drift look, whose time has come."""
        with write():
            Target.update(due_at=current_time()).execute()
        self.serve()

    def everything(self) -> str:
        """What the target holds; when it was written is no part of that."""
        return without_revisions(self.site.everything(self.target))

    def kept(self) -> list[Kept]:
        """The rules of the target, as a worker has them."""
        row = Target.get_or_none(Target.identifier == self.target.identifier)
        work = work_on(row.id, identity()) if row else None
        return [task.kept for batch in work.batches for task in batch.tasks] if work else []

    def another_credential(self) -> Credential:
        """One more of the same organisation and account."""
        made = make_credential(
            Organisation.get_by_id(self.credential.organisation_id),
            provider=self.credential.provider,
            credential_type=self.credential.credential_type,
            is_valid=True,
            account=self.credential.account,
        )
        with write():
            keep_secret(made, 1, self.site.credential_data(), self.vault)
        return made

    def replace_secret(self, data: dict[str, str]) -> None:
        """A new secret that has been verified."""
        version = fresh(self.credential).secret_version + 1
        with write():
            Credential.update(secret_version=version).where(Credential.id == self.credential.id).execute()
            keep_secret(self.credential, version, data, self.vault)


def a_vault() -> Vault:
    ring = KeyRing.fresh("first")
    check_key_ring(ring)
    return Vault(ring)


def bench_at(site: Site, vault: Vault | None = None, target: CloudTarget | None = None) -> Bench:
    """An organisation with a credential that is verified, and a resource that can be opened, at a cloud's stand-in."""
    vault = vault or a_vault()
    target = target or site.target()
    credential = make_credential(
        provider=site.cloud.name, credential_type=site.cloud.credential_type, is_valid=True, account="1"
    )
    with write():
        keep_secret(credential, 1, site.credential_data(), vault)
    return Bench(site, vault, credential, target, resource_on(credential, target))


def keep_secret(credential: Credential, version: int, data: dict[str, str], vault: Vault) -> None:
    """Sent so long ago that no refusal is put down to its newness."""
    sent_at = current_time() - timedelta(hours=1)
    secrets.keep(credential, version, secrets.CURRENT, Secret.of_json(data), vault, sent_at)


def resource_on(credential: Credential, target: CloudTarget, **columns: Any) -> Resource:
    takes_ports = "port" in CLOUDS[credential.provider].resource_types[target.resource_type].options
    defaults: dict[str, Any] = {
        "resource_type": target.resource_type,
        "resource_identifier": target.identifier,
        "region": target.region,
        "config": {"port": 443} if takes_ports else None,
        "is_active": True,
    }
    return make_resource(credential, **{**defaults, **columns})


def pass_time(seconds: float) -> None:
    """Set the database's clock forward."""
    clock.offset += round(seconds * 1_000_000)


def without_revisions(everything: str) -> str:
    """What a target holds, whenever it was written."""
    return re.sub(r'"etag": "[^ ]*"', "", everything)


def grants(session: Session) -> list[Grant]:
    rows: Any = Grant.select().where(Grant.session_id == session.id)
    return list(rows.order_by(Grant.created_at, Grant.id))


def grant_of(session: Session) -> Grant:
    """The session's one grant."""
    [one] = grants(session)
    return one


def rule_of(session: Session) -> Rule:
    rule: Rule = Rule.get_by_id(grant_of(session).rule_id)
    return rule


def status(session: Session) -> tuple[str, str]:
    """How the session stands, and its one grant."""
    return fresh(session).status, grant_of(session).status


def due_in(target: Target | None = None) -> float | None:
    """The seconds until the target is looked at again; None where it is not."""
    row = Target.get() if target is None else Target.get_by_id(target.id)
    return (row.due_at - current_time()).total_seconds() if row.due_at else None


def told() -> list[tuple[str, str]]:
    """What the audit trail says of rules, in order."""
    rows: Any = AuditEntry.select().where(AuditEntry.event_type.startswith("RULE_"))
    return [(row.event_type, row.result) for row in rows.order_by(AuditEntry.position)]


def make_due(model: type[Target], priority: Priority) -> None:
    with write():
        want(model, peewee.SQL("1 = 1"), priority)


APPLIED, RESTORED, REMOVED = (("RULE_" + deed, "SUCCESS") for deed in ("APPLY", "RESTORE", "REMOVE"))
NOT_APPLIED, NOT_REMOVED = (("RULE_" + deed, "FAILURE") for deed in ("APPLY", "REMOVE"))


def rule_ids() -> set[uuid.UUID]:
    return {row.id for row in Rule.select(Rule.id)}
