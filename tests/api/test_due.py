"""Work that is due: claimed once, in order, recorded only by its owner, never lost."""

from datetime import timedelta
from typing import Any

import pytest

from api import due
from api.claims import claim
from api.credentials.models import Credential
from api.database import clock, current_time, delete, write
from api.due import LEASE_SECONDS, Claim, LostClaim, Priority, backoff_seconds, figures, postpone, release, settle
from tests.rows import fresh, make_credential, make_due

pytestmark = pytest.mark.usefixtures("db")

ALL = tuple(Priority)


def take(*models: type[due.DueModel], priorities: tuple[Priority, ...] = ALL) -> Claim:
    taken = claim(models or (Credential,), priorities)
    assert taken is not None
    return taken


def record(taken: Claim, look_again_seconds: float | None = None, **seen: Any) -> None:
    with write():
        settle(taken, seen, look_again_seconds)


def pass_time(seconds: float) -> None:
    clock.offset += round(seconds * 1_000_000)


def test_nothing_is_due_by_itself() -> None:
    make_credential()

    assert claim([Credential], ALL) is None


def test_a_wanted_row_is_claimed_once() -> None:
    credential = make_credential()
    make_due(credential)

    assert take().row_id == credential.id
    assert claim([Credential], ALL) is None


def test_a_record_says_what_was_seen_and_gives_the_row_back() -> None:
    credential = make_credential()
    make_due(credential)

    record(take(), is_valid=True)

    row = fresh(credential)
    assert (row.is_valid, row.due_at, row.claim_token, row.claimed_until) == (True, None, None, None)
    assert row.seen_revision == row.wanted_revision == 2


def test_a_row_is_looked_at_again_when_its_record_says_so() -> None:
    credential = make_credential()
    make_due(credential)
    record(take(), look_again_seconds=1800)

    assert claim([Credential], ALL) is None
    pass_time(1801)

    assert take().priority is Priority.RECHECK


def test_a_row_that_is_wanted_anew_during_a_claim_stays_due() -> None:
    credential = make_credential()
    make_due(credential)
    first = take()
    make_due(credential)

    record(first)

    row = fresh(credential)
    assert row.seen_revision == first.wanted_revision < row.wanted_revision
    assert take().wanted_revision == row.wanted_revision


def test_a_failure_that_was_overtaken_does_not_count() -> None:
    credential = make_credential()
    make_due(credential)
    first = take()
    make_due(credential)
    with write():
        postpone(first, "Timeout")

    row = fresh(credential)
    assert (row.attempts, row.unserved_since, row.last_failure) == (0, None, None)
    assert take().attempts == 0


def test_a_lost_claim_records_nothing() -> None:
    credential = make_credential()
    make_due(credential)
    slow = take()
    pass_time(LEASE_SECONDS + 1)
    take()

    with pytest.raises(LostClaim):
        record(slow, is_valid=True)
    with pytest.raises(LostClaim), write():
        postpone(slow, "Timeout")
    with pytest.raises(LostClaim):
        release(slow)

    assert fresh(credential).is_valid is None


def test_a_claim_on_a_row_that_is_gone_records_nothing() -> None:
    credential = make_credential()
    make_due(credential)
    taken = take()
    with write():
        delete(Credential, Credential.id == credential.id)

    with pytest.raises(LostClaim):
        record(taken, is_valid=True)


def test_a_lease_is_renewed_for_a_whole_one() -> None:
    make_due(make_credential())
    taken = take()
    pass_time(LEASE_SECONDS - 1)

    due.renew(taken)
    pass_time(LEASE_SECONDS - 1)

    assert claim([Credential], ALL) is None


def test_a_lease_that_ran_out_is_not_renewed() -> None:
    make_due(make_credential())
    taken = take()
    pass_time(LEASE_SECONDS + 1)

    with pytest.raises(LostClaim):
        due.renew(taken)


def test_an_owner_who_is_late_may_still_record_while_nobody_took_over() -> None:
    credential = make_credential()
    make_due(credential)
    taken = take()
    pass_time(LEASE_SECONDS + 1)

    record(taken, is_valid=True)

    assert fresh(credential).is_valid is True


def test_an_inherited_row_is_looked_at_again_a_lease_later() -> None:
    credential = make_credential()
    make_due(credential)
    take()
    pass_time(LEASE_SECONDS + 1)
    heir = take()
    assert heir.inherited

    record(heir, look_again_seconds=1800)

    assert fresh(credential).due_at - current_time() <= timedelta(seconds=LEASE_SECONDS)
    pass_time(LEASE_SECONDS + 1)
    second = take()
    assert not second.inherited
    record(second, look_again_seconds=1800)
    assert fresh(credential).due_at - current_time() > timedelta(seconds=1700)


def test_a_failure_does_not_forget_that_a_claim_was_inherited() -> None:
    make_due(make_credential())
    take()
    pass_time(LEASE_SECONDS + 1)
    with write():
        postpone(take(), "Timeout")
    pass_time(5)
    release(take())

    assert take().inherited


def test_a_released_row_can_be_taken_at_once_and_is_not_inherited() -> None:
    make_due(make_credential())
    release(take())

    assert not take().inherited


def test_a_row_that_is_given_back_while_a_call_may_land_is_inherited() -> None:
    make_due(make_credential())
    release(take(), is_under_way=True)
    heir = take()
    assert heir.inherited
    with write():
        postpone(heir, "Timeout", longest_seconds=0, is_under_way=True)

    assert (second := take()).inherited
    assert second.late_until and heir.late_until and second.late_until > heir.late_until


def test_a_postponed_row_waits_longer_each_time() -> None:
    credential = make_credential()
    make_due(credential)
    waits = []
    for _ in range(8):
        with write():
            waits.append(postpone(take(), "Timeout"))
        assert claim([Credential], ALL) is None
        pass_time(waits[-1] + 0.1)

    assert all(0.5 * 2**attempt <= wait <= 2**attempt for attempt, wait in enumerate(waits[:6]))
    assert all(30 <= wait <= 60 for wait in waits[6:])
    assert fresh(credential).attempts == 8
    assert fresh(credential).last_failure == "Timeout"


@pytest.mark.parametrize(("priority", "cap"), [(Priority.REVOKE, 15), (Priority.APPLY, 60), (Priority.RECHECK, 60)])
def test_backoff_has_a_cap_and_never_gives_up(priority: Priority, cap: float) -> None:
    waits = [backoff_seconds(attempts, priority) for attempts in (10, 1_000, 1_000_000)]

    assert all(cap / 2 <= wait <= cap for wait in waits)


def test_backoff_is_spread() -> None:
    assert len({backoff_seconds(5, Priority.RECHECK) for _ in range(20)}) > 10


def test_success_forgets_earlier_failures() -> None:
    credential = make_credential()
    make_due(credential)
    with write():
        postpone(take(), "Timeout")
    pass_time(2)

    record(take())

    row = fresh(credential)
    assert (row.attempts, row.unserved_since, row.last_failure) == (0, None, None)


def test_the_figures_tell_how_late_the_oldest_is() -> None:
    make_due(make_credential(), make_credential())
    pass_time(90)

    found = figures(Credential)

    assert found.due_rows == 2
    assert 89 < found.oldest_overdue_seconds < 100
    assert found.stuck_rows == 0


def test_the_figures_of_nothing_are_zero() -> None:
    make_credential()

    assert figures(Credential) == due.Figures(0, 0.0, 0)


def test_a_row_that_fails_for_two_minutes_is_stuck() -> None:
    make_due(make_credential())
    with write():
        postpone(take(), "Timeout")
    pass_time(119)
    assert figures(Credential).stuck_rows == 0
    pass_time(2)

    assert figures(Credential).stuck_rows == 1
