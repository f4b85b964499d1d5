"""What was seen on a target, with what follows from it for sessions and for what is being deleted."""

from api.database import write
from api.due import Claim
from api.lifecycle import deleting
from api.sessions import service as sessions
from api.targets import verdict, work
from api.targets.verdict import Report


def record(claim: Claim, report: Report, look_again_seconds: float) -> None:
    """Write down how the rules of a target stand; sessions follow. Raises LostClaim."""
    with write():
        sessions.follow(verdict.record(claim, report, look_again_seconds))
    # Only where something went, or two that cannot remove their rules would wake each other for ever.
    if any(outcome.was_ours and outcome.is_gone for outcome in report.outcomes.values()):
        work.look_at_others_of(claim.row_id)
    deleting.finish(claim.organisation_id)
