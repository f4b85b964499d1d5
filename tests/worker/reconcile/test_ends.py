"""Sessions and static rules whose time is up."""

from datetime import timedelta
from ipaddress import ip_network

from api.audit_log.models import AuditEntry
from api.claims import claim
from api.clouds.rules import State
from api.database import current_time, write
from api.due import Priority
from api.sessions import service as sessions
from api.sessions.models import Session
from api.static_rules.models import StaticRule
from api.targets import service as targets
from api.targets.service import Asked
from tests.rows import fresh
from tests.worker.bench import HERE, Bench, grant_of, pass_time, status
from tests.worker.made_up_cloud import MadeUpCloud
from tests.worker.reconcile.conftest import put


def test_a_session_ends_by_itself_when_its_time_is_up(bench: Bench, cloud: MadeUpCloud, standing_clock: None) -> None:
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


def test_a_session_whose_time_is_not_up_any_more_since_the_clock_went_back_ends_when_it_is(bench: Bench) -> None:
    moment = current_time() + timedelta(seconds=60)
    session = bench.open(expires_at=moment, due_at=moment, due_priority=int(Priority.REVOKE))
    bench.serve()
    pass_time(60)
    taken = claim([Session], tuple(Priority))
    assert taken
    pass_time(-30)

    sessions.expire(taken)

    assert (fresh(session).due_at, fresh(session).due_priority) == (moment, Priority.REVOKE)
    bench.serve()
    assert status(session) == ("ACTIVE", "APPLIED")
    pass_time(30)
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
        asked = Asked(bench.resource, ip_network(HERE), static_rule_id=rule.id)
        targets.grant(asked, held=targets.hold([bench.resource]))
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
