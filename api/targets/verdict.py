"""What a worker's turn on a target has shown, written down: rules, grants and audit rows in one transaction."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from api import audit, due
from api.actor import Actor
from api.clouds.rules import State
from api.database import current_time, delete, now
from api.due import LEASE_SECONDS, Claim, Priority
from api.targets.models import Grant, Rule, Target
from api.targets.service import APPLIED, FAILED, PENDING, REMOVED, REMOVING
from api.targets.wanting import wanted
from api.targets.work import may_arrive, own, wanted_on

_LOOKS_FOR_ARRIVALS_SECONDS = 8.0
_REVOKE_BACKOFF_SECONDS = 15.0
_MAY_ARRIVE = "not there, but a request may be under way that brings it back: it is looked for once more"
_FOREIGN = "somebody else's equal rule is there: it lets the address in too, and may stay when this has ended"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a rule stands after a worker's turn. state: None where it could not be looked at.

    was_wanted: it was to be there, when the turn began. is_ours, was_ours: something that EntryGuard made is there, was
    there before the turn; is_foreign: an equal one of somebody else's is. is_leaving: see `Rule`. has_arrived: all of
    it was. is_answered: the cloud was asked to add it, and has refused, or shows all of it; that it said yes is not
    enough, for what it shows may lag behind. is_theirs: when it was asked, an equal one of somebody else's was there.
    error: why it is not as it is wanted; is_final: the cloud will say so again until somebody changes something.
    was_restored: it had been removed or edited, and is right again.
    """

    state: State | None
    was_wanted: bool
    is_ours: bool = False
    was_ours: bool = False
    provider_ids: tuple[str, ...] = ()
    is_foreign: bool = False
    is_leaving: bool = False
    is_answered: bool = False
    is_theirs: bool = False
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

    failure: why something could not be done that is no rule's of the target. is_listed: all that is there was shown.
    may_be_undone: a call was left unanswered that brings back what has gone, should it land late.
    """

    outcomes: Mapping[uuid.UUID, Outcome]
    free_rules: int | None = None
    failure: str | None = None
    is_unfinished: bool = False
    is_listed: bool = False
    may_be_undone: bool = False


def record(claim: Claim, report: Report, look_again_seconds: float) -> set[uuid.UUID]:
    """Write down how the rules of a target stand, and give the claim back. Inside `write`. Raises LostClaim.

    Returns the sessions whose grants have changed. The target is looked at again after `look_again_seconds` as long as
    anything is wanted there, and with backoff where something could not be done.
    """
    target = own(claim)
    if report.may_be_undone:
        claim = replace(claim, late_until=current_time() + timedelta(seconds=LEASE_SECONDS))
    still_wanted = wanted_on(claim.row_id)
    grants = _grants_of(report.outcomes)
    changed: set[uuid.UUID] = set()
    for rule in Rule.select().where(Rule.target_id == claim.row_id, Rule.id.in_(list(report.outcomes))):
        seen = _seen(claim, rule, report.outcomes[rule.id], is_wanted=rule.id in still_wanted)
        is_refused_yet_under_way = seen.outcome.is_final and may_arrive(seen.asked_at)
        if seen.is_wanted and (is_refused_yet_under_way or _may_go(rule, seen.outcome, grants.get(rule.id, ()))):
            look_again_seconds = LEASE_SECONDS
        changed |= _record_rule(target, rule, seen, grants.get(rule.id, ()))
    _give_back(claim, report, still_wanted, look_again_seconds)
    return changed


@dataclass(frozen=True, slots=True)
class _Seen:
    """A rule's outcome, beside what its row says. is_wanted: now. asked_at: see `Rule`; may_arrive: it may land yet."""

    outcome: Outcome
    is_wanted: bool
    asked_at: datetime | None
    may_arrive: bool

    @property
    def is_over(self) -> bool:
        """Nobody wants it, nothing of it is there, and nothing will be."""
        return self.outcome.is_gone and not self.is_wanted and not self.may_arrive

    @property
    def is_nothing_of_ours(self) -> bool:
        """The cloud would not add it, or had no need to, and nothing will come of what was asked before.

        Or it was removed, and what equals it is somebody else's.
        """
        is_his = self.outcome.is_leaving and self.outcome.is_foreign and not self.may_arrive
        is_not_added = (self.outcome.is_final or self.outcome.is_theirs) and not self.asked_at
        return self.outcome.is_gone and (is_not_added or is_his)

    @property
    def is_leaving(self) -> bool:
        """Whether what has become of a call that removes it is still to be told, or whose what is left is."""
        outcome = self.outcome
        is_there = outcome.is_ours and (outcome.state is State.PRESENT or outcome.is_final)
        is_nowhere = outcome.is_gone and not outcome.is_foreign
        return outcome.is_leaving and not (outcome.was_wanted and (is_there or is_nowhere) and not self.may_arrive)


def _seen(claim: Claim, rule: Rule, outcome: Outcome, *, is_wanted: bool) -> _Seen:
    # Whoever had an inherited claim before may have asked too, and have had no answer; but not for what is theirs. What
    # was there before the turn is no answer to all that were asked: only time is.
    is_answered = outcome.is_answered and (outcome.is_theirs or not claim.inherited)
    asked_at = None if is_answered else rule.asked_at
    is_late = asked_at is not None and (claim.inherited or may_arrive(asked_at))
    if outcome.has_arrived and not is_late:
        asked_at = None
    # Where a cloud writes all entries of an object at once, any late call may bring back any of them.
    return _Seen(outcome, is_wanted, asked_at, is_late or claim.inherited)


def _may_go(rule: Rule, outcome: Outcome, grants: Sequence[Grant]) -> bool:
    """Whether a call to remove a rule that is looked at may land yet: a turn before could not bring it to an end."""
    was_to_go = rule.error is not None and any(grant.status == REMOVING for grant in grants)
    return outcome.state is not None and (rule.is_leaving or was_to_go)


def _grants_of(rule_ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID | None, Sequence[Grant]]:
    """The grants of each rule that want it, or wait for it to go."""
    grants: dict[uuid.UUID | None, list[Grant]] = {}
    is_open = Grant.ended_at.is_null() | (Grant.status == REMOVING)
    for grant in Grant.select().where(Grant.rule_id.in_(list(rule_ids)), is_open):
        grants.setdefault(grant.rule_id, []).append(grant)
    return grants


def _record_rule(target: Target, rule: Rule, seen: _Seen, grants: Sequence[Grant]) -> set[uuid.UUID]:
    outcome, is_wanted = seen.outcome, seen.is_wanted
    was_to_go = rule.is_leaving or any(grant.status == REMOVING for grant in grants)
    # What was refused and is not there will be somebody else's, should it be there one day. What has our tag is ours
    # also where a restored database was yet to add it.
    is_added = outcome.is_ours or (rule.is_added and not seen.is_nothing_of_ours)
    was_kept = outcome.was_wanted and is_wanted and not was_to_go and is_added
    is_applied = _tell_changes(target, rule, outcome, was_kept=was_kept)
    if seen.is_over:
        return _forget(rule, grants)
    error = _MAY_ARRIVE if outcome.is_gone and not is_wanted else outcome.error
    is_present = rule.is_seen if outcome.state is None else outcome.state is State.PRESENT
    told = {
        "is_added": is_added,
        "asked_at": seen.asked_at if is_added else None,
        "is_seen": is_present,
        "is_applied": is_applied,
        "is_foreign": rule.is_foreign if outcome.state is None else outcome.is_foreign,
        "is_leaving": is_added and seen.is_leaving,
        "twins": rule.twins if is_added and seen.is_leaving else 0,
        "provider_ids": list(outcome.provider_ids),
        "error": error,
    }
    _update(rule, told)
    # Who wants it while it is being removed keeps it once a turn that began with that has looked, or once it is gone.
    has_looked = outcome.state is not None or outcome.is_final
    is_kept = is_wanted and (outcome.is_gone or (outcome.was_wanted and has_looked))
    changed = _tell_ended_grants(rule, grants, error, is_kept=is_kept)
    return changed | _tell_live_grants(grants, outcome, is_present=is_present and outcome.was_wanted)


def _update(row: Rule | Grant, told: Mapping[str, Any], beside: Mapping[str, Any] | None = None) -> bool:
    """Write down what the row does not say yet, and with it what is beside; False where it says all of it."""
    changes = {name: value for name, value in told.items() if getattr(row, name) != value}
    if not changes:
        return False
    type(row).update(**changes, **(beside or {})).where(type(row).id == row.id).execute()
    return True


def _tell_changes(target: Target, rule: Rule, outcome: Outcome, *, was_kept: bool) -> bool:
    """One event for each time that a rule of ours came, went, was made right, or could not be.

    was_kept: it was wanted all the time, and the cloud has not refused to have it back. If not, and it is gone or back
    again, it was removed: if not by this worker, by one that died, or by somebody else.
    Returns whether the audit trail has it as applied, and not yet as removed.
    """
    is_applied = rule.is_applied
    is_right = outcome.is_ours and outcome.state is State.PRESENT
    if not is_applied and (outcome.was_ours or is_right):
        _tell(target, rule, "RULE_APPLY")
        is_applied = True
    if is_right and rule.is_applied and (outcome.was_restored or not rule.is_seen):
        for event in ("RULE_RESTORE",) if was_kept else ("RULE_REMOVE", "RULE_APPLY"):
            _tell(target, rule, event)
    if outcome.is_gone and is_applied and not was_kept:
        _tell(target, rule, "RULE_REMOVE")
        is_applied = False
    if outcome.is_final and outcome.error != rule.error:
        _tell(target, rule, "RULE_APPLY" if outcome.was_wanted else "RULE_REMOVE", outcome.error)
    return is_applied


def _tell_live_grants(grants: Sequence[Grant], outcome: Outcome, *, is_present: bool) -> set[uuid.UUID]:
    """Bring the grants up to date of those who want a rule. Returns the sessions of those that changed."""
    status = APPLIED if is_present else FAILED if outcome.is_final and outcome.was_wanted else PENDING
    error = outcome.error if outcome.was_wanted else None
    told: dict[str, Any] = {"status": status, "error": error}
    if is_present:
        told["error"] = error or (_FOREIGN if outcome.is_foreign else None)
        told["provider_rule_id"] = next(iter(outcome.provider_ids), None)
    changed = []
    for grant in grants:
        if grant.ended_at is None:
            first = {"applied_at": now()} if status == APPLIED and grant.applied_at is None else {}
            if _update(grant, told, first):
                changed.append(grant)
    return _sessions_of(changed)


def _tell_ended_grants(rule: Rule, grants: Sequence[Grant], error: str | None, *, is_kept: bool) -> set[uuid.UUID]:
    """Bring the grants up to date whose rule should go; where somebody wants it again, it stays for him."""
    told: dict[str, Any] = {"error": error}
    removed = {}
    ended = [grant for grant in grants if grant.status == REMOVING]
    if ended and is_kept:
        keeper = wanted(Rule.id == rule.id)[0].holders[0]
        told = {"status": REMOVED, "kept_by": keeper, "error": None}
        removed = {"removed_at": now()}
    return _sessions_of(grant for grant in ended if _update(grant, told, removed))


def _forget(rule: Rule, grants: Sequence[Grant]) -> set[uuid.UUID]:
    """Nothing of a rule that nobody wants is in the cloud: its grants are over and its row goes."""
    ended = [grant for grant in grants if grant.status == REMOVING]
    over = {"status": REMOVED, "removed_at": now(), "error": None}
    Grant.update(**over).where(Grant.id.in_([grant.id for grant in ended])).execute()
    Grant.update(rule_id=None).where(Grant.rule_id == rule.id).execute()
    delete(Rule, Rule.id == rule.id)
    return _sessions_of(ended)


def _sessions_of(grants: Iterable[Grant]) -> set[uuid.UUID]:
    return {grant.session_id for grant in grants if grant.session_id}


def _give_back(claim: Claim, report: Report, still_wanted: Collection[uuid.UUID], look_again_seconds: float) -> None:
    """When the target is looked at again: it is as urgent as the most urgent of what is left to be done there."""
    rows: Any = Rule.select(Rule.id).where(Rule.target_id == claim.row_id)
    unwanted = [row for row in rows if row.id not in still_wanted]
    is_bare = not report.outcomes and report.is_listed and report.failure is None
    if is_bare or any(outcome.state is not None for outcome in report.outcomes.values()):
        seen: dict[str, Any] = {"free_rules": report.free_rules}
        if not claim.inherited:  # else there may be more than was listed
            seen["listed_at"] = now()
        Target.update(seen).where(Target.id == claim.row_id).execute()
    reason = report.failure or _failure(report.outcomes, still_wanted)
    if reason is not None:
        due.postpone(claim, reason, _REVOKE_BACKOFF_SECONDS if unwanted or report.failure else float("inf"))
    elif report.is_unfinished:
        due.settle(claim, {}, look_again_seconds=0)
    elif unwanted:
        due.settle(claim, {}, _LOOKS_FOR_ARRIVALS_SECONDS)
    else:
        due.settle(claim, {}, look_again_seconds if still_wanted else None)
    if unwanted or report.is_unfinished:
        priority = int(Priority.REVOKE if unwanted else Priority.APPLY)
        Target.update(due_priority=priority).where(Target.id == claim.row_id, Target.due_priority > priority).execute()


def _failure(outcomes: Mapping[uuid.UUID, Outcome], still_wanted: Collection[uuid.UUID]) -> str | None:
    """Why the target is to be worked on again soon: what passes, or a rule that the cloud will not give up."""
    for rule_id, outcome in outcomes.items():
        if outcome.error and not (outcome.is_final and rule_id in still_wanted and outcome.was_wanted):
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
