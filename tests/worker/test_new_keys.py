"""A key that was made a moment ago: STS knows it at once, EC2 in another region some seconds later."""

import pytest

from api.clouds import Endpoints
from api.credentials.models import Credential, CredentialSecret
from api.database import current_time, write
from tests.clouds.aws_standin import AwsStandIn, answering
from tests.clouds.test_aws_promises import AwsSite
from tests.rows import fresh, make_due
from tests.worker.bench import Bench, bench_at, grant_of, pass_time, status
from worker.connections import Connections
from worker.desk import Desk
from worker.reconcile import Reconciler
from worker.verify import SETTLING_SECONDS, Verifier

# What depends on the engine is tested with a made-up cloud, on both.
pytestmark = pytest.mark.engines("sqlite")

UNKNOWN_TO_EC2 = answering(401, "AuthFailure", services=["ec2"])
# Until a look comes that is late enough: they are 1, 2, 4 and 8 seconds apart at most.
TOLD_SECONDS = 2 * SETTLING_SECONDS + 1


@pytest.fixture
def bench(db: str, aws: AwsStandIn, at_aws: Endpoints) -> Bench:
    """A credential that was sent just now, and its resource."""
    made = bench_at(AwsSite(aws, at_aws))
    connections = Connections(made.vault, at_aws)
    made.worker = Desk(Verifier(connections, reverify_seconds=1800), Reconciler(connections, drift_seconds=600))
    with write():
        CredentialSecret.update(created_at=current_time()).execute()
        Credential.update(is_valid=None, account=None).execute()
    make_due(made.credential, made.resource)
    return made


def test_a_region_that_has_not_heard_of_a_new_key_condemns_nothing(bench: Bench, aws: AwsStandIn) -> None:
    with aws.failing(UNKNOWN_TO_EC2):
        bench.serve()
        assert fresh(bench.credential).is_valid is True
        assert fresh(bench.resource).verification_error is None

    bench.serve_for(TOLD_SECONDS)

    assert fresh(bench.resource).is_active
    assert fresh(bench.resource).verification_error is None


def test_who_is_let_in_where_a_new_key_is_not_known_yet_waits_for_it(bench: Bench, aws: AwsStandIn) -> None:
    bench.serve()
    session = bench.open()
    with aws.failing(UNKNOWN_TO_EC2):
        bench.serve()
        assert status(session) == ("PENDING", "PENDING")

    bench.serve_for(3)

    assert status(session) == ("ACTIVE", "APPLIED")
    assert grant_of(session).error is None


def test_a_region_that_is_not_enabled_is_told_a_few_seconds_later(bench: Bench, aws: AwsStandIn) -> None:
    with aws.failing(UNKNOWN_TO_EC2):
        bench.serve_for(TOLD_SECONDS)

    assert not fresh(bench.resource).is_active
    assert str(fresh(bench.resource).verification_error).startswith("AuthFailure: ")
    assert fresh(bench.credential).is_valid is True, "STS knows it"


def test_a_region_that_refuses_a_key_of_long_ago_is_told_at_once(bench: Bench, aws: AwsStandIn) -> None:
    bench.serve()
    pass_time(SETTLING_SECONDS)
    make_due(bench.resource)

    with aws.failing(UNKNOWN_TO_EC2):
        bench.serve()

    assert str(fresh(bench.resource).verification_error).startswith("AuthFailure: ")
