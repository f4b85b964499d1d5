"""`entryguard-server doctor`."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from api.commands.doctor import doctor
from api.credentials.models import TargetListing
from api.database import connection, current_time, now, write
from api.due import DueModel
from api.lifecycle.due_rows import MODELS
from api.static_rules.models import StaticRule
from api.targets.models import Grant, Rule
from api.workers import beat
from tests.rows import end_grants, make_credential, make_resource, make_session
from tests.valkey_server import ValkeyServer

WELL = "✓ The tables, the key ring, Redis and the workers are well, and nothing is overdue.\n"

needs_redis = pytest.mark.redis_well("what is wrong is all that it tells")


@pytest.fixture
def look(ring_environment: dict[str, str], valkey: ValkeyServer) -> Callable[[], Result]:
    """Run it beside a worker and a Redis that are well, over a database with a row of each kind and one open rule."""
    with connection():
        credential = make_credential(is_valid=True)
        organisation_id, moment = credential.organisation_id, current_time()
        make_session(organisation_id, make_resource(credential, is_active=True, config={"port": 443}))
        with write():
            Rule.update(is_added=True).execute()
            TargetListing.create(organisation_id=organisation_id, credential_id=credential.id, region="eu-central-1")
            dates = {"created_at": moment, "updated_at": moment}
            StaticRule.create(organisation_id=organisation_id, label="Office", ip_address="203.0.113.7", **dates)
        beat("a worker")
    return lambda: CliRunner().invoke(doctor, env=ring_environment | {"ENTRYGUARD_REDIS_URL": valkey.url})


@pytest.mark.engines("sqlite")
def test_a_database_without_tables_is_told_in_a_sentence(ring_environment: dict[str, str], tmp_path: Path) -> None:
    empty = {"ENTRYGUARD_DATABASE_URL": f"sqlite:///{tmp_path / 'empty.sqlite'}"}

    result = CliRunner().invoke(doctor, env=ring_environment | empty)

    assert (result.exit_code, result.output) == (
        1,
        "✗ The database lacks 0001_first, 0002_sessions. Run `entryguard-server migrate`.\n",
    )


@needs_redis
def test_where_all_is_well_nothing_is_overdue(look: Callable[[], Result]) -> None:
    result = look()

    assert (result.exit_code, result.output) == (0, WELL)


@needs_redis
@pytest.mark.parametrize(
    ("error", "reason"),
    [("the cloud did not answer", "the cloud did not answer"), (None, "nobody has looked at it yet")],
)
def test_a_rule_that_a_cloud_does_not_let_go_is_told(
    look: Callable[[], Result], error: str | None, reason: str
) -> None:
    with connection(), write():
        end_grants(Grant.rule_id.is_null(False))
        Grant.update(ended_at=now(-630), error=error).execute()

    result = look()

    assert (result.exit_code, result.output) == (
        1,
        "✗ Rules that should be gone and are still in a cloud: 1, the oldest for 10 minutes "
        f"({reason}). The worker's log names them.\n",
    )


@needs_redis
def test_a_rule_that_has_just_ended_is_not_overdue(look: Callable[[], Result]) -> None:
    with connection():
        end_grants(Grant.rule_id.is_null(False))

    assert look().output == WELL


@needs_redis
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.table_name)
def test_whatever_has_failed_for_two_minutes_is_told(look: Callable[[], Result], model: type[DueModel]) -> None:
    with connection(), write():
        model.update(unserved_since=now(-180)).execute()

    result = look()

    told = f"✗ 1 {model._meta.table_name} have failed for two minutes or more. The worker's log says why.\n"
    assert (result.exit_code, result.output) == (1, told)


def test_without_a_worker_nothing_is_opened_or_closed(ring_environment: dict[str, str]) -> None:
    result = CliRunner().invoke(doctor, env=ring_environment)

    assert result.exit_code == 1
    told = "✗ No worker is there, so nothing is opened, closed or verified. Start `entryguard-server worker`.\n"
    assert told in result.output
