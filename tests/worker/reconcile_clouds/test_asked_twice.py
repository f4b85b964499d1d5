"""An SDK that hears nothing asks once more, and is told that it is there already: by its own first call."""

from typing import Any

import pytest

from api.clouds import Endpoints
from api.clouds.aws_connection import AwsConnection
from api.targets.models import Rule
from tests.clouds.aws_standin import AwsStandIn
from tests.clouds.test_aws_promises import AwsSite, permissions
from tests.worker.bench import APPLIED, REMOVED, Bench, bench_at, status, told

# What depends on the engine is tested with a made-up cloud, on both.
pytestmark = pytest.mark.engines("sqlite")


@pytest.fixture
def bench(db: str, aws: AwsStandIn, at_aws: Endpoints) -> Bench:
    return bench_at(AwsSite(aws, at_aws))


def test_a_rule_whose_session_ends_before_it_was_seen_goes_with_it(
    bench: Bench, aws: AwsStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = bench.everything()
    session = bench.open()
    apply, rules = AwsConnection.apply, AwsConnection.rules
    ids_told: list[tuple[str, ...]] = []

    def apply_twice(connection: AwsConnection, target: Any, kept: Any) -> tuple[str, ...]:
        ours = permissions(kept.rule, str(kept.rule.tag))
        aws.ec2().authorize_security_group_ingress(GroupId=target.identifier, IpPermissions=ours)
        ids_told.append(apply(connection, target, kept))
        return ids_told[-1]

    def end_before_it_is_seen(*given: Any) -> Any:
        if ids_told == [()]:
            ids_told.append(())
            bench.end(session)
        return rules(*given)

    monkeypatch.setattr(AwsConnection, "apply", apply_twice)
    monkeypatch.setattr(AwsConnection, "rules", end_before_it_is_seen)
    bench.serve()
    monkeypatch.undo()
    assert ids_told == [(), ()], "it was told nothing, and the session has ended"

    bench.serve_for(45)

    assert bench.everything() == before
    assert status(session) == ("CANCELLED", "REMOVED")
    assert told() == [APPLIED, REMOVED]
    assert not Rule.select().exists()
