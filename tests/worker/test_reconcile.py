"""A worker's turn on a target, step by step, with whatever may happen between two of them."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest

from api.accounts.models import Organisation
from api.audit_log.models import AuditEntry
from api.claims import claim
from api.clouds import Endpoints, Refused, Unreachable
from api.clouds import Target as CloudTarget
from api.clouds.base import Full, Throttled
from api.clouds.rules import State, Tag
from api.credentials.models import Credential
from api.database import current_time, database, write
from api.due import LEASE_SECONDS, Priority
from api.installation import identity
from api.sessions import service as sessions
from api.sessions.models import Session
from api.static_rules.models import StaticRule
from api.targets import overdue
from api.targets import service as targets
from api.targets.models import Rule, Target
from api.targets.service import Asked
from tests.rows import fresh, make_credential
from tests.worker.bench import (
    APPLIED,
    HERE,
    NOT_APPLIED,
    REMOVED,
    RESTORED,
    THERE,
    Bench,
    bench_at,
    due_in,
    grant_of,
    grants,
    pass_time,
    resource_on,
    status,
    told,
)
from tests.worker.made_up_cloud import NOT_THERE, MadeUpCloud, as_clouds
from worker import turn
from worker.drain import Drain
from worker.sweep import Sweeper

LATE = Throttled("the cloud asks to be asked less often")
FORBIDDEN = Refused("UnauthorizedOperation", "missing may:open", ("may:open",))


@dataclass
class MadeUpSite:
    """Groups of the made-up cloud."""

    cloud: MadeUpCloud
    endpoints: Endpoints = field(default_factory=Endpoints)
    shares: bool = True

    def credential_data(self) -> dict[str, str]:
        return {"accessKeyId": "good key", "secretAccessKey": "a secret"}

    def target(self) -> CloudTarget:
        return CloudTarget("eu-central-1", f"sg-{uuid.uuid4().hex[:17]}", "SECURITY_GROUP")


@pytest.fixture
def bench(db: str, cloud: MadeUpCloud, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr("worker.turn.CLOUDS", as_clouds(cloud))
    return bench_at(MadeUpSite(cloud))  # type: ignore[arg-type] # it has what these tests use


def serve_one(bench: Bench) -> bool:
    return Drain(bench.worker).serve_one(tuple(Priority))


def during(cloud: MadeUpCloud, deed: str, happens: Callable[[], object]) -> None:
    """Let something happen while the cloud is asked for the next deed of that kind."""

    def once() -> None:
        del cloud.answers[deed]
        happens()

    cloud.answers[deed] = once


def test_what_is_to_go_goes_before_anything_comes(bench: Bench, cloud: MadeUpCloud) -> None:
    first = bench.open(HERE)
    bench.serve()
    bench.end(first)
    second = bench.open(THERE)
    cloud.deeds.clear()

    bench.serve()

    assert [deed for deed, _ in cloud.deeds] == ["revoke", "apply"]
    assert status(second) == ("ACTIVE", "APPLIED")


def test_that_a_rule_is_ours_is_committed_before_it_is_asked_for(bench: Bench, cloud: MadeUpCloud) -> None:
    seen = []

    def look() -> None:
        seen.append((Rule.get().is_added, database.in_transaction()))

    during(cloud, "apply", look)
    bench.open()
    assert Rule.get().is_added is False

    bench.serve()

    assert seen == [(True, False)]


def test_a_rule_that_nobody_asked_a_cloud_for_is_forgotten_at_once(bench: Bench, cloud: MadeUpCloud) -> None:
    session = bench.open()

    bench.end(session)

    assert status(session) == ("CANCELLED", "REMOVED")
    assert not Rule.select().exists()
    assert bench.serve() == 1
    assert cloud.deeds == []


def test_whoever_wants_a_rule_while_it_is_being_removed_gets_it_anew(bench: Bench, cloud: MadeUpCloud) -> None:
    first = bench.open()
    bench.serve()
    bench.end(first)
    later: list[Session] = []
    during(cloud, "revoke", lambda: later.append(bench.open()))

    serve_one(bench)

    [second] = later
    assert status(second) == ("PENDING", "PENDING"), "its rule has just been removed"
    assert status(first) == ("CANCELLED", "REMOVED")
    assert grant_of(first).kept_by == second.id
    bench.serve()
    assert status(second) == ("ACTIVE", "APPLIED")
    assert list(cloud.rules.values()) == [State.PRESENT]
    assert told() == [APPLIED, REMOVED, APPLIED]


def test_a_session_that_joins_a_rule_during_a_look_is_active(bench: Bench, cloud: MadeUpCloud) -> None:
    bench.open()
    bench.serve()
    later: list[Session] = []
    during(cloud, "list", lambda: later.append(bench.open()))

    bench.look()

    assert status(later[0]) == ("ACTIVE", "APPLIED")
    assert told() == [APPLIED]


def test_a_session_that_ends_while_its_rule_is_being_added_leaves_nothing(bench: Bench, cloud: MadeUpCloud) -> None:
    session = bench.open()
    during(cloud, "apply", lambda: bench.end(session))

    bench.serve()

    assert cloud.rules == {}
    assert status(session) == ("CANCELLED", "REMOVED")
    assert told() == [APPLIED, REMOVED]


def test_a_session_that_ends_before_its_rule_is_added_has_it_not_added(bench: Bench, cloud: MadeUpCloud) -> None:
    session = bench.open()
    during(cloud, "list", lambda: bench.end(session))

    bench.serve()

    assert cloud.deeds == []
    assert status(session) == ("CANCELLED", "REMOVED")


def test_a_call_that_lands_after_its_lease_does_no_lasting_harm(bench: Bench, cloud: MadeUpCloud) -> None:
    """The worker stood still, before its call, until somebody else had taken over and found nothing."""
    session = bench.open()
    heir = bench.new_worker()

    def stand_still() -> None:
        bench.end(session)
        pass_time(LEASE_SECONDS + 1)
        Drain(heir).serve_one(tuple(Priority))

    during(cloud, "apply", stand_still)
    serve_one(bench)
    assert len(cloud.rules) == 1, "it has landed"

    bench.serve_for(45)

    assert cloud.rules == {}
    assert status(session) == ("CANCELLED", "REMOVED")
    assert not Rule.select().exists()


def test_a_call_that_lands_when_its_rule_is_long_forgotten_does_no_lasting_harm(
    bench: Bench, cloud: MadeUpCloud
) -> None:
    session = bench.open()
    bench_of_heir = Bench(bench.site, bench.vault, bench.credential, bench.target, bench.resource)

    def stand_still() -> None:
        bench.end(session)
        bench_of_heir.serve_for(120)
        assert not Rule.select().exists()
        assert due_in() is None

    during(cloud, "apply", stand_still)
    serve_one(bench)
    assert len(cloud.rules) == 1, "it has landed"

    bench.serve_for(45)

    assert cloud.rules == {}
    assert not Rule.select().exists()


def test_a_late_removal_of_what_somebody_wants_again_is_mended_at_once(bench: Bench, cloud: MadeUpCloud) -> None:
    first = bench.open()
    bench.serve()
    bench.end(first)
    bench_of_heir = Bench(bench.site, bench.vault, bench.credential, bench.target, bench.resource)
    later: list[Session] = []

    def stand_still() -> None:
        later.append(bench.open())
        bench_of_heir.serve_for(120)
        assert status(later[0]) == ("ACTIVE", "APPLIED")

    during(cloud, "revoke", stand_still)
    serve_one(bench)
    assert cloud.rules == {}, "it has landed"

    bench.serve()

    assert list(cloud.rules.values()) == [State.PRESENT]
    assert status(later[0]) == ("ACTIVE", "APPLIED")


def test_whoever_lost_the_claim_records_nothing(bench: Bench, cloud: MadeUpCloud) -> None:
    session = bench.open()

    def lose() -> None:
        pass_time(LEASE_SECONDS + 1)
        assert claim([Target], tuple(Priority))

    during(cloud, "apply", lose)
    serve_one(bench)

    assert status(session) == ("PENDING", "PENDING")
    assert told() == []
    pass_time(LEASE_SECONDS + 1)
    bench.serve()
    assert status(session) == ("ACTIVE", "APPLIED")


def test_a_rule_that_came_back_is_told_of_also_where_the_claim_was_lost(bench: Bench, cloud: MadeUpCloud) -> None:
    bench.open()
    bench.serve()
    cloud.rules.clear()

    def lose() -> None:
        pass_time(LEASE_SECONDS + 1)
        assert claim([Target], tuple(Priority))

    during(cloud, "apply", lose)
    bench.look()
    pass_time(LEASE_SECONDS + 1)
    bench.serve()

    assert told() == [APPLIED, RESTORED]


def test_an_answer_that_does_not_come_leaves_a_rule_that_is_looked_for_until_it_cannot_come(
    bench: Bench, cloud: MadeUpCloud
) -> None:
    session = bench.open()
    cloud.answers["apply"] = Unreachable("the cloud did not answer")
    serve_one(bench)
    bench.end(session)
    pass_time(2)
    bench.serve()
    assert status(session) == ("EXPIRING", "REMOVING")

    cloud.rules[Tag(identity(), Rule.get().id)] = State.PRESENT  # it has arrived after all
    bench.serve_for(10)

    assert cloud.rules == {}
    bench.serve_for(45)
    assert status(session) == ("CANCELLED", "REMOVED")
    assert told() == [APPLIED, REMOVED]


def test_what_a_cloud_calls_a_rule_is_kept_where_it_cannot_be_looked_at_afterwards(
    bench: Bench, cloud: MadeUpCloud
) -> None:
    session = bench.open()

    def fall_silent() -> None:
        cloud.answers["list"] = Unreachable("the cloud did not answer")

    during(cloud, "apply", fall_silent)
    serve_one(bench)

    rule = Rule.get()
    assert rule.provider_ids == [Tag(identity(), rule.id).short]
    assert status(session) == ("PENDING", "PENDING")


def test_a_cloud_that_throttles_is_not_asked_for_the_rest(bench: Bench, cloud: MadeUpCloud) -> None:
    sessions = [bench.open(f"81.2.69.{last}") for last in range(5)]
    cloud.answers["apply"] = LATE

    bench.serve()

    assert cloud.calls["apply"] == 1
    assert [status(session) for session in sessions] == [("PENDING", "PENDING")] * 5
    assert {grant_of(session).error for session in sessions} == {str(LATE)}
    del cloud.answers["apply"]
    pass_time(2)
    bench.serve()
    assert [status(session) for session in sessions] == [("ACTIVE", "APPLIED")] * 5


def test_a_cloud_that_falls_silent_is_asked_twice_and_not_for_each_of_many(bench: Bench, cloud: MadeUpCloud) -> None:
    for last in range(5):
        bench.open(f"81.2.69.{last}")
    cloud.answers["apply"] = Unreachable("the cloud did not answer")

    serve_one(bench)

    assert cloud.calls["apply"] == 2


def test_a_removal_stays_urgent_whatever_else_is_asked_of_its_target(bench: Bench, cloud: MadeUpCloud) -> None:
    session = bench.open()
    bench.serve()
    bench.end(session)
    cloud.answers["list"] = Unreachable("the cloud did not answer")
    bench.serve()
    bench.open(THERE)
    assert Target.get().due_priority == Priority.APPLY

    for _ in range(8):
        bench.serve()
        assert Target.get().due_priority == Priority.REVOKE
        assert 0 < (due_in() or 0) <= 15
        pass_time(due_in() or 0)


def test_whoever_wants_a_rule_that_may_have_been_removed_is_not_told_that_it_is_there(
    bench: Bench, cloud: MadeUpCloud
) -> None:
    first = bench.open()
    bench.serve()
    bench.end(first)
    later: list[Session] = []

    def no_answer() -> None:
        later.append(bench.open())
        raise Unreachable("the cloud did not answer")

    during(cloud, "revoke", no_answer)
    serve_one(bench)

    assert status(later[0]) == ("PENDING", "PENDING")
    bench.serve_for(2)
    assert status(later[0]) == ("ACTIVE", "APPLIED")
    assert told() == [APPLIED]


def test_what_was_revoked_before_a_cloud_throttled_is_told(bench: Bench, cloud: MadeUpCloud) -> None:
    first = bench.open(HERE)
    bench.serve()
    bench.end(first)
    second = bench.open(THERE)
    cloud.answers["apply"] = LATE

    serve_one(bench)

    assert status(first) == ("CANCELLED", "REMOVED")
    assert status(second) == ("PENDING", "PENDING")


def test_one_rule_that_never_works_keeps_no_other_from_its_turn(bench: Bench, cloud: MadeUpCloud) -> None:
    bad = [bench.open(f"81.2.69.{last}") for last in range(2)]
    stuck = {Tag(identity(), grant_of(session).rule_id) for session in bad}  # type: ignore[arg-type]

    def choose() -> None:
        if cloud.deeds[-1][1] in stuck:
            raise Unreachable("the cloud did not answer")

    cloud.answers["apply"] = choose
    good = bench.open(HERE)
    bench.serve_for(3)

    assert status(good) == ("ACTIVE", "APPLIED")
    assert [status(session) for session in bad] == [("PENDING", "PENDING")] * 2


def test_a_full_group_is_not_asked_for_each_of_many(bench: Bench, cloud: MadeUpCloud) -> None:
    first = bench.open()
    bench.serve()
    cloud.answers["apply"] = Full("Full", "make room")
    cloud.free = 0
    sessions = [bench.open(f"81.2.69.{last}") for last in range(5)]

    bench.serve()

    assert cloud.calls["apply"] == 2
    assert [status(session) for session in sessions] == [("FAILED", "FAILED")] * 5
    assert {grant_of(session).error for session in sessions} == {"Full: make room"}
    assert Target.get().free_rules == 0
    del cloud.answers["apply"]
    bench.end(first)
    bench.serve()
    assert status(sessions[1]) == ("ACTIVE", "APPLIED"), "whoever leaves makes room"


def test_what_a_cloud_refuses_for_good_does_not_keep_its_resource(bench: Bench, cloud: MadeUpCloud) -> None:
    cloud.answers["apply"] = FORBIDDEN
    session = bench.open()
    assert targets.has_rules_of_resource(bench.resource.id)

    bench.serve()

    assert status(session) == ("FAILED", "FAILED")
    assert told() == [NOT_APPLIED]
    assert not targets.has_rules_of_resource(bench.resource.id)
    assert not targets.has_rules_of_credential(bench.credential.id)


def test_what_was_refused_is_tried_again_when_its_resource_is_mended(bench: Bench, cloud: MadeUpCloud) -> None:
    cloud.answers["apply"] = FORBIDDEN
    session = bench.open()
    bench.serve()
    del cloud.answers["apply"]

    with write():
        targets.try_again(bench.resource)
    bench.serve()

    assert status(session) == ("ACTIVE", "APPLIED")


def test_much_to_apply_does_not_hold_a_removal_up(
    bench: Bench, cloud: MadeUpCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn, "_APPLY_SECONDS", 0.0)
    sessions = [bench.open(f"81.2.69.{last}") for last in range(3)]
    serve_one(bench)
    assert Target.get().due_priority == Priority.APPLY
    monkeypatch.setattr(turn, "_APPLY_SECONDS", 5.0)

    bench.serve()

    assert [status(session) for session in sessions] == [("ACTIVE", "APPLIED")] * 3


def test_a_rule_of_ours_that_no_row_knows_is_removed_and_asked_for_until_it_goes(
    bench: Bench, cloud: MadeUpCloud
) -> None:
    stray = Tag(identity(), uuid.uuid4())
    cloud.rules[stray] = State.PRESENT
    cloud.answers["revoke"] = FORBIDDEN
    bench.open()
    for _ in range(8):
        bench.serve()
        assert 0 < (due_in() or 0) <= 15
        pass_time(due_in() or 0)

    del cloud.answers["revoke"]
    bench.serve_for(16)

    assert stray not in cloud.rules


def test_a_rule_that_a_restored_database_has_not_asked_for_yet_is_removed_with_its_session(
    bench: Bench, cloud: MadeUpCloud
) -> None:
    """It was added after the backup, and has our tag."""
    session = bench.open()
    cloud.rules[Tag(identity(), Rule.get().id)] = State.PRESENT
    bench.serve()
    assert status(session) == ("ACTIVE", "APPLIED")

    bench.end(session)
    bench.serve()

    assert cloud.rules == {}
    assert status(session) == ("CANCELLED", "REMOVED")


def test_the_rules_of_other_targets_and_organisations_are_no_strays(bench: Bench, cloud: MadeUpCloud) -> None:
    bench.open()
    other = bench_at(bench.site, bench.vault)
    other.open()
    bench.serve()

    bench.look()

    assert len(cloud.rules) == 2
    assert "revoke" not in cloud.calls


def test_two_organisations_that_cannot_remove_their_rules_do_not_wake_each_other(
    bench: Bench, cloud: MadeUpCloud
) -> None:
    other = bench_at(bench.site, bench.vault, bench.target)
    both = [bench.open(HERE), other.open(THERE)]
    bench.serve()
    cloud.answers["revoke"] = FORBIDDEN
    for one, session in zip((bench, other), both, strict=True):
        one.end(session)

    assert bench.serve() == 2
    assert [status(session) for session in both] == [("EXPIRING", "REMOVING")] * 2


def test_with_an_invalid_credential_nothing_is_added_and_it_is_said(bench: Bench, cloud: MadeUpCloud) -> None:
    session = bench.open()
    put(bench.credential, is_valid=False, verification_error="InvalidClientTokenId: wrong")

    bench.serve()

    assert cloud.deeds == []
    assert status(session) == ("FAILED", "FAILED")
    assert grant_of(session).error == "the credential is invalid: InvalidClientTokenId: wrong"


def test_with_an_invalid_credential_what_is_there_is_removed_all_the_same(bench: Bench, cloud: MadeUpCloud) -> None:
    session = bench.open()
    bench.serve()
    put(bench.credential, is_valid=False, verification_error="UnauthorizedOperation: missing something else")

    bench.end(session)
    bench.serve()

    assert cloud.rules == {}
    assert status(session) == ("CANCELLED", "REMOVED")


@pytest.mark.parametrize(
    "columns", [{"account": "2"}, {"is_valid": False}, {"is_valid": None}], ids=["another account", "invalid", "new"]
)
def test_a_credential_that_may_be_of_another_account_is_not_believed(
    bench: Bench, cloud: MadeUpCloud, columns: dict[str, Any]
) -> None:
    session = bench.open()
    bench.serve()
    here = dict(cloud.rules)
    put(bench.credential, **columns)
    cloud.rules.clear()  # what another account shows

    bench.end(session)
    bench.serve()

    assert status(session) == ("EXPIRING", "REMOVING")
    assert "credential" in str(grant_of(session).error)
    put(bench.credential, account="1", is_valid=True)
    cloud.rules.update(here)
    bench.serve_for(16)
    assert cloud.rules == {}
    assert status(session) == ("CANCELLED", "REMOVED")


def test_a_removal_does_not_wait_for_a_credential_that_is_paused(bench: Bench, cloud: MadeUpCloud) -> None:
    session = bench.open()
    bench.serve()
    put(bench.credential, paused_until=current_time() + timedelta(seconds=60))
    waiting = bench.open(THERE)
    bench.serve()
    assert status(waiting) == ("PENDING", "PENDING")

    bench.end(session)
    bench.serve()

    assert status(session) == ("CANCELLED", "REMOVED")


def test_what_was_due_while_a_cloud_was_away_is_gone_within_a_minute_of_its_return(
    bench: Bench, cloud: MadeUpCloud, caplog: pytest.LogCaptureFixture
) -> None:
    sessions_there = [bench.open(f"81.2.69.{last}") for last in range(3)]
    bench.serve()
    cloud.answers[bench.target.identifier] = Unreachable("the cloud did not answer")
    put(bench.credential, paused_until=current_time() + timedelta(minutes=30))
    for session in sessions_there:
        bench.end(session)
    away_since = current_time()
    while current_time() - away_since < timedelta(minutes=20):
        bench.serve()
        assert 0 < (due_in() or 0) <= 15
        pass_time(due_in() or 0)

    assert overdue.figures().rules == 3
    Sweeper(lambda: None).tell_of_overdue()
    assert caplog.text.count("is overdue: the cloud did not answer") == 3
    assert {grant_of(session).error for session in sessions_there} == {"the cloud did not answer"}
    assert Target.get().unserved_since is not None
    del cloud.answers[bench.target.identifier]
    bench.serve_for(16)

    assert cloud.rules == {}
    assert [status(session) for session in sessions_there] == [("CANCELLED", "REMOVED")] * 3
    assert overdue.figures().rules == 0


def test_a_rule_goes_over_to_the_credential_of_who_still_wants_it(bench: Bench, cloud: MadeUpCloud) -> None:
    first = bench.open()
    other = make_credential(
        bench_organisation(bench), is_valid=True, account="1", provider="AWS", credential_type="ACCESS_KEY"
    )
    second = bench.open(HERE, resource_on(other, bench.target))
    bench.serve()
    assert Rule.get().credential_id == bench.credential.id

    bench.end(first)

    assert Rule.get().credential_id == other.id
    assert not targets.has_rules_of_credential(bench.credential.id)
    assert status(second) == ("ACTIVE", "APPLIED")


def test_an_object_that_is_gone_takes_its_rules_along(bench: Bench, cloud: MadeUpCloud) -> None:
    session = bench.open()
    bench.serve()
    cloud.answers[bench.target.identifier] = NOT_THERE

    bench.look()
    assert status(session) == ("FAILED", "FAILED")
    assert grant_of(session).error == str(NOT_THERE)
    bench.end(session)
    bench.serve()

    assert status(session) == ("CANCELLED", "REMOVED")


def test_a_session_ends_by_itself_when_its_time_is_up(bench: Bench, cloud: MadeUpCloud) -> None:
    moment = current_time() + timedelta(seconds=60)
    session = bench.open(expires_at=moment, due_at=moment, due_priority=int(Priority.REVOKE))
    bench.serve()
    pass_time(59)
    bench.serve()
    assert status(session) == ("ACTIVE", "APPLIED")

    pass_time(1)
    bench.serve()

    assert cloud.rules == {}
    assert status(session) == ("EXPIRED", "REMOVED")
    assert fresh(session).ended_reason == "EXPIRED"
    assert fresh(session).claim_token is None
    assert AuditEntry.select().where(AuditEntry.event_type == "SESSION_EXPIRE").count() == 1


def test_a_session_that_was_extended_meanwhile_goes_on(bench: Bench) -> None:
    moment = current_time() + timedelta(seconds=60)
    session = bench.open(expires_at=moment, due_at=moment, due_priority=int(Priority.REVOKE))
    bench.serve()
    pass_time(60)
    taken = claim([Session], tuple(Priority))
    assert taken
    later = moment + timedelta(seconds=60)
    put(session, expires_at=later, due_at=later, wanted_revision=fresh(session).wanted_revision + 1)

    sessions.expire(taken)

    assert status(session) == ("ACTIVE", "APPLIED")
    pass_time(61)
    bench.serve()
    assert status(session) == ("EXPIRED", "REMOVED")


def test_a_static_rule_lets_in_until_its_time_is_up(bench: Bench, cloud: MadeUpCloud) -> None:
    moment = current_time() + timedelta(seconds=60)
    with write():
        rule = StaticRule.create(
            organisation_id=bench.credential.organisation_id,
            label="the office",
            ip_address=HERE,
            expires_at=moment,
            due_at=moment,
            due_priority=int(Priority.REVOKE),
            created_at=current_time(),
            updated_at=current_time(),
        )
        targets.grant(Asked(bench.resource, ip_network(HERE), static_rule_id=rule.id))
    session = bench.open()
    bench.serve()
    bench.end(session)
    assert (status(session), grant_of(session).kept_by) == (("CANCELLED", "REMOVED"), rule.id)
    assert list(cloud.rules.values()) == [State.PRESENT]

    pass_time(60)
    bench.serve()

    assert cloud.rules == {}
    assert fresh(rule).due_at is None
    assert AuditEntry.select().where(AuditEntry.event_type == "STATIC_IP_RULE_EXPIRE").count() == 1


def test_several_rules_of_a_session_are_told_one_by_one(bench: Bench, cloud: MadeUpCloud) -> None:
    other = resource_on(bench.credential, CloudTarget("eu-central-1", "sg-other", "SECURITY_GROUP"))
    cloud.answers["sg-other"] = FORBIDDEN
    session = bench.open(HERE, bench.resource, other)

    bench.serve()

    assert fresh(session).status == "PARTIAL"
    assert [(grant.status, grant.error) for grant in grants(session)] == [
        ("APPLIED", None),
        ("FAILED", str(FORBIDDEN)),
    ]


def put(row: Credential | Session, **columns: Any) -> None:
    with write():
        type(row).update(**columns).where(type(row).id == row.id).execute()


def bench_organisation(bench: Bench) -> Any:
    return Organisation.get_by_id(bench.credential.organisation_id)
