"""Which rules a worker removes: its own installation's, through a credential of the account that they are in."""

import uuid
from datetime import timedelta
from typing import Any

import pytest

from api.clouds.rules import State, Tag
from api.database import current_time
from api.installation import identity
from api.targets import service as targets
from api.targets.models import Rule
from tests.worker.bench import HERE, THERE, Bench, bench_at, due_in, grant_of, pass_time, resource_on, status
from tests.worker.made_up_cloud import MadeUpCloud
from tests.worker.reconcile.conftest import FORBIDDEN, put


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
    bench: Bench, cloud: MadeUpCloud, standing_clock: None
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


def test_a_rule_goes_over_to_the_credential_of_who_still_wants_it(bench: Bench, cloud: MadeUpCloud) -> None:
    first = bench.open()
    other = bench.another_credential()
    second = bench.open(HERE, resource_on(other, bench.target))
    bench.serve()
    assert Rule.get().credential_id == bench.credential.id

    bench.end(first)

    assert Rule.get().credential_id == other.id
    assert not targets.has_rules_of_credential(bench.credential.id)
    assert status(second) == ("ACTIVE", "APPLIED")
