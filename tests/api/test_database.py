"""One set of words for both engines: transactions, the clock, the pool, forks."""

import multiprocessing
import os
import threading
import time
from datetime import UTC, datetime, timedelta

import peewee
import pytest

from api import database
from api.accounts.models import Organisation
from api.credentials.models import Credential
from api.database import (
    after_commit,
    by_row,
    clock,
    connection,
    current_time,
    delete,
    forget_connections,
    insert_all,
    insert_missing,
    lock,
    now,
    write,
)
from api.roles.models import Role
from tests.rows import fresh, make_credential, make_organisation

pytestmark = pytest.mark.usefixtures("db")


def test_a_moment_comes_back_as_it_was_stored() -> None:
    moment = datetime(2026, 2, 18, 12, 30, 0, 123456, tzinfo=UTC)

    credential = make_credential(created_at=moment)

    assert fresh(credential).created_at == moment


def test_the_databases_clock_is_the_present() -> None:
    assert abs(current_time() - datetime.now(UTC)) < timedelta(seconds=5)


def test_the_clock_goes_on_within_a_transaction() -> None:
    with write():
        first = current_time()
        time.sleep(0.01)
        assert current_time() > first


def test_a_test_can_set_the_clock_off() -> None:
    clock.offset = 3_600_000_000

    assert current_time() - datetime.now(UTC) > timedelta(minutes=59)


def test_a_time_to_come_is_stored_by_the_databases_clock() -> None:
    credential = make_credential()
    with write():
        Credential.update(due_at=now(60)).execute()

    late = fresh(credential).due_at - current_time()

    assert timedelta(seconds=55) < late < timedelta(seconds=60)


def test_what_is_due_is_found_by_an_index() -> None:
    query = Credential.select(Credential.id).where(Credential.due_at <= now())
    if not database.is_sqlite():
        database.database.execute_sql("SET enable_seqscan = off")
        explanation = "EXPLAIN "
    else:
        explanation = "EXPLAIN QUERY PLAN "
    statement, parameters = query.sql()

    plan = str(database.database.execute_sql(explanation + statement, parameters).fetchall())

    assert "credentials_due" in plan
    assert "Filter" not in plan


def test_an_exception_takes_the_whole_transaction_back() -> None:
    with pytest.raises(LookupError), write():
        make_organisation()
        raise LookupError

    assert Organisation.select().count() == 0


def test_a_write_within_a_write_is_a_part_of_it() -> None:
    with pytest.raises(LookupError), write():
        with write():
            make_organisation()
        raise LookupError

    assert Organisation.select().count() == 0


def test_a_callback_runs_once_and_after_the_commit() -> None:
    heard = []

    def callback() -> None:
        heard.append(database.database.in_transaction())

    with write():
        after_commit(callback)
        with write():
            after_commit(callback)
        assert heard == []

    assert heard == [False]


def test_a_callback_of_a_failed_transaction_never_runs() -> None:
    heard: list[str] = []
    with pytest.raises(LookupError), write():
        after_commit(lambda: heard.append("failed"))
        raise LookupError
    with write():
        make_organisation()

    assert heard == []


def test_a_callback_outside_of_a_transaction_runs_at_once() -> None:
    heard: list[str] = []

    after_commit(lambda: heard.append("now"))

    assert heard == ["now"]


def test_any_number_of_rows_is_inserted_in_their_order() -> None:
    organisation = make_organisation()
    names = [str(number) for number in range(2500)]
    common = {"organisation_id": organisation.id, "created_at": now(), "updated_at": now()}

    with write():
        insert_all(Role, ({**common, "name": name, "revision": position} for position, name in enumerate(names)))

    assert [role.name for role in Role.select().order_by(Role.revision)] == names


def test_rows_that_have_an_equal_are_left_as_they_are() -> None:
    organisation = make_organisation()
    common = {"organisation_id": organisation.id, "created_at": now(), "updated_at": now()}

    with write():
        insert_missing(Role, [{**common, "name": name, "description": "old"} for name in ("a", "b")])
        insert_missing(Role, [{**common, "name": name, "description": "new"} for name in ("b", "c", "c")])

    assert {role.name: role.description for role in Role.select()} == {"a": "old", "b": "old", "c": "new"}


def test_one_update_gives_each_row_its_own_value_and_leaves_the_others_theirs() -> None:
    first, second, third = (make_credential(name="as it was") for _ in range(3))

    with write():
        names = by_row(Credential.id, {first.id: "one", second.id: "two"}, Credential.name)
        Credential.update(name=names).execute()
        Credential.update(name=by_row(Credential.id, {}, Credential.name)).execute()

    assert [fresh(each).name for each in (first, second, third)] == ["one", "two", "as it was"]


def test_writers_that_read_first_all_get_their_turn() -> None:
    credential = make_credential()

    def add_one() -> None:
        with connection():
            for _ in range(10):
                with write():
                    lock(credential)
                    version = Credential.get_by_id(credential.id).secret_version
                    Credential.update(secret_version=version + 1).execute()

    threads = [threading.Thread(target=add_one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert fresh(credential).secret_version == 81


def test_foreign_keys_are_kept() -> None:
    organisation = make_organisation()
    make_credential(organisation)

    with pytest.raises(peewee.IntegrityError), write():
        delete(Organisation, Organisation.id == organisation.id)


def test_a_thread_gives_its_connection_back() -> None:
    def look() -> None:
        with connection():
            current_time()

    for _ in range(30):  # more than the pool has
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()

    assert len(database.database.obj._in_use) == 1


def test_a_connection_within_a_connection_is_the_same_one() -> None:
    with connection():
        current_time()

    assert not database.database.is_closed()


def test_a_forked_child_leaves_its_parents_connection_alone() -> None:
    make_organisation()

    def child() -> None:
        forget_connections()
        with connection():
            found = Organisation.select().count()
        os._exit(found)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(20)

    assert process.exitcode == 1
    assert Organisation.select().count() == 1


@pytest.mark.engines("postgresql")
def test_a_connection_that_the_server_cut_is_replaced() -> None:
    own = database.database.execute_sql("SELECT pg_backend_pid()").fetchone()[0]

    def cut() -> None:
        with connection():
            database.database.execute_sql("SELECT pg_terminate_backend(%s)", (own,))

    thread = threading.Thread(target=cut)
    thread.start()
    thread.join()
    with pytest.raises(peewee.OperationalError):
        current_time()
    database.database.close()
    database.database.connect()

    assert current_time().year >= 2026
