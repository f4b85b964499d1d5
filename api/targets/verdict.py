"""What a worker's turn on a target has shown, written down: rules, grants and audit rows in one transaction."""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from api import audit, due
from api.actor import Actor
from api.clouds.rules import State
from api.database import current_time, delete, now
from api.due import LEASE_SECONDS, Claim, Priority
from api.targets.models import Grant, Rule, Target
from api.targets.service import APPLIED, FAILED, PENDING, REMOVED, REMOVING
from api.targets.wanting import wanted
from api.targets.work import own, wanted_on

# How long a call that was left unanswered may land.
_ARRIVAL = timedelta(seconds=LEASE_SECONDS)
_LOOKS_FOR_ARRIVALS_SECONDS = 8.0
_REVOKE_BACKOFF_SECONDS = 15.0
_MAY_ARRIVE = "not there, but the cloud has left a request to add it unanswered: it is looked for once more"
_FOREIGN = "somebody else's equal rule is there: it lets the address in too, and may stay when this has ended"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a rule stands after a worker's turn. state: None where it could not be looked at.

    was_wanted: it was to be there, when the turn began. is_ours, was_ours: something that EntryGuard made is there, was
    there before the turn. has_arrived: all of it was. is_answered: the cloud was asked to add it, and has answered.
    error: why it is not as it is wanted; is_final: the cloud will say so again until somebody changes something.
    was_restored: it had been removed or edited, and is right again.
    """

    state: State | None
    was_wanted: bool
    is_ours: bool = False
    was_ours: bool = False
    provider_ids: tuple[str, ...] = ()
    is_foreign: bool = False
    is_answered: bool = False
    has_arrived: bool = False
    error: str | None = None
    is_final: bool = False
    was_restored: bool = False

    @property
    def is_gone(self) -> bool:
        """Nothing of it that is ours is there."""
        return self.state is not None and not self.is_ours


@dataclass(frozen=True, slots=True)
class Report:
    """What a turn has shown of a target. is_unfinished: it has taken long enough, and more is to be applied.

    failure: why something could not be done that is no rule's of the target.
    """

    outcomes: Mapping[uuid.UUID, Outcome]
    free_rules: int | None = None
    failure: str | None = None
    is_unfinished: bool = False


def record(claim: Claim, report: Report, look_again_seconds: float) -> set[uuid.UUID]:
    """Write down how the rules of a target stand, and give the claim back. Inside `write`. Raises LostClaim.

    Returns the sessions whose grants have changed. The target is looked at again after `look_again_seconds` as long as
    anything is wanted there, and with backoff where something could not be done.
    """
    target = own(claim)
    wanted = wanted_on(claim.row_id)
    changed: set[uuid.UUID] = set()
    for rule in Rule.select().where(Rule.target_id == claim.row_id, Rule.id.in_(list(report.outcomes))):
        outcome = report.outcomes[rule.id]
        # Whoever had an inherited claim before may have asked too, and have had no answer.
        if outcome.has_arrived or (outcome.is_answered and not claim.inherited):
            rule.asked_at = None
        may_arrive = rule.asked_at is not None and (claim.inherited or rule.asked_at + _ARRIVAL > current_time())
        changed |= _record_rule(target, rule, outcome, is_wanted=rule.id in wanted, may_arrive=may_arrive)
    _give_back(claim, report, wanted, look_again_seconds)
    return changed


def _record_rule(target: Target, rule: Rule, outcome: Outcome, *, is_wanted: bool, may_arrive: bool) -> set[uuid.UUID]:
    _tell_changes(target, rule, outcome, is_wanted)
    if outcome.is_gone and not is_wanted and not may_arrive:
        return _forget(rule)
    error = _MAY_ARRIVE if outcome.is_gone and not is_wanted else outcome.error
    is_present = rule.is_seen if outcome.state is None else outcome.state is State.PRESENT
    Rule.update(
        # What was refused and is not there will be somebody else's, should it be there one day. What has our tag is
        # ours also where a restored database was yet to add it.
        is_added=(rule.is_added or outcome.is_ours)
        and not (outcome.is_gone and outcome.is_final and not rule.asked_at),
        asked_at=rule.asked_at,
        is_seen=is_present,
        is_applied=rule.is_applied,
        is_foreign=outcome.is_foreign,
        provider_ids=list(outcome.provider_ids),
        error=error,
    ).where(Rule.id == rule.id).execute()
    changed = _tell_ended_grants(rule, error, is_wanted)
    return changed | _tell_live_grants(rule, outcome, is_present=is_present and outcome.was_wanted)


def _tell_changes(target: Target, rule: Rule, outcome: Outcome, is_wanted: bool) -> None:
    """One event for each time that a rule of ours came, went, was made right, or could not be."""
    was_there = rule.is_applied
    is_right = outcome.is_ours and outcome.state is State.PRESENT
    if not rule.is_applied and (outcome.was_ours or is_right):
        _tell(target, rule, "RULE_APPLY")
        rule.is_applied = True
    if is_right and was_there and (outcome.was_restored or not rule.is_seen):
        _tell(target, rule, "RULE_RESTORE")
    if outcome.is_gone and rule.is_applied and not (outcome.was_wanted and is_wanted):
        _tell(target, rule, "RULE_REMOVE")
        rule.is_applied = False
    if outcome.is_final and outcome.error != rule.error:
        _tell(target, rule, "RULE_APPLY" if outcome.was_wanted else "RULE_REMOVE", outcome.error)


def _tell_live_grants(rule: Rule, outcome: Outcome, *, is_present: bool) -> set[uuid.UUID]:
    """Bring the grants up to date of those who want a rule. Returns the sessions of those that changed."""
    status = APPLIED if is_present else FAILED if outcome.is_final and outcome.was_wanted else PENDING
    error = outcome.error if outcome.was_wanted else None
    told: dict[str, Any] = {"status": status, "error": error}
    if is_present:
        told["error"] = error or (_FOREIGN if outcome.is_foreign else None)
        told["provider_rule_id"] = next(iter(outcome.provider_ids), None)
    return _update_grants(Grant.select().where(Grant.rule_id == rule.id, Grant.ended_at.is_null()), told)


def _tell_ended_grants(rule: Rule, error: str | None, is_wanted: bool) -> set[uuid.UUID]:
    """Bring the grants up to date whose rule should go; where somebody wants it again, it stays for him."""
    told: dict[str, Any] = {"error": error}
    if is_wanted:
        keeper = wanted(Rule.id == rule.id)[0].holders[0]
        told = {"status": REMOVED, "removed_at": current_time(), "kept_by": keeper, "error": None}
    return _update_grants(Grant.select().where(Grant.rule_id == rule.id, Grant.status == REMOVING), told)


def _update_grants(which: Any, told: Mapping[str, Any]) -> set[uuid.UUID]:
    changed = set()
    for one in which:
        if all(getattr(one, name) == value for name, value in told.items()):
            continue
        first = {"applied_at": now()} if told.get("status") == APPLIED and one.applied_at is None else {}
        Grant.update(**told, **first).where(Grant.id == one.id).execute()
        changed.add(one.session_id)
    return changed - {None}


def _forget(rule: Rule) -> set[uuid.UUID]:
    """Nothing of a rule that nobody wants is in the cloud: its grants are over and its row goes."""
    theirs = Grant.rule_id == rule.id
    changed = _update_grants(
        Grant.select().where(theirs, Grant.status == REMOVING),
        {"status": REMOVED, "removed_at": current_time(), "error": None},
    )
    Grant.update(rule_id=None).where(theirs).execute()
    delete(Rule, Rule.id == rule.id)
    return changed


def _give_back(claim: Claim, report: Report, wanted: Collection[uuid.UUID], look_again_seconds: float) -> None:
    """When the target is looked at again: it is as urgent as the most urgent of what is left to be done there."""
    rows: Any = Rule.select().where(Rule.target_id == claim.row_id)
    unwanted = [row for row in rows if row.id not in wanted]
    if any(outcome.state is not None for outcome in report.outcomes.values()):
        Target.update(free_rules=report.free_rules, listed_at=now()).where(Target.id == claim.row_id).execute()
    reason = report.failure or _failure(report.outcomes, wanted)
    if reason is not None:
        due.postpone(claim, reason, _REVOKE_BACKOFF_SECONDS if unwanted or report.failure else float("inf"))
    elif report.is_unfinished:
        due.settle(claim, {}, look_again_seconds=0)
    elif unwanted:
        due.settle(claim, {}, _LOOKS_FOR_ARRIVALS_SECONDS)
    else:
        due.settle(claim, {}, look_again_seconds if wanted else None)
    if unwanted or report.is_unfinished:
        priority = int(Priority.REVOKE if unwanted else Priority.APPLY)
        Target.update(due_priority=priority).where(Target.id == claim.row_id, Target.due_priority > priority).execute()


def _failure(outcomes: Mapping[uuid.UUID, Outcome], wanted: Collection[uuid.UUID]) -> str | None:
    """Why the target is to be worked on again soon: what passes, or a rule that the cloud will not give up."""
    for rule_id, outcome in outcomes.items():
        if outcome.error and not (outcome.is_final and rule_id in wanted and outcome.was_wanted):
            return outcome.error
    return None


def _tell(target: Target, rule: Rule, event: str, error: str | None = None) -> None:
    details = {
        "provider": target.provider,
        "target": target.identifier,
        "address": rule.address,
        "protocol": rule.protocol,
        "ports": rule.ports,
    }
    subject = audit.Subject("RULE", rule.id, f"{rule.address} on {target.identifier}")
    audit.record(Actor.system(target.organisation_id), event, subject, error=error, details=details)
