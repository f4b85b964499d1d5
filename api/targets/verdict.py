"""What working on a target has shown, written down: rules, grants and audit rows in one transaction."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network

from api import audit, due
from api.actor import Actor
from api.clouds import Target as CloudTarget
from api.clouds.rules import Kept, Ports, Protocol, State, Tag
from api.clouds.rules import Rule as CloudRule
from api.database import delete, locked, now, write
from api.due import Claim, LostClaim
from api.targets.models import Grant, Rule, Target
from api.targets.service import APPLIED, FAILED, PENDING, REMOVED

_FOREIGN = "a rule that is not EntryGuard's lets the address through already; it stays when this ends"


@dataclass(frozen=True, slots=True)
class Task:
    """A rule as a worker meets it. is_wanted: somebody's grant of it has not ended. was_seen: the last look had it."""

    kept: Kept
    credential_id: uuid.UUID
    is_wanted: bool
    was_seen: bool

    @property
    def rule_id(self) -> uuid.UUID:
        return self.kept.rule.tag.rule


@dataclass(frozen=True, slots=True)
class Work:
    """A target with all of its rules."""

    target: CloudTarget
    tasks: Sequence[Task]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a rule stands after a worker's turn. state: None where it could not be looked at.

    error: why it is not as it is wanted; is_final: the cloud will say so again until somebody changes something.
    was_restored: somebody else had removed or edited it, and it is right again.
    """

    state: State | None
    provider_ids: tuple[str, ...] = ()
    is_foreign: bool = False
    error: str | None = None
    is_final: bool = False
    was_restored: bool = False


def work_on(target_id: uuid.UUID, installation: uuid.UUID) -> Work | None:
    """What is to be done on a target; None where it is gone."""
    target = Target.get_or_none(Target.id == target_id)
    if target is None:
        return None
    wanted = _wanted(target_id)
    rules = Rule.select().where(Rule.target_id == target_id).order_by(Rule.created_at, Rule.id)
    tasks = [Task(_kept(row, installation), row.credential_id, row.id in wanted, row.is_seen) for row in rules]
    return Work(target.in_cloud(), tasks)


def intend(claim: Claim, rule_id: uuid.UUID) -> bool:
    """Write down that we are about to add a rule, which the last listing did not have. Raises LostClaim.

    False where nobody wants it any more.
    """
    with write():
        _own(claim)
        if rule_id not in _wanted(claim.row_id):
            return False
        Rule.update(is_added=True).where(Rule.id == rule_id).execute()
    return True


def known(rule_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Which of the ids are those of rules, of whatever organisation."""
    return {row.id for row in Rule.select(Rule.id).where(Rule.id.in_(list(rule_ids)))}


def record(
    claim: Claim, outcomes: Mapping[uuid.UUID, Outcome], free_rules: int | None, look_again_seconds: float
) -> set[uuid.UUID]:
    """Write down how the rules of a target stand, and give the claim back. Inside `write`. Raises LostClaim.

    Returns the sessions whose grants have changed. The target is looked at again after `look_again_seconds` as long as
    anything is wanted there, and with backoff where something could not be done.
    """
    target = _own(claim)
    wanted = _wanted(claim.row_id)
    changed: set[uuid.UUID] = set()
    for rule in Rule.select().where(Rule.target_id == claim.row_id, Rule.id.in_(list(outcomes))):
        changed |= _record_rule(target, rule, outcomes[rule.id], rule.id in wanted)
    delay = _failure(outcomes, wanted)
    if delay is not None:
        due.postpone(claim, delay)
        return changed
    seen = {"free_rules": free_rules, "listed_at": now()}
    due.settle(claim, seen, look_again_seconds if wanted else None)
    return changed


def unreachable(claim: Claim, reason: str) -> set[uuid.UUID]:
    """Nothing could be seen: the grants tell why, and keep their states. Inside `write`. Raises LostClaim.

    Returns the sessions whose grants have changed.
    """
    _own(claim)
    rules = Rule.select(Rule.id).where(Rule.target_id == claim.row_id)
    waiting = Grant.rule_id.in_(rules) & (Grant.status.in_([PENDING, "REMOVING"]))
    sessions = {row.session_id for row in Grant.select(Grant.session_id).where(waiting)}
    Grant.update(error=reason).where(waiting).execute()
    due.postpone(claim, reason)
    return sessions - {None}


def _own(claim: Claim) -> Target:
    """The claimed target, locked. Raises LostClaim."""
    target: Target | None = locked(
        Target.select().where(Target.id == claim.row_id, Target.claim_token == claim.token)
    ).first()
    if target is None:
        raise LostClaim
    return target


def _wanted(target_id: uuid.UUID) -> set[uuid.UUID]:
    """The rules of a target that somebody wants."""
    rows = (
        Grant.select(Grant.rule_id)
        .join(Rule, on=(Rule.id == Grant.rule_id))
        .where(Rule.target_id == target_id, Grant.ended_at.is_null())
    )
    return {row.rule_id for row in rows}


def _kept(row: Rule, installation: uuid.UUID) -> Kept:
    rule = CloudRule(
        tag=Tag(installation, row.id),
        address=ip_network(row.address),
        protocol=Protocol(row.protocol),
        ports=tuple(Ports(first, last) for first, last in row.ports),
        options=row.options,
    )
    return Kept(rule, tuple(row.provider_ids), row.is_added)


def _record_rule(target: Target, rule: Rule, outcome: Outcome, is_wanted: bool) -> set[uuid.UUID]:
    if outcome.state is State.ABSENT and not outcome.error and not is_wanted:
        return _removed(target, rule)
    is_seen = rule.is_seen if outcome.state is None else outcome.state is State.PRESENT
    changes = {
        "is_seen": is_seen,
        "is_foreign": outcome.is_foreign,
        "provider_ids": list(outcome.provider_ids or rule.provider_ids),
        "error": outcome.error,
    }
    Rule.update(**changes).where(Rule.id == rule.id).execute()
    if is_wanted and outcome.state is State.PRESENT and (outcome.was_restored or not rule.is_seen):
        _tell(target, rule, "RULE_RESTORE" if outcome.was_restored else "RULE_APPLY", None)
    if outcome.is_final and outcome.error != rule.error:
        _tell(target, rule, "RULE_APPLY" if is_wanted else "RULE_REMOVE", outcome.error)
    return _tell_grants(rule, outcome, is_seen)


def _tell_grants(rule: Rule, outcome: Outcome, is_seen: bool) -> set[uuid.UUID]:
    """Bring the grants of a rule up to date. Returns the sessions of those that changed."""
    live = {"status": APPLIED if is_seen else FAILED if outcome.is_final else PENDING, "error": outcome.error}
    if is_seen:
        live |= {
            "error": outcome.error or (_FOREIGN if outcome.is_foreign else None),
            "provider_rule_id": outcome.provider_ids[0] if outcome.provider_ids else None,
        }
    changed = set()
    for one in Grant.select().where(Grant.rule_id == rule.id, Grant.status != REMOVED):
        wanted = live if one.ended_at is None else {"error": outcome.error}
        if all(getattr(one, name) == value for name, value in wanted.items()):
            continue
        if wanted.get("status") == APPLIED and one.applied_at is None:
            wanted = {**wanted, "applied_at": now()}
        Grant.update(**wanted).where(Grant.id == one.id).execute()
        changed.add(one.session_id)
    return changed - {None}


def _removed(target: Target, rule: Rule) -> set[uuid.UUID]:
    """Nothing of a rule that nobody wants is in the cloud: its grants are over and its row goes."""
    grants = Grant.rule_id == rule.id
    sessions = {row.session_id for row in Grant.select(Grant.session_id).where(grants, Grant.status != REMOVED)}
    Grant.update(status=REMOVED, removed_at=now(), error=None).where(grants, Grant.status != REMOVED).execute()
    Grant.update(rule_id=None).where(grants).execute()
    if rule.is_added:
        _tell(target, rule, "RULE_REMOVE", None)
    delete(Rule, Rule.id == rule.id)
    return sessions - {None}


def _failure(outcomes: Mapping[uuid.UUID, Outcome], wanted: set[uuid.UUID]) -> str | None:
    """Why the target is to be worked on again soon: what passes, or a rule that the cloud will not give up."""
    for rule_id, outcome in outcomes.items():
        if outcome.error and not (outcome.is_final and rule_id in wanted):
            return outcome.error
    return None


def _tell(target: Target, rule: Rule, event: str, error: str | None) -> None:
    details = {
        "provider": target.provider,
        "target": target.identifier,
        "address": rule.address,
        "protocol": rule.protocol,
        "ports": rule.ports,
    }
    subject = audit.Subject("RULE", rule.id, f"{rule.address} on {target.identifier}")
    audit.record(Actor.system(target.organisation_id), event, subject, error=error, details=details)
