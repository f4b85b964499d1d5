"""Extending, moving and stopping on the Sessions page, and who may, without a browser."""

import re
import uuid
from datetime import timedelta

import pytest

from api.audit_log.models import AuditEntry
from api.database import write
from api.resources.models import Resource
from api.sessions.models import Session
from tests.api.conftest import Caller
from tests.api.sessions.conftest import ELSEWHERE, HOME, MakeRole
from tests.api.web.conftest import Visitor, text_of
from tests.api.web.sessions.conftest import (
    PATH,
    at,
    extensions,
    form_of,
    opened,
    path_of,
    settled,
)
from tests.rows import fresh

pytestmark = pytest.mark.engines("sqlite")


@pytest.fixture
def uma(uma: Visitor, user: Caller, resource: Resource, make_role: MakeRole) -> Visitor:
    """Somebody whose role names the resource."""
    make_role([user], [resource])
    return uma


def test_a_session_is_stopped_and_a_second_click_does_no_harm(ada: Visitor, resource: Resource) -> None:
    session = settled(opened(ada, resource))

    answers = [ada.post(path_of(session, "stop")) for _ in range(2)]

    assert [(answer.status_code, answer.location) for answer in answers] == [(303, PATH)] * 2
    assert fresh(session).ended_reason == "MANUAL"
    assert [event.event_type for event in AuditEntry.select()].count("SESSION_STOP") == 1


def test_a_session_is_extended_once_by_a_double_click(ada: Visitor, resource: Resource) -> None:
    session = opened(ada, resource, minutes=60)
    form = {"durationMinutes": "30", "formKey": str(uuid.uuid4())}

    answers = [ada.post(path_of(session, "extend"), form) for _ in range(2)]

    assert [(answer.status_code, answer.location) for answer in answers] == [(303, PATH)] * 2
    assert fresh(session).expires_at == session.expires_at + timedelta(minutes=30)


@pytest.mark.parametrize(
    ("hours", "minutes", "offered"),
    [
        (2, 60, ["30 min", "1 h"]),
        (2, 30, ["30 min", "1 h"]),
        (1, 50, ["10 min"]),
        (1, 60, []),
        (24, 480, ["30 min", "1 h", "2 h", "4 h", "8 h"]),
    ],
)
def test_a_session_is_extended_by_no_more_than_is_allowed(
    uma: Visitor, resource: Resource, hours: int, minutes: int, offered: list[str]
) -> None:
    with write():
        Resource.update(max_session_minutes=hours * 60).where(Resource.id == resource.id).execute()
    session = opened(uma, resource, minutes=minutes)

    assert extensions(uma.get(PATH)) == offered

    answer = uma.post(path_of(session, "extend"), {"durationMinutes": str(hours * 60)})
    assert answer.status_code == 400 and 'role="alert"' in answer.text
    assert f"A session on these resources lasts {hours * 60} minutes at most" in text_of(answer)
    assert fresh(session).expires_at == session.expires_at


def test_no_extension_makes_no_sense_silently(ada: Visitor, resource: Resource) -> None:
    session = opened(ada, resource)

    for minutes in ("", "soon", "-30", "0", "9" * 12):
        answer = ada.post(path_of(session, "extend"), {"durationMinutes": minutes, "formKey": "a-key"})
        assert answer.status_code == 400 and 'role="alert"' in answer.text, minutes
    assert fresh(session).expires_at == session.expires_at


@pytest.mark.parametrize("rest", ["extend", "move"])
def test_what_has_ended_meanwhile_takes_no_change_and_says_so(ada: Visitor, resource: Resource, rest: str) -> None:
    session = opened(ada, resource)
    ada.post(path_of(session, "stop"))

    answer = ada.post(path_of(session, rest), {"durationMinutes": "30"})

    assert answer.status_code == 409 and "The session has ended. Start another one." in text_of(answer)


def test_who_has_moved_is_let_in_from_there(ada: Visitor, resource: Resource) -> None:
    session = settled(opened(ada, resource))
    assert "Let me in from here" not in ada.get(PATH).text

    at(ada, ELSEWHERE)
    assert "You are elsewhere now." in text_of(ada.get(PATH))
    answer = ada.post(path_of(session, "move"))

    assert (answer.status_code, answer.location) == (303, PATH)
    assert fresh(session).ipv4_address == ELSEWHERE
    assert "Let me in from here" not in ada.get(PATH).text


def test_who_is_nowhere_public_is_told_that_he_cannot_be_let_in_from_there(ada: Visitor, resource: Resource) -> None:
    session = opened(ada, resource)

    answer = at(ada, "10.0.0.7").post(path_of(session, "move"))

    assert answer.status_code == 400 and "10.0.0.7 is no public address" in text_of(answer)
    assert "ipv4Address:" not in text_of(answer), "the API's name of it"
    assert fresh(session).ipv4_address == HOME


def test_an_administrator_sees_everybodys_and_may_stop_them(ada: Visitor, uma: Visitor, resource: Resource) -> None:
    session = opened(uma, resource)

    page = ada.get(PATH)
    assert "Uma uma@example.com" in text_of(page) and "Stop the session of Uma" in page.text
    assert "Let me in from here" not in at(ada, ELSEWHERE).get(PATH).text, "it is not his own"
    assert ada.post(path_of(session, "stop")).status_code == 303

    assert fresh(session).ended_at is not None
    own = opened(at(ada, HOME), resource)
    assert "You 1:00:00" in text_of(ada.get(PATH)) or "You 0:59:5" in text_of(ada.get(PATH))
    assert str(own.id) not in uma.get(PATH).text and "Who" not in text_of(uma.get(PATH))


def every_request(session: Session) -> list[tuple[str, str]]:
    return [
        *(("GET", path) for path in (PATH, f"{PATH}/open", f"{PATH}/history")),
        *(("POST", path_of(session, rest)) for rest in ("stop", "extend", "move")),
    ]


@pytest.mark.parametrize("who", ["eve", "uma"])
def test_somebody_elses_session_does_not_exist(
    ada: Visitor, resource: Resource, request: pytest.FixtureRequest, who: str
) -> None:
    session = opened(ada, resource, reason="secret deed")
    visitor = request.getfixturevalue(who)

    for method, path in every_request(session):
        answer = visitor.get(path) if method == "GET" else visitor.post(path, {"durationMinutes": "30"})
        assert answer.status_code == (200 if method == "GET" else 404), (method, path)
        assert "secret deed" not in answer.text and str(session.id) not in answer.text
    assert fresh(session) == session and fresh(session).revision == session.revision


def test_a_stranger_is_asked_to_sign_in_whatever_is_asked_for(
    ada: Visitor, stranger: Visitor, resource: Resource
) -> None:
    session = opened(ada, resource)

    for method, path in [*every_request(session), ("POST", PATH)]:
        answer = stranger.get(path) if method == "GET" else stranger.post(path, form_of(resource))
        assert answer.status_code == 303 and answer.location.startswith("/sign-in"), (method, path)
    assert fresh(session).revision == session.revision and Session.select().count() == 1


def test_every_page_is_sent_with_a_strict_policy_and_is_not_kept(ada: Visitor, resource: Resource) -> None:
    for method, path in every_request(opened(ada, resource)):
        answer = ada.get(path) if method == "GET" else ada.post(path)
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"
        assert not re.search(r"<script(?! src=)|<style| style=| on\w+=|javascript:", answer.text), path
