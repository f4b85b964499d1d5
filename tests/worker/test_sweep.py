"""The sweeper: rings for what was not served, forgets what is over, tells of what is stuck."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest

from api import workers
from api.accounts.models import Login, SignInFailure, User
from api.claims import claim
from api.credentials.models import Credential, TargetListing
from api.database import current_time, now, write
from api.due import Priority, postpone
from api.idempotency import IdempotencyKey
from api.installation import UNDECIDED, Installation
from api.targets.models import Grant, Rule
from tests.rows import end_grants, make_credential, make_due, make_organisation, make_resource, make_session
from worker.sweep import Sweeper

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def rings() -> list[None]:
    return []


@pytest.fixture
def sweeper(rings: list[None]) -> Sweeper:
    return Sweeper(lambda: rings.append(None))


def test_nothing_is_rung_for_when_nothing_is_due(sweeper: Sweeper, rings: list[None]) -> None:
    make_credential()

    assert not sweeper.ring_for_unserved()
    assert rings == []


def test_what_is_just_due_is_left_to_its_own_ring(sweeper: Sweeper, rings: list[None]) -> None:
    make_due(make_credential())

    assert not sweeper.ring_for_unserved()


def test_what_nobody_served_for_a_second_is_rung_for_once(
    sweeper: Sweeper, rings: list[None], pass_time: Callable[[float], None]
) -> None:
    make_due(*(make_credential() for _ in range(20)))
    pass_time(1.1)

    assert sweeper.ring_for_unserved()
    assert len(rings) == 1


def test_what_is_being_served_is_not_rung_for(sweeper: Sweeper, pass_time: Callable[[float], None]) -> None:
    make_due(make_credential())
    claim([Credential], tuple(Priority))
    pass_time(5)

    assert not sweeper.ring_for_unserved()


def test_a_lease_that_ran_out_is_rung_for(sweeper: Sweeper, pass_time: Callable[[float], None]) -> None:
    make_due(make_credential())
    claim([Credential], tuple(Priority))
    pass_time(21)

    assert sweeper.ring_for_unserved()


def test_what_waits_for_its_credential_is_not_rung_for(sweeper: Sweeper, pass_time: Callable[[float], None]) -> None:
    make_due(make_resource(make_credential(is_valid=None)))
    pass_time(5)

    assert not sweeper.ring_for_unserved()


def test_a_stuck_row_is_told_of_once(
    sweeper: Sweeper, caplog: pytest.LogCaptureFixture, pass_time: Callable[[float], None]
) -> None:
    credential = make_credential()
    make_due(credential)
    taken = claim([Credential], tuple(Priority))
    assert taken is not None
    with write():
        postpone(taken, "the cloud did not answer")
    sweeper.tell_of_stuck()
    assert caplog.records == []
    pass_time(121)

    sweeper.tell_of_stuck()
    sweeper.tell_of_stuck()

    assert [record.getMessage() for record in caplog.records] == [
        f"Credential {credential.id} is stuck after 1 tries: the cloud did not answer"
    ]


def test_a_row_that_gets_stuck_again_is_told_of_again(sweeper: Sweeper, caplog: pytest.LogCaptureFixture) -> None:
    credential = make_credential(unserved_since=current_time() - timedelta(minutes=3))
    sweeper.tell_of_stuck()
    with write():
        Credential.update(unserved_since=None).where(Credential.id == credential.id).execute()
    sweeper.tell_of_stuck()
    with write():
        Credential.update(unserved_since=now(-180)).where(Credential.id == credential.id).execute()

    sweeper.tell_of_stuck()

    assert len(caplog.records) == 2


def test_of_many_stuck_rows_those_that_wait_longest_are_told_of_once(
    sweeper: Sweeper, caplog: pytest.LogCaptureFixture
) -> None:
    organisation = make_organisation()
    newest_first = [
        make_credential(organisation, unserved_since=current_time() - timedelta(minutes=minutes))
        for minutes in range(10, 70)
    ]
    *others, last = reversed(newest_first[10:])
    sweeper.tell_of_stuck()
    assert [message.split()[1] for message in caplog.messages] == [str(row.id) for row in (*others, last)]
    with write():
        Credential.update(unserved_since=None).where(Credential.id == others[0].id).execute()
        Credential.update(attempts=9).where(Credential.id == last.id).execute()

    sweeper.tell_of_stuck()

    assert [message.split()[1] for message in caplog.messages[50:]] == [str(newest_first[9].id)]


def test_a_rule_that_should_be_gone_is_told_of_once(
    sweeper: Sweeper, caplog: pytest.LogCaptureFixture, pass_time: Callable[[float], None]
) -> None:
    credential = make_credential(is_valid=True)
    resource = make_resource(credential, is_active=True, config={"port": 443})
    session = make_session(credential.organisation_id, resource)
    with write():
        Rule.update(is_added=True).execute()
        end_grants(Grant.session_id == session.id)
        Grant.update(error="the cloud did not answer").execute()
    pass_time(119)
    sweeper.tell_of_overdue()
    assert caplog.records == []
    pass_time(2)

    sweeper.tell_of_overdue()
    sweeper.tell_of_overdue()

    assert [record.getMessage() for record in caplog.records] == [
        f"rule {Rule.get().id} is overdue: the cloud did not answer"
    ]


def add_forgettable_rows() -> None:
    """One of each kind that is just now of use."""
    organisation = make_organisation()
    moment = current_time()
    with write():
        user = User.create(
            organisation_id=organisation.id,
            email="a@b.test",
            name="A",
            role="USER",
            created_at=moment,
            updated_at=moment,
        )
        for ended_at in (None, moment):
            Login.create(
                organisation_id=organisation.id,
                user_id=user.id,
                refresh_hash=b"",
                created_at=moment,
                expires_at=moment + timedelta(days=7),
                ended_at=ended_at,
            )
        IdempotencyKey.insert(
            caller="c", route="r", key="k", body_hash=b"", object_id=uuid.uuid4(), created_at=moment
        ).execute()
        SignInFailure.insert(
            subject=b"s", failures=1, blocked_until=moment, forgotten_at=moment + timedelta(hours=1)
        ).execute()
        workers.beat("a worker")
        credential = make_credential(organisation)
        TargetListing.create(
            organisation_id=organisation.id, credential_id=credential.id, region="eu-central-1", listed_at=moment
        )


def test_a_copy_is_told_of_for_as_long_as_nobody_has_decided(
    sweeper: Sweeper, caplog: pytest.LogCaptureFixture
) -> None:
    sweeper.tell_of_copy()
    assert caplog.messages == []
    with write():
        Installation.update(database_identity="of another database").execute()

    sweeper.tell_of_copy()
    sweeper.tell_of_copy()

    assert caplog.messages == [UNDECIDED] * 2


def test_what_is_of_use_is_not_forgotten(sweeper: Sweeper) -> None:
    add_forgettable_rows()

    assert sweeper.forget() == 0


def test_what_is_over_is_forgotten(sweeper: Sweeper, pass_time: Callable[[float], None]) -> None:
    add_forgettable_rows()
    pass_time(24 * 3600 + 60)

    assert sweeper.forget() == 5
    assert Login.select().count() == 1, "who may still come back"
    pass_time(7 * 24 * 3600)
    assert sweeper.forget() == 1
    assert sweeper.forget() == 0


def test_a_listing_that_is_asked_for_is_not_forgotten(sweeper: Sweeper) -> None:
    credential = make_credential()
    with write():
        TargetListing.create(
            organisation_id=credential.organisation_id,
            credential_id=credential.id,
            region="eu-central-1",
            listed_at=current_time() - timedelta(hours=2),
            due_at=current_time(),
        )

    assert sweeper.forget() == 0


def test_a_listing_that_a_cloud_never_answered_is_forgotten(sweeper: Sweeper) -> None:
    credential = make_credential()
    with write():
        for region, minutes in (("eu-central-1", 59), ("eu-west-1", 61)):
            TargetListing.create(
                organisation_id=credential.organisation_id,
                credential_id=credential.id,
                region=region,
                due_at=current_time(),
                unserved_since=current_time() - timedelta(minutes=minutes),
            )

    assert sweeper.forget() == 1
    assert TargetListing.get().region == "eu-central-1"


def test_much_is_forgotten_in_batches(sweeper: Sweeper, pass_time: Callable[[float], None]) -> None:
    moment = current_time()
    keys = [
        {
            "caller": "c",
            "route": "r",
            "key": str(number),
            "body_hash": b"",
            "object_id": uuid.uuid4(),
            "created_at": moment,
        }
        for number in range(600)
    ]
    with write():
        IdempotencyKey.insert_many(keys).execute()
    pass_time(24 * 3600 + 1)

    assert sweeper.forget() == 500
    assert sweeper.has_more_to_forget
    assert sweeper.forget() == 100
    assert not sweeper.has_more_to_forget
