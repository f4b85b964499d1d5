"""What ends because its time is up."""

from dataclasses import replace

from api import audit, due
from api.actor import Actor
from api.database import locked, now, write
from api.due import Claim, Priority
from api.static_rules.models import StaticRule
from api.targets import service as targets
from api.targets.models import Grant


def expire_static_rule(claim: Claim) -> None:
    """End what a claimed static rule lets in if its time is up, and give the claim back. Raises LostClaim."""
    stands = (StaticRule.id == claim.row_id) & StaticRule.deleting_since.is_null()
    is_up = stands & (StaticRule.expires_at <= now())
    with write():
        held = targets.hold((), Grant.static_rule_id == claim.row_id)
        rule = locked(StaticRule.select().where(is_up)).first()
        if rule is not None:
            targets.end(Grant.static_rule_id == rule.id, held)
            subject = audit.Subject("STATIC_IP_RULE", rule.id, rule.label)
            audit.record(Actor.system(rule.organisation_id), "STATIC_IP_RULE_EXPIRE", subject)
        # No cloud was asked: nothing of a worker that died before is still to land, and nothing to be told of twice.
        due.settle(replace(claim, late_until=None), {}, look_again_seconds=None)
        if rule is None:
            # It has been given a later end, or the clock has gone back since the claim: its end is still to come.
            coming = {"due_at": StaticRule.expires_at, "due_priority": int(Priority.REVOKE)}
            StaticRule.update(coming).where(stands).execute()
