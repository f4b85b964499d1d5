"""What a row that wants work looks like after each deed, to the column and the microsecond."""

import dataclasses
import random
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest

from api import due
from api.claims import claim
from api.credentials.models import Credential
from api.database import clock, current_time, write
from api.due import LEASE_SECONDS, Claim, LostClaim, Priority, Turn, figures
from api.resources.models import Resource
from tests.rows import fresh, make_credential, make_due, make_organisation, make_resource

pytestmark = pytest.mark.usefixtures("standing_clock")

ALL = tuple(Priority)
SECOND = 1_000_000
MOMENT = timedelta(microseconds=1)


def take(*models: type[due.DueModel]) -> Claim:
    taken = claim(models or (Credential,), ALL)
    assert taken is not None
    return taken


def work(row: Any) -> dict[str, Any]:
    """The columns of the row that are about its work, so far as they are not as in a new one."""
    now_is = fresh(row)
    names = {"due_at", "due_priority", "wanted_revision", "seen_revision", "claim_token", "claimed_until", "attempts"}
    new = {"wanted_revision": 1, "seen_revision": 0, "attempts": 0, "due_priority": 2}
    columns = {name: getattr(now_is, name) for name in names | {"unserved_since", "last_failure"}}
    return {name: value for name, value in columns.items() if value is not None and value != new.get(name)}


def put(row: Any, **columns: Any) -> None:
    with write():
        type(row).update(**columns).where(type(row).id == row.id).execute()


def later(seconds: float) -> datetime:
    return current_time() + timedelta(seconds=seconds)


def test_a_wanted_row_is_due_at_once_with_its_failures_forgotten() -> None:
    row, other = make_credential(), make_credential()
    put(row, attempts=5, unserved_since=current_time(), last_failure="Timeout", due_at=later(60))

    make_due(row)

    assert work(row) == {"wanted_revision": 2, "due_at": current_time()}
    assert work(other) == {}


def test_a_row_keeps_a_more_urgent_priority_while_that_is_to_be_done() -> None:
    """Also when it has failed and is to be tried again later: a revoke would wait else for what an apply waits for."""
    row = make_credential()
    for moment in (current_time(), later(15)):
        put(row, due_at=moment, due_priority=Priority.REVOKE)
        make_due(row)
        assert work(row)["due_priority"] == Priority.REVOKE

    put(row, due_at=None)
    make_due(row)

    assert fresh(row).due_priority == Priority.REQUESTED
    make_due(row, priority=Priority.APPLY)
    assert fresh(row).due_priority == Priority.APPLY


def test_a_claim_tells_all_about_its_row() -> None:
    row, other = make_credential(), make_credential()
    make_due(row, priority=Priority.APPLY)
    put(row, attempts=3)
    untouched = Turn.get_by_id(other.organisation_id).served_at

    taken = take()

    token = fresh(row).claim_token
    assert token is not None
    assert taken == Claim(Credential, row.id, row.organisation_id, token, 2, 3, Priority.APPLY, late_until=None)
    assert work(row) == {
        "wanted_revision": 2,
        "due_at": current_time(),
        "due_priority": Priority.APPLY,
        "attempts": 3,
        "claim_token": token,
        "claimed_until": later(LEASE_SECONDS),
    }
    assert work(other) == {}
    assert Turn.get_by_id(row.organisation_id).served_at == current_time()
    assert Turn.get_by_id(other.organisation_id).served_at == untouched


def test_a_row_is_due_from_its_very_moment() -> None:
    row = make_credential()
    put(row, due_at=current_time() + MOMENT)
    assert claim([Credential], ALL) is None

    clock.offset += 1

    assert take().row_id == row.id


def test_a_lease_is_over_at_its_very_end() -> None:
    make_due(make_credential())
    first = take()
    clock.offset += LEASE_SECONDS * SECOND - 1
    assert claim([Credential], ALL) is None
    clock.offset += 1

    with pytest.raises(LostClaim):
        due.renew(first)
    assert take().inherited


def test_a_renewed_lease_is_a_whole_one_of_that_row() -> None:
    organisation = make_organisation()
    rows = [make_credential(organisation) for _ in range(2)]
    make_due(*rows)
    claims = [take(), take()]
    untouched = work(Credential.get_by_id(claims[1].row_id))
    clock.offset += LEASE_SECONDS * SECOND - 1

    due.renew(claims[0])

    assert Credential.get_by_id(claims[0].row_id).claimed_until == later(LEASE_SECONDS)
    assert work(Credential.get_by_id(claims[1].row_id)) == untouched
    with pytest.raises(LostClaim):
        due.renew(dataclasses.replace(claims[0], token=uuid.uuid4()))


@pytest.mark.parametrize("again", [None, 1800.0])
def test_a_settled_row_looks_as_new(again: float | None) -> None:
    organisation = make_organisation()
    row, other = make_credential(organisation), make_credential(organisation)
    make_due(row, other, priority=Priority.APPLY)
    put(row, attempts=2, unserved_since=current_time(), last_failure="Timeout", due_at=later(-1))
    taken = take()
    assert taken.row_id == row.id
    untouched = work(other)

    with write():
        due.settle(taken, {"account": "seen"}, again)

    settled = {"wanted_revision": 2, "seen_revision": 2, "due_priority": Priority.RECHECK}
    assert work(row) == (settled if again is None else {**settled, "due_at": later(1800)})
    assert fresh(row).account == "seen"
    assert work(other) == untouched


def test_a_row_that_is_wanted_anew_stays_as_urgent_as_it_is() -> None:
    row = make_credential()
    make_due(row)
    taken = take()
    make_due(row, priority=Priority.APPLY)

    with write():
        due.settle(taken, {}, 1800)

    wanted = {"wanted_revision": 3, "due_at": current_time(), "due_priority": Priority.APPLY}
    assert work(row) == {**wanted, "seen_revision": 2}


def test_an_inherited_row_is_looked_at_again_when_a_lease_is_over() -> None:
    row = make_credential()
    make_due(row)
    take()
    clock.offset += LEASE_SECONDS * SECOND

    with write():
        due.settle(take(), {}, None)

    assert fresh(row).due_at == later(LEASE_SECONDS)


@pytest.mark.parametrize(("taking", "left"), [(LEASE_SECONDS - 0.5, 0.5), (LEASE_SECONDS + 5, 0)])
def test_an_inherited_row_that_was_long_worked_on_is_looked_at_again_as_soon(taking: float, left: float) -> None:
    row = make_credential()
    make_due(row)
    take()
    clock.offset += LEASE_SECONDS * SECOND
    heir = take()
    clock.offset += round(taking * SECOND)

    with write():
        due.settle(heir, {}, None)

    assert fresh(row).due_at == later(left)


def test_an_inherited_row_may_be_looked_at_sooner_and_stays_inherited() -> None:
    row = make_credential()
    make_due(row)
    take()
    clock.offset += LEASE_SECONDS * SECOND

    for seconds in (0, 8):
        with write():
            due.settle(take(), {}, seconds)
        assert fresh(row).due_at == later(seconds)
        clock.offset += seconds * SECOND

    with write():
        due.settle(heir := take(), {}, 1800)
    assert heir.inherited
    assert fresh(row).due_at == later(LEASE_SECONDS - 8)


def test_a_row_is_inherited_for_a_lease_at_most_also_where_the_clock_has_gone_back() -> None:
    row = make_credential()
    make_due(row)
    take()
    clock.offset += LEASE_SECONDS * SECOND
    due.release(take())
    clock.offset -= 3600 * SECOND
    put(row, due_at=current_time())

    with write():
        due.settle(take(), {}, None)

    assert fresh(row).due_at == later(LEASE_SECONDS)
    clock.offset += LEASE_SECONDS * SECOND
    assert not take().inherited


def test_rows_that_somebody_unknown_may_have_called_for_are_inherited_for_a_lease() -> None:
    row, other = make_credential(), make_credential()

    with write():
        due.have_inherited(Credential, Credential.id == row.id)

    assert work(row).keys() == {"claim_token"} and work(other) == {}
    make_due(row)
    clock.offset += LEASE_SECONDS * SECOND - 1
    heir = take()
    assert (heir.row_id, heir.late_until) == (row.id, current_time() + MOMENT)
    due.release(heir)
    clock.offset += 1
    assert not take().inherited


def test_an_inherited_row_that_is_wanted_anew_stays_inherited() -> None:
    row = make_credential()
    make_due(row)
    take()
    clock.offset += LEASE_SECONDS * SECOND
    taken = take()
    make_due(row)

    with write():
        due.settle(taken, {}, None)

    assert take().inherited


def test_an_inherited_row_that_is_not_due_any_more_is_inherited_by_whoever_wants_it_soon() -> None:
    row = make_credential()
    make_due(row)
    take()
    clock.offset += LEASE_SECONDS * SECOND
    taken = take()
    put(row, wanted_revision=taken.wanted_revision + 1, due_at=None)

    with write():
        due.settle(taken, {}, None)

    assert (fresh(row).claimed_until, fresh(row).due_at) == (None, None)
    make_due(row)
    clock.offset += LEASE_SECONDS * SECOND - 1
    due.release(heir := take())
    assert heir.inherited
    clock.offset += 1
    assert not take().inherited


def test_a_postponed_row_counts_its_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda _, longest: longest)
    organisation = make_organisation()
    row, other = make_credential(organisation), make_credential(organisation)
    make_due(row, other)
    put(row, attempts=3, due_at=later(-1))
    taken, untouched = take(), work(other)
    since = current_time()

    with write():
        assert due.postpone(taken, "Timeout") == 8
    failed = {"wanted_revision": 2, "attempts": 4, "unserved_since": since, "last_failure": "Timeout"}
    assert work(row) == {**failed, "due_at": later(8)}
    assert work(other) == untouched

    put(other, due_at=None)
    clock.offset += 8 * SECOND
    with write():
        assert due.postpone(take(), "Refused", 1.5) == 1.5
    assert work(row) == {**failed, "attempts": 5, "last_failure": "Refused", "due_at": later(1.5)}


def test_what_is_to_be_revoked_is_tried_again_the_sooner() -> None:
    row = make_credential()
    make_due(row, priority=Priority.REVOKE)
    put(row, attempts=10)

    with write():
        assert due.postpone(take(), "Timeout") <= 15


def test_a_failure_that_was_overtaken_changes_nothing_but_the_claim() -> None:
    row = make_credential()
    make_due(row)
    taken = take()
    make_due(row)
    put(row, attempts=1, last_failure="before", unserved_since=current_time())
    before = work(row)

    clock.offset += SECOND
    with write():
        due.postpone(taken, "Timeout")

    del before["claim_token"], before["claimed_until"]
    assert work(row) == before


def test_a_released_row_is_as_it_was() -> None:
    row = make_credential()
    make_due(row)
    before = work(row)

    due.release(take())

    assert work(row) == before


def test_what_was_inherited_stays_so_until_somebody_has_seen_it() -> None:
    row = make_credential()
    make_due(row)
    first = take()
    clock.offset += LEASE_SECONDS * SECOND
    due.release(take())

    assert fresh(row).claim_token not in (None, first.token)
    assert "claimed_until" not in work(row)


@pytest.mark.parametrize(
    ("attempts", "priority", "longest"),
    [
        (0, Priority.RECHECK, 1),
        (1, Priority.APPLY, 2),
        (5, Priority.REQUESTED, 32),
        (6, Priority.APPLY, 60),
        (3, Priority.REVOKE, 8),
        (4, Priority.REVOKE, 15),
        (10_000, Priority.REVOKE, 15),
        (10_000, Priority.APPLY, 60),
    ],
)
def test_a_wait_is_from_half_to_the_whole_of_its_longest(
    monkeypatch: pytest.MonkeyPatch, attempts: int, priority: Priority, longest: float
) -> None:
    spans: list[tuple[float, float]] = []

    def noted(low: float, high: float) -> float:
        spans.append((low, high))
        return high

    monkeypatch.setattr(random, "uniform", noted)

    due.backoff_seconds(attempts, priority)

    assert spans == [(longest / 2, longest)]


def test_the_figures_count_what_is_due_and_nothing_else() -> None:
    make_credential()
    rows = [make_credential() for _ in range(3)]
    for row, seconds in zip(rows, (-90, 0, 0.000001), strict=True):
        put(row, due_at=later(seconds), unserved_since=later(seconds - 30))

    assert figures(Credential) == due.Figures(2, 90.0, 1)
    put(rows[0], due_at=None, unserved_since=later(-120.0))
    assert figures(Credential) == due.Figures(1, 0.0, 1)
    put(rows[0], unserved_since=later(-119.999999))
    assert figures(Credential) == due.Figures(1, 0.0, 0)
    put(rows[1], due_at=None)
    assert figures(Credential) == due.Figures(0, 0.0, 0)


def test_the_figures_count_what_waits_for_its_credential_too() -> None:
    make_due(make_resource(make_credential(is_valid=None)))

    assert figures(Resource).due_rows == 1


def overdue(seconds: float) -> int:
    return int(Credential.select().where(due.is_overdue(Credential, seconds)).count())


def test_a_row_is_overdue_when_nobody_took_it_for_so_long() -> None:
    row = make_credential()
    put(row, due_at=later(-5))

    assert (overdue(5), overdue(5.000001)) == (1, 0)
    taken = take()
    assert overdue(5) == 0
    due.release(taken)
    assert overdue(5) == 1


def test_of_equally_urgent_rows_the_one_that_waits_longest_is_served_first() -> None:
    organisation = make_organisation()
    rows = [make_credential(organisation) for _ in range(3)]
    for row, seconds in zip(rows, (-1, -3, -2), strict=True):
        put(row, due_at=later(seconds))

    assert [take().row_id for _ in rows] == [rows[1].id, rows[2].id, rows[0].id]


def test_nobody_is_served_for_a_priority_that_was_not_asked_for() -> None:
    row = make_credential()
    make_due(row, priority=Priority.APPLY)

    assert claim([Credential], [Priority.REVOKE, Priority.RECHECK]) is None
    taken = claim([Resource, Credential], [Priority.RECHECK, Priority.APPLY])
    assert taken is not None and (taken.row_id, taken.priority) == (row.id, Priority.APPLY)


def test_of_two_kinds_the_one_of_the_organisation_that_waited_longer_is_served_first() -> None:
    credential = make_credential(is_valid=True)
    resource = make_resource(make_credential(is_valid=True))
    make_due(credential, resource)
    with write():
        Turn.update(served_at=later(-5)).where(Turn.organisation_id == credential.organisation_id).execute()
        Turn.update(served_at=later(-9)).where(Turn.organisation_id == resource.organisation_id).execute()

    order = [take(Credential, Resource).row_id for _ in range(2)]

    assert order == [resource.id, credential.id]


def test_two_kinds_of_one_organisation_are_both_served() -> None:
    organisation = make_organisation()
    credential = make_credential(organisation, is_valid=True)
    resource = make_resource(make_credential(organisation, is_valid=True))
    make_due(credential, resource)

    assert {take(Credential, Resource).row_id for _ in range(2)} == {credential.id, resource.id}
