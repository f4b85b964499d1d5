"""Waiting for a verdict, without keeping the others out."""

import threading
import time

from api.claims import claim
from api.credentials.models import Credential
from api.database import connection, write
from api.due import Priority, settle
from api.wait import WaitingRoom
from tests.eventually import eventually
from tests.rows import fresh, make_credential, make_due


def serve() -> None:
    with connection():
        taken = claim([Credential], tuple(Priority))
        assert taken is not None
        with write():
            settle(taken, {"is_valid": True}, None)


def test_the_wait_ends_with_the_verdict(db: str) -> None:
    credential = make_credential()
    make_due(credential)
    threading.Timer(0.3, serve).start()
    began = time.monotonic()

    assert WaitingRoom(1).until_seen(fresh(credential)) is True
    assert 0.2 < time.monotonic() - began < 2


def test_a_verdict_that_is_there_already_is_not_waited_for(db: str) -> None:
    credential = make_credential()
    make_due(credential)
    serve()

    assert WaitingRoom(1).until_seen(fresh(credential), seconds=0) is True


def test_the_wait_is_over_when_the_row_is_gone(db: str) -> None:
    credential = make_credential()
    make_due(credential)
    wanted = fresh(credential)
    with write():
        credential.delete_instance()

    assert WaitingRoom(1).until_seen(wanted) is True


def test_the_wait_has_an_end(db: str) -> None:
    credential = make_credential()
    make_due(credential)

    assert WaitingRoom(1).until_seen(fresh(credential), seconds=0.2) is False


def test_a_verdict_about_something_older_is_not_enough(db: str) -> None:
    credential = make_credential()
    make_due(credential)
    older = claim([Credential], tuple(Priority))
    assert older is not None
    make_due(credential)
    wanted = fresh(credential)
    with write():
        settle(older, {}, None)

    assert WaitingRoom(1).until_seen(wanted, seconds=0.2) is False


def test_who_finds_no_place_is_told_at_once() -> None:
    room = WaitingRoom(1)
    gate = threading.Event()
    waiter = threading.Thread(target=room.until, args=(gate.is_set,))
    waiter.start()

    assert eventually(lambda: room.until(lambda: True) is None)
    gate.set()
    waiter.join()
    assert room.until(lambda: True) is True


def test_a_room_without_places_lets_nobody_wait() -> None:
    assert WaitingRoom(0).until(lambda: True) is None
