"""What was seen on a target, with what follows from it for sessions and for what is being deleted."""

from api.database import write
from api.due import Claim
from api.lifecycle import deleting
from api.sessions import service as sessions
from api.targets import verdict, work
from api.targets.models import Rule
from api.targets.verdict import Report


def record(claim: Claim, report: Report, look_again_seconds: float) -> None:
    """Write down how the rules of a target stand; sessions follow. Raises LostClaim."""
    # Before it is written down that it went: should we die in between, whoever comes next does this again.
    if _has_gone(report):
        work.look_at_others_of(claim.row_id)
    with write():
        sessions.follow(verdict.record(claim, report, look_again_seconds))
    deleting.finish(claim.organisation_id)


def _has_gone(report: Report) -> bool:
    """Something went, now or unrecorded before: two that cannot remove their rules never wake each other."""
    gone = {rule_id: outcome for rule_id, outcome in report.outcomes.items() if outcome.is_gone}
    if any(outcome.was_ours for outcome in gone.values()):
        return True
    unwanted = [rule_id for rule_id, outcome in gone.items() if not outcome.was_wanted]
    return bool(unwanted) and bool(Rule.select().where(Rule.id.in_(unwanted), Rule.is_applied).exists())
