"""Who is served next, and that nobody is served twice at once."""

import multiprocessing
import random
import threading
import time
import uuid
from collections import Counter
from contextlib import closing
from datetime import timedelta
from typing import Any

import psycopg2
import pytest

from api import due
from api.claims import _worded, abandon, claim, new_slot
from api.credentials.models import Credential
from api.database import bind, clock, connection, current_time, database, write
from api.due import LEASE_SECONDS, Claim, Priority, Turn, release, renew, settle
from api.resources.models import Resource
from api.sessions.models import Session
from api.targets.models import Target
from tests.eventually import eventually
from tests.locks import Other, other, waiting
from tests.proof.statements import heard
from tests.rows import make_credential, make_due, make_organisation, make_resource, make_session, make_target

pytestmark = pytest.mark.usefixtures("db")

ALL = tuple(Priority)


@pytest.fixture(autouse=True)
def _worded_for_each() -> None:
    """A question is worded once in a process: for a test that comes later a mutant of it would be no other."""
    _worded.cache_clear()


def take(*models: type[due.DueModel]) -> Claim:
    taken = claim(models or (Credential,), ALL)
    assert taken is not None
    return taken


def served_just_now() -> Credential:
    """A credential of an organisation whose turn is after those that were never served."""
    organisation = make_organisation()
    make_due(make_credential(organisation))
    take()
    return make_credential(organisation)


def test_the_most_urgent_is_served_first() -> None:
    organisation = make_organisation()
    rows = {priority: make_credential(organisation) for priority in reversed(Priority)}
    for priority, row in rows.items():
        make_due(row, priority=priority)

    order = [take().row_id for _ in Priority]

    assert order == [rows[priority].id for priority in Priority]


def test_the_most_urgent_is_served_first_whatever_its_kind_and_organisation() -> None:
    credential = make_credential(is_valid=True)
    resource = make_resource(make_credential(is_valid=True))
    make_due(credential, priority=Priority.RECHECK)
    make_due(resource, priority=Priority.REQUESTED)

    assert take(Credential, Resource).row_id == resource.id
    assert take(Credential, Resource).row_id == credential.id


def test_a_request_does_not_make_a_more_urgent_row_wait() -> None:
    credential = make_credential()
    make_due(credential, priority=Priority.REVOKE)
    make_due(credential, priority=Priority.REQUESTED)

    assert take().priority is Priority.REVOKE


def test_a_slot_kept_for_revoking_takes_nothing_else() -> None:
    make_due(make_credential(), priority=Priority.APPLY)

    assert claim([Credential], [Priority.REVOKE]) is None


def test_a_long_backlog_of_one_organisation_delays_no_other() -> None:
    many, few = make_organisation(), make_organisation()
    backlog = [make_credential(many) for _ in range(500)]
    make_due(*backlog)
    one = make_credential(few)
    take()
    make_due(one)

    assert one.id in {take().row_id for _ in range(2)}


def test_organisations_take_turns() -> None:
    organisations = [make_organisation() for _ in range(3)]
    for organisation in organisations:
        make_due(*(make_credential(organisation) for _ in range(4)))

    served = [take().organisation_id for _ in range(12)]

    assert all(len(set(served[turn : turn + 3])) == 3 for turn in range(0, 12, 3))


def test_of_many_organisations_the_one_with_the_most_urgent_row_is_served_first() -> None:
    urgent = served_just_now()
    make_due(*(make_credential() for _ in range(10)), priority=Priority.RECHECK)
    make_due(urgent, priority=Priority.REVOKE)

    assert take().row_id == urgent.id


def test_of_many_organisations_the_one_that_waited_longest_is_served_first() -> None:
    rows = [make_credential() for _ in range(10)]
    make_due(*rows)
    with write():
        for waited, row in enumerate(rows):
            served = current_time() - timedelta(minutes=waited)
            Turn.update(served_at=served).where(Turn.organisation_id == row.organisation_id).execute()

    assert [take().row_id for _ in rows] == [row.id for row in reversed(rows)]


def test_many_organisations_with_nothing_due_are_in_nobodys_way() -> None:
    for _ in range(10):
        make_organisation()
    row = served_just_now()
    make_due(row)

    assert take().row_id == row.id


def test_eight_threads_never_share_a_claim(db: str) -> None:
    organisations = (make_organisation(), make_organisation())
    rows = [make_credential(organisation) for organisation in organisations for _ in range(40)]
    make_due(*rows)
    taken: list[uuid.UUID] = []

    def drain() -> None:
        with connection():
            while found := claim([Credential], ALL):
                taken.append(found.row_id)

    threads = [threading.Thread(target=drain) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Counter(taken) == Counter(row.id for row in rows)


def test_who_comes_too_late_looks_once_more_after_a_pause(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    credential = make_credential(is_valid=True)
    make_due(credential, make_resource(credential))
    pauses: set[tuple[float, float]] = set()
    found: list[Claim | None] = []

    def noted(shortest: float, longest: float) -> float:
        pauses.add((shortest, longest))
        return longest

    def look() -> None:
        with connection():
            found.append(claim([Credential, Resource], ALL))

    monkeypatch.setattr(random, "uniform", noted)
    looking = threading.Thread(target=look)
    with heard() as asked, write():
        take(Credential)
        take(Resource)
        looking.start()
        # Who asks for the second kind has seen that the first is due.
        assert eventually(lambda: sum("CASE" in each for each in asked) >= 4)
    looking.join()

    assert (found, pauses) == ([None], {(0.01, 0.02)})


def test_processes_never_share_a_claim(db: str) -> None:
    rows = [make_credential(make_organisation()) for _ in range(40)]
    make_due(*rows)
    spawned = multiprocessing.get_context("spawn")
    results: Any = spawned.Queue()
    processes = [spawned.Process(target=_drain, args=(db, results)) for _ in range(3)]
    for process in processes:
        process.start()
    taken = [row_id for _ in processes for row_id in results.get(timeout=60)]
    for process in processes:
        process.join(20)

    assert Counter(taken) == Counter(row.id for row in rows)


def _drain(url: str, results: Any) -> None:
    bind(url)
    taken = []
    with connection():
        while found := claim([Credential], ALL):
            taken.append(found.row_id)
    results.put(taken)


def test_a_credential_is_used_by_four_claims_at_most(db: str) -> None:
    credential = make_credential(is_valid=True)
    make_due(*(make_resource(credential) for _ in range(10)))
    taken: list[Claim] = []

    def drain() -> None:
        with connection():
            while found := claim([Resource], ALL):
                taken.append(found)

    threads = [threading.Thread(target=drain) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(taken) == due.CLAIMS_PER_CREDENTIAL
    with write():
        settle(taken[0], {}, None)
    assert claim([Resource], ALL) is not None


def test_what_is_to_be_revoked_waits_for_no_other_work_with_its_credential() -> None:
    credential = make_credential(is_valid=True)
    opened = [make_target(credential) for _ in range(due.CLAIMS_PER_CREDENTIAL)]
    make_due(*opened, priority=Priority.APPLY)
    for _ in opened:
        take(Target)
    revoked = [make_target(credential) for _ in range(due.CLAIMS_PER_CREDENTIAL + 1)]

    make_due(*revoked, priority=Priority.REVOKE)

    taken = [claim([Target], ALL) for _ in revoked]
    assert len([each for each in taken if each]) == due.CLAIMS_PER_CREDENTIAL, "nor do they take more turns than others"


@pytest.mark.engines("postgresql")
def test_nobody_queues_behind_who_is_claiming(db: str) -> None:
    row = make_credential()
    make_due(row)
    taken: list[Claim | None] = []

    def look() -> None:
        with connection():
            taken.append(claim([Credential], ALL))

    looking = threading.Thread(target=look)
    with closing(psycopg2.connect(db)) as claiming:
        claiming.cursor().execute("SELECT 1 FROM turns FOR NO KEY UPDATE")
        looking.start()
        time.sleep(0.2)
        assert database.execute_sql("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() == (0,)
    looking.join()

    assert [found and found.row_id for found in taken] == [row.id]


@pytest.mark.engines("postgresql")
def test_rows_that_somebody_holds_hold_up_no_other_organisation(db: str) -> None:
    stuck, free = [make_credential() for _ in range(3)], served_just_now()
    make_due(*stuck, free)

    with other(db) as holding:
        for row in stuck:
            holding.lock("credentials", row.id)
        assert take().row_id == free.id

    assert {take().row_id for _ in stuck} == {row.id for row in stuck}


@pytest.mark.engines("postgresql")
def test_who_claims_for_one_organisation_holds_up_no_other(db: str) -> None:
    longest, free = make_credential(), served_just_now()
    make_due(longest, free)

    with closing(psycopg2.connect(db)) as claiming:
        turn = "SELECT 1 FROM turns WHERE organisation_id = %s FOR NO KEY UPDATE"
        claiming.cursor().execute(turn, (str(longest.organisation_id),))
        assert take().row_id == free.id

    assert take().row_id == longest.id


def test_to_find_nothing_due_takes_one_statement() -> None:
    make_credential()
    kinds = (Credential, Resource, Target, Session)
    claim(kinds, ALL)

    with heard() as asked:
        assert claim(kinds, ALL) is None

    assert len(asked) == 1


def test_a_paused_credential_holds_its_resources_back_and_no_others() -> None:
    organisation = make_organisation()
    paused = make_credential(organisation, is_valid=True, paused_until=current_time() + timedelta(seconds=30))
    free = make_credential(organisation, is_valid=True)
    waiting, served = make_resource(paused), make_resource(free)
    make_due(waiting, served)

    assert take(Resource).row_id == served.id
    assert claim([Resource], ALL) is None
    clock.offset += 31_000_000
    assert waiting.id in {take(Resource).row_id, take(Resource).row_id}


def test_a_resource_waits_for_its_credentials_first_verdict() -> None:
    credential = make_credential(is_valid=None)
    resource = make_resource(credential)
    make_due(resource)

    assert claim([Resource], ALL) is None
    with write():
        Credential.update(is_valid=False).execute()

    assert take(Resource).row_id == resource.id


def test_a_claim_moves_its_organisation_to_the_end_of_the_line() -> None:
    credential = make_credential()
    make_due(credential)

    take()

    assert Turn.get_by_id(credential.organisation_id).served_at.year >= 2026


@pytest.mark.parametrize("dead", [6, 7])
def test_what_the_dead_had_claimed_is_taken_over_at_once_and_is_inherited(dead: int) -> None:
    living = dead + 1
    theirs, others = make_credential(), make_credential()
    make_due(theirs)
    assert claim([Credential], ALL, dead)
    make_due(others)
    taken = claim([Credential], ALL, living)
    assert taken

    assert abandon([Credential, Resource], dead) == 1

    heir = claim([Credential], ALL, living)
    assert heir and (heir.row_id, heir.inherited) == (theirs.id, True)
    assert claim([Credential], ALL) is None, "what the living have is theirs"
    renew(taken)
    assert abandon([Credential, Resource], dead) == 0


def test_what_ran_out_or_was_given_back_is_not_abandoned(standing_clock: None) -> None:
    slot = new_slot()
    make_due(make_credential(), make_credential())
    taken = claim([Credential], ALL, slot)
    assert taken and claim([Credential], ALL, slot)
    release(taken, is_under_way=True)
    clock.offset += LEASE_SECONDS * 1_000_000

    assert abandon([Credential], slot) == 0


@pytest.mark.engines("postgresql")
def test_what_the_dead_had_is_taken_over_while_somebody_waits_for_all_of_it(db: str) -> None:
    """Others take a target and then a session: nobody has either while he waits for the other."""
    credential = make_credential(is_valid=True)
    target, session = make_target(credential), make_session(credential.organisation_id)
    slot = new_slot()
    make_due(target)
    with write():
        due.want(Session, Session.id == session.id)
    assert claim([Target], ALL, slot) and claim([Session], ALL, slot)
    somebody = Other(db)
    somebody.lock("targets", target.id)

    with waiting(lambda: abandon([Session, Target], slot), somebody) as done:
        somebody.lock("sessions", session.id)

    assert done.result(10) == 2


def test_all_that_the_dead_had_is_taken_over(db: str) -> None:
    slot = new_slot()
    make_due(make_credential(), make_credential())
    assert claim([Credential], ALL, slot) and claim([Credential], ALL, slot)

    assert abandon([Credential, Resource], slot) == 2
    assert claim([Credential], ALL) and claim([Credential], ALL)
