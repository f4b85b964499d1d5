"""What is to be done on a target, as a worker meets it."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any

from api import due
from api.clouds import CLOUDS
from api.clouds import Target as CloudTarget
from api.clouds.rules import Found, Kept, Ports, Protocol, Tag
from api.clouds.rules import Rule as CloudRule
from api.credentials.models import Credential
from api.database import current_time, locked, now, write
from api.due import LEASE_SECONDS, Claim, LostClaim, Priority
from api.targets.models import Grant, Rule, Target

_ARRIVAL = timedelta(seconds=LEASE_SECONDS)


@dataclass(frozen=True, slots=True)
class Task:
    """A rule as a worker meets it. is_wanted: somebody's grant of it has not ended. asked_at, is_leaving: see `Rule`.

    may_arrive: a call that adds it may still land, whatever the cloud answers to another one.
    """

    kept: Kept
    is_wanted: bool
    asked_at: datetime | None
    is_leaving: bool
    may_arrive: bool

    @property
    def rule_id(self) -> uuid.UUID:
        """The row's id, which stands in the tag."""
        return self.kept.rule.tag.rule


@dataclass(frozen=True, slots=True)
class Batch:
    """The rules of a target that one credential works on.

    obstacle: why it may add nothing, and is not believed that something is gone which it never showed; is_final: the
    obstacle stays until somebody changes something.
    """

    credential_id: uuid.UUID
    tasks: Sequence[Task]
    obstacle: str | None
    is_final: bool


@dataclass(frozen=True, slots=True)
class Work:
    """A target with all of its rules."""

    provider: str
    target: CloudTarget
    batches: Sequence[Batch]


def work_on(target_id: uuid.UUID, installation: uuid.UUID) -> Work | None:
    """What is to be done on a target; None where it is gone."""
    target = Target.get_or_none(Target.id == target_id)
    if target is None:
        return None
    wanted = wanted_on(target_id)
    has_tags = not CLOUDS[target.provider].writes_whole  # what has one is never another's
    tasks: dict[uuid.UUID, list[Task]] = {}
    rows: Any = Rule.select().where(Rule.target_id == target_id)
    for row in rows.order_by(Rule.created_at, Rule.id):
        is_ours = row.id in wanted or has_tags or not _is_anothers(target, row)
        kept = _kept(row, installation, is_ours)
        task = Task(kept, row.id in wanted, row.asked_at, row.is_leaving, may_arrive(row.asked_at))
        tasks.setdefault(row.credential_id, []).append(task)
    batches = [_batch(target, credential_id, theirs) for credential_id, theirs in tasks.items()]
    if (
        not batches
        and target.listed_at is None
        and Credential.select().where(Credential.id == target.credential_id).exists()
    ):
        # Rules of ours may be there that no row knows of.
        batches = [_batch(target, target.credential_id, ())]
    return Work(target.provider, target.in_cloud(), batches)


def may_arrive(asked_at: datetime | None) -> bool:
    """Whether a call that was begun then may still land, or a listing not show yet what it has added."""
    return asked_at is not None and asked_at + _ARRIVAL > current_time()


def intend(claim: Claim, rule_id: uuid.UUID) -> bool:
    """Write down that the cloud is about to be asked to add a rule. Raises LostClaim.

    False where nobody wants it any more.
    """
    with write():
        own(claim)
        if rule_id not in wanted_on(claim.row_id):
            return False
        # The listing lacks it, and any of somebody else's: should we die now, whoever finds one there knows that it is
        # this one, come back.
        intended = {"is_added": True, "asked_at": now(), "is_seen": False, "is_foreign": False, "twins": 0}
        return bool(Rule.update(intended).where(Rule.id == rule_id).execute())


def intend_removal(claim: Claim, rule_id: uuid.UUID, found: Found) -> None:
    """Write down that the cloud is about to be asked to remove a rule. Raises LostClaim.

    found: how it was listed. Should we die now, whoever finds fewer of them knows that ours has gone.
    """
    with write():
        own(claim)
        intended = {"is_leaving": True, "is_foreign": found.foreign, "twins": found.twins}
        Rule.update(intended).where(Rule.id == rule_id).execute()


def known(rule_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Which of the ids are those of rules, of whatever target and organisation."""
    if not rule_ids:
        return set()
    return {row.id for row in Rule.select(Rule.id).where(Rule.id.in_(list(rule_ids)))}


def own(claim: Claim) -> Target:
    """The claimed target, locked. Raises LostClaim."""
    target: Target | None = locked(
        Target.select().where(Target.id == claim.row_id, Target.claim_token == claim.token)
    ).first()
    if target is None:
        raise LostClaim
    return target


def wanted_on(target_id: uuid.UUID) -> set[uuid.UUID]:
    """The rules of a target that somebody wants."""
    rows: Any = Grant.select(Grant.rule_id).join(Rule, on=(Rule.id == Grant.rule_id))
    return {row.rule_id for row in rows.where(Rule.target_id == target_id, Grant.ended_at.is_null())}


def overtaken(target_id: uuid.UUID, asked: Mapping[Kept, uuid.UUID]) -> None:
    """A worker's last calls may have landed after its lease, when somebody else had looked already: look once more.

    `asked`: the rules that it asked for, each with the credential that it did so with. Those that were forgotten
    meanwhile are written down again, as ones that nobody wants.
    """
    with write():
        target = locked(Target.select().where(Target.id == target_id)).first()
        if target is None:
            return
        for kept, credential_id in asked.items():
            _remember(target, kept, credential_id)
        due.want(Target, Target.id == target_id, Priority.REVOKE)


def look_at_others_of(target_id: uuid.UUID) -> None:
    """Make due what other organisations have on the same object: they may have relied on what has just gone.

    Not in a transaction that holds a target.
    """
    target = Target.get_or_none(Target.id == target_id)
    if target is None:
        return
    for other in Target.select(Target.id).where(*_others_of(target)):
        with write():
            due.want(Target, Target.id == other.id, Priority.APPLY)


def _batch(target: Target, credential_id: uuid.UUID, tasks: Sequence[Task]) -> Batch:
    credential = Credential.get_by_id(credential_id)
    obstacle = None
    if credential.is_valid is None:
        obstacle = "the credential has not been verified yet"
    elif not credential.is_valid:
        obstacle = f"the credential is invalid: {credential.verification_error}"
    elif (credential.account or "") != target.account:
        obstacle = "the credential is of another account than the one that the rule is in"
    return Batch(credential_id, tasks, obstacle, is_final=credential.is_valid is not None)


def _others_of(target: Target) -> list[Any]:
    """The targets that other organisations have on the same object."""
    names = ("identifier", "provider", "account", "region")
    return [Target.id != target.id, *(getattr(Target, name) == getattr(target, name) for name in names)]


def _is_anothers(target: Target, row: Rule) -> bool:
    """Whether what is there of a rule that nobody wants is what another organisation has let in since."""
    added = Rule.select(Rule.id).join(Target, on=(Target.id == Rule.target_id))
    equal = added.where(*_others_of(target), Rule.address == row.address, Rule.is_added)
    return bool(Grant.select().where(Grant.rule_id.in_(equal), Grant.ended_at.is_null()).exists())


def _kept(row: Rule, installation: uuid.UUID, is_ours: bool) -> Kept:
    rule = CloudRule(
        tag=Tag(installation, row.id),
        address=ip_network(row.address),
        protocol=Protocol(row.protocol),
        ports=tuple(Ports(first, last) for first, last in row.ports),
        options=row.options,
    )
    is_added = row.is_added and is_ours
    return Kept(rule, tuple(row.provider_ids), is_added, foreign=row.is_foreign, twins=row.twins)


def _remember(target: Target, kept: Kept, credential_id: uuid.UUID) -> None:
    rule = kept.rule
    named: dict[str, Any] = {
        "target_id": target.id,
        "address": str(rule.address),
        "protocol": rule.protocol.value,
        "ports": [[ports.first, ports.last] for ports in rule.ports],
        "options": dict(rule.options),
    }
    if not Credential.select().where(Credential.id == credential_id).exists():
        return  # nobody has the key to it any more
    Rule.insert(
        id=rule.tag.rule,
        organisation_id=target.organisation_id,
        credential_id=credential_id,
        provider_ids=list(kept.provider_ids),
        asked_at=now(),
        created_at=current_time(),
        **named,
    ).on_conflict_ignore().execute()
    if kept.added:
        # Where a cloud has no tags, a rule that is there by our doing is ours, whichever row it was made for.
        Rule.update(is_added=True, asked_at=now()).where(*Rule.alike(named)).execute()
