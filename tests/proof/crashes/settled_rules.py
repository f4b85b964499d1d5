"""What must be true of what a run lets in, in its rows and in the cloud, when all that was due is done."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from api.accounts.models import Organisation
from api.actor import Actor
from api.audit_log.models import AuditEntry
from api.clouds.rules import Kept, Listing, State
from api.credentials.verdict import secret_in_use
from api.database import write
from api.due import Priority
from api.installation import identity
from api.sessions import service as sessions
from api.sessions.models import Session
from api.static_rules.models import StaticRule
from api.targets import service as targets
from api.targets.models import Grant, Rule, Target
from api.targets.work import known, work_on
from tests.proof.crashes.settled import companies, events
from tests.proof.crashes.site import Site
from worker.connections import Connections
from worker.verify import endpoints_of

_APPLY, _RESTORE, _REMOVE = "RULE_APPLY", "RULE_RESTORE", "RULE_REMOVE"
# What may be told of a rule after what; None: before the first, and after the last where it has no row any more.
_NEXT: dict[str | None, set[str | None]] = {
    None: {_APPLY, None},
    _APPLY: {_RESTORE, _REMOVE},
    _RESTORE: {_RESTORE, _REMOVE},
    _REMOVE: {_APPLY, None},
}
_ENDS = {"EXPIRED": "SESSION_EXPIRE"}
_CHANGES = ("SESSION_EXTEND", "SESSION_UPDATE")


def wrongs_of_rules(site: Site) -> list[str]:
    """What is not as it must be, in words; nothing where all is."""
    found: list[str] = []
    for company in companies(site.run):
        for session in Session.select().where(Session.organisation_id == company.id):
            found += [*_of_session(session), *_of_its_audit(session, events(company))]
        for static in StaticRule.select().where(StaticRule.organisation_id == company.id):
            found += _of_static_rule(static)
        for one in Grant.select().where(Grant.organisation_id == company.id):
            found += _of_grant(one)
        for rule in Rule.select().where(Rule.organisation_id == company.id):
            found += _of_rule(rule)
        found += _of_rules_audit(company)
        for target in Target.select().where(Target.organisation_id == company.id):
            found += [*_of_target(target), *_in_cloud(target, site)]
    return found


def told_too_early(site: Site) -> list[str]:
    """What is told to be removed and is there, when the process has just died."""
    ours = [company.id for company in companies(site.run)]
    found: list[str] = []
    for target in Target.select().where(Target.organisation_id.in_(ours)):
        for kept, listing in _listings(target, site):
            there = {tag.rule for tag, each in listing.found.items() if each.state is not State.ABSENT}
            held = Grant.rule_id.in_([each.rule.tag.rule for each in kept]) & (Grant.status != targets.REMOVED)
            told = there - {one.rule_id for one in Grant.select().where(held)}
            found += [f"a rule that is told to be removed is {listing.found}" for _ in told]
            found += [f"a rule that is forgotten is there: {stray.rule.tag}" for stray in _forgotten(listing)]
    return found


def end_all(site: Site) -> bool:
    """End all that a run lets in, as its last deed; False where it lets nothing in."""
    ours = [company.id for company in companies(site.run)]
    live = Grant.organisation_id.in_(ours)
    if not Grant.select().where(live, Grant.ended_at.is_null()).exists():
        return False
    with write():
        for organisation_id in ours:
            sessions.end(Actor.system(organisation_id), Session.organisation_id == organisation_id, sessions.MANUAL)
        targets.end(live, targets.hold((), live))
    return True


def _of_session(session: Session) -> Iterator[str]:
    grants = list(Grant.select().where(Grant.session_id == session.id))
    live = [one for one in grants if one.ended_at is None]
    expected = "ACTIVE"
    if session.ended_at is not None:
        expected = "EXPIRED" if session.ended_reason == sessions.EXPIRED else "CANCELLED"
    if session.status != expected:
        yield f"a session is {session.status}, and not {expected}: {[(one.status, one.error) for one in grants]}"
    if (session.ended_at is None) != bool(live):
        yield f"a session that ended at {session.ended_at} has {len(live)} grants that have not ended"
    if session.due_at != (session.expires_at if session.ended_at is None else None):
        yield f"a session that ends at {session.expires_at} is due at {session.due_at}"


def _of_its_audit(session: Session, entries: Sequence[AuditEntry]) -> Iterator[str]:
    """One event for its start, one for its end, one for each change."""
    told = Counter(entry.event_type for entry in entries if entry.resource_id == str(session.id))
    changes = Counter({name: told[name] for name in _CHANGES if told[name]})
    end = Counter([_ENDS.get(str(session.ended_reason), "SESSION_STOP")] if session.ended_at else [])
    if told != Counter(["SESSION_START"]) + end + changes:
        yield f"of a session that ended because of {session.ended_reason} is told {dict(told)}"
    # Nobody but who stops a session asks for its end with its revision.
    stops = {session.ended_reason == sessions.MANUAL, False}
    if session.revision - 1 - changes.total() not in stops:
        yield f"a session has revision {session.revision} after {changes.total()} changes"


def _of_static_rule(rule: StaticRule) -> Iterator[str]:
    live = Grant.select().where(Grant.static_rule_id == rule.id, Grant.ended_at.is_null())
    if rule.due_at is not None and (rule.due_at != rule.expires_at or not live.exists()):
        yield f"a static rule that ends at {rule.expires_at} is due at {rule.due_at}"


def _of_grant(one: Grant) -> Iterator[str]:
    rule = Rule.get_or_none(Rule.id == one.rule_id)
    if one.ended_at is not None:
        if one.status != targets.REMOVED or one.removed_at is None or one.error is not None:
            yield f"a grant that has ended is {one.status}: {one.error}"
        if rule is not None and one.kept_by is None:
            yield "a rule outlasts a grant, and nobody keeps it"
        return
    if one.status != targets.APPLIED or one.applied_at is None or one.error is not None:
        yield f"a grant is {one.status}: {one.error}"
    if rule is None or not rule.is_seen:
        yield "a grant has no rule that was seen"


def _of_rule(rule: Rule) -> Iterator[str]:
    if not Grant.select().where(Grant.rule_id == rule.id, Grant.ended_at.is_null()).exists():
        yield "there is a rule that nobody wants"
    if not (rule.is_added and rule.is_seen and rule.is_applied) or rule.is_foreign or rule.error is not None:
        yield f"a rule is added {rule.is_added}, seen {rule.is_seen}, applied {rule.is_applied}: {rule.error}"


def _of_rules_audit(company: Organisation) -> Iterator[str]:
    """What is told of each rule follows on what was told before, and ends with what is so."""
    told: dict[str, list[str | None]] = {}
    for entry in events(company):
        if entry.event_type in _NEXT and entry.resource_id:
            told.setdefault(entry.resource_id, [None]).append(entry.event_type)
            if entry.result != "SUCCESS":
                yield f"{entry.event_type} failed: {entry.error_message}"
    there = {str(rule.id) for rule in Rule.select().where(Rule.organisation_id == company.id)}
    for rule_id in there | told.keys():
        steps = told.get(rule_id, [None])
        if any(after not in _NEXT[before] for before, after in pairwise(steps)):
            yield f"of a rule is told {steps[1:]}"
        if (None in _NEXT[steps[-1]]) == (rule_id in there):
            yield f"of a rule that is {'there' if rule_id in there else 'gone'} is told {steps[1:]}"


def _of_target(target: Target) -> Iterator[str]:
    is_used = Rule.select().where(Rule.target_id == target.id).exists()
    if (target.due_at is not None) != is_used:
        yield f"a target {'with' if is_used else 'without'} rules is due at {target.due_at}"
    if is_used and target.due_priority != int(Priority.RECHECK):
        yield f"a target is due with priority {target.due_priority}"


def _in_cloud(target: Target, site: Site) -> Iterator[str]:
    """All that is wanted is there, and nothing of ours besides."""
    for _, listing in _listings(target, site):
        right = [each for each in listing.found.values() if each.state is State.PRESENT and not each.foreign]
        if len(right) < len(listing.found):
            yield f"not all that is wanted is in the cloud: {listing.found}"
        yield from (f"{stray.rule.tag} is in the cloud" for stray in _forgotten(listing))


def _listings(target: Target, site: Site) -> Iterator[tuple[Sequence[Kept], Listing]]:
    """What the cloud shows of a target's rules to each credential that they are worked on with."""
    there = work_on(target.id, identity())
    connections = Connections(site.vault, endpoints_of(site.settings))
    for batch in there.batches if there else ():
        secret = secret_in_use(batch.credential_id)
        assert secret is not None, "the credential of a rule is there"
        kept = [task.kept for task in batch.tasks]
        yield kept, connections.to_cloud(secret).rules(target.in_cloud(), identity(), kept)


def _forgotten(listing: Listing) -> list[Kept]:
    """What is ours and has no row."""
    known_rules = known([stray.rule.tag.rule for stray in listing.strays])
    return [stray for stray in listing.strays if stray.rule.tag.rule not in known_rules]
