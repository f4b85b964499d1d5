"""The table of what is open, and the history, claim by claim, without a browser."""

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from api.credentials.models import Credential
from api.database import clock, current_time, write
from api.resources.models import Resource
from api.sessions import service
from api.sessions.models import Session
from api.sessions.schemas import ENDED_REASONS
from api.sessions.service import STATUSES
from api.targets.models import Grant
from api.web import session_words
from tests.api.conftest import Caller
from tests.api.sessions.conftest import ELSEWHERE, HOME, SECOND, MakeRole, openable
from tests.api.web.conftest import Visitor, text_of
from tests.api.web.sessions.conftest import (
    PATH,
    at,
    ended,
    extensions,
    news_path,
    opened,
    path_of,
    settled,
    table_in,
)
from tests.proof.statements import heard
from tests.rows import make_session

pytestmark = pytest.mark.engines("sqlite")


@pytest.fixture
def uma(uma: Visitor, user: Caller, resource: Resource, make_role: MakeRole) -> Visitor:
    """Somebody whose role names the resource."""
    make_role([user], [resource])
    return uma


@pytest.mark.parametrize(
    ("status", "badge", "word"),
    [("PENDING", "", "Opening"), ("APPLIED", "good", "Open"), ("FAILED", "bad", "Not open")],
)
def test_a_badge_tells_how_a_session_stands(
    ada: Visitor, resource: Resource, status: str, badge: str, word: str
) -> None:
    settled(opened(ada, resource), status)

    found = re.search(r'<span class="badge (\w*)"><svg.*?</svg>([^<]+)</span>', ada.get(PATH).text)

    assert found and found.groups() == (badge, word)


def test_there_is_a_word_for_every_state_and_every_end() -> None:
    assert session_words.BADGES.keys() == set(STATUSES) - {"EXPIRED", "CANCELLED"}
    assert session_words.STATES.keys() == {"PENDING", "APPLIED", "FAILED", "REMOVING", "REMOVED"}
    assert session_words.ENDINGS.keys() == set(ENDED_REASONS)


def test_the_time_that_is_left_is_there_without_a_script(
    ada: Visitor, resource: Resource, standing_clock: None
) -> None:
    opened(ada, resource, minutes=120)
    clock.offset += 13 * SECOND

    page = ada.get(PATH)

    assert 'data-left="7187">1:59:47</span>' in page.text


def test_what_is_not_open_says_why_and_what_to_do(ada: Visitor, uma: Visitor, resource: Resource) -> None:
    error = "RulesPerSecurityGroupLimitExceeded: Security group is full: remove rules, or have its quota raised"
    settled(opened(uma, resource), "FAILED", error=error)

    assert f"not open {error}. Tell an administrator; once it is mended it opens by itself" in text_of(uma.get(PATH))
    assert f"not open {error}. Mend it under Resources or Credentials; it opens by itself" in text_of(ada.get(PATH))


def test_a_cloud_that_does_not_answer_is_waited_for(ada: Visitor, resource: Resource) -> None:
    settled(opened(ada, resource), "PENDING", error="AWS did not answer in 10 s")

    shown = text_of(ada.get(PATH))

    assert "being opened AWS did not answer in 10 s. Nothing for you to do: the cloud is asked again" in shown


def test_each_resource_is_shown_as_it_stands_and_those_that_are_alike_together(
    ada: Visitor, credential: Credential
) -> None:
    one, two, three = (openable(credential, name=name) for name in ("api", "db", "web"))
    session = opened(ada, one, two, three)
    settled(session)
    settled(session, "FAILED", two, error="Throttled: later")

    page = ada.get(PATH)

    assert "api, web open db not open Throttled: later." in text_of(page)
    assert "Partly open" in text_of(page)


def test_a_rule_that_the_cloud_does_not_let_go_is_told_with_since_when(ada: Visitor, resource: Resource) -> None:
    session = opened(ada, resource)
    settled(session)
    with write():
        Grant.update(
            ended_at=current_time() - timedelta(minutes=10), status="REMOVING", error="AccessDenied: no"
        ).execute()
        Session.update(ended_at=current_time(), ended_reason="MANUAL").execute()
        service.follow({session.id})

    shown = text_of(ada.get(PATH))

    assert "Closing" in shown and "over It was stopped" in shown
    assert "It should be closed since" in shown and "AccessDenied: no. Nothing for you to do" in shown
    assert "Stop" not in table_in(ada.get(PATH)) and extensions(ada.get(PATH)) == []


def test_what_has_changed_is_told_and_what_has_not_is_not_sent_again(ada: Visitor, resource: Resource) -> None:
    session = opened(ada, resource)
    page = ada.get(PATH)
    assert "every 2s" in page.text and page.text.count("hx-trigger") == 1
    clock.offset += 3 * SECOND
    assert (ada.get(news_path(page)).status_code, ada.get(news_path(page)).text) == (204, "")

    settled(session)

    news = ada.get(news_path(page))
    assert news.status_code == 200 and 'id="said" hx-swap-oob="innerHTML"' in news.text
    assert f"{resource.name}: open." in text_of(news)
    assert "every 5s" in news.text, "nothing is about to change"
    assert ada.get(news_path(news)).status_code == 204


@pytest.mark.parametrize("change", ["extended", "stopped", "moved", "opened", "left", "told"])
def test_every_change_is_news(ada: Visitor, resource: Resource, change: str) -> None:
    session = settled(opened(ada, resource))
    page = ada.get(PATH)
    deeds: dict[str, Callable[[], object]] = {
        "extended": lambda: ada.post(path_of(session, "extend"), {"durationMinutes": "30"}),
        "stopped": lambda: ada.post(path_of(session, "stop")),
        "moved": lambda: at(ada, ELSEWHERE).post(path_of(session, "move")),
        "opened": lambda: opened(ada, resource),
        "left": lambda: at(ada, ELSEWHERE),
        "told": lambda: settled(session, error="somebody else's equal rule is there"),
    }
    deeds[change]()

    assert ada.get(news_path(page)).status_code == 200


def test_each_form_of_the_table_has_a_key_of_its_own(ada: Visitor, resource: Resource) -> None:
    for _ in range(2):
        opened(ada, resource)

    keys = re.findall(r'name="formKey" value="([^"]+)"', ada.get(PATH).text)

    assert len(keys) == len(set(keys)) == 3


def test_a_keys_session_is_shown_with_the_keys_name(ada: Visitor, credential: Credential, resource: Resource) -> None:
    make_session(credential.organisation_id, resource, user_name="CI", user_email="CI", api_key_id=uuid.uuid4())

    assert "CI API key" in text_of(ada.get(PATH))


def test_ones_own_table_stands_first_while_something_is_open(ada: Visitor, resource: Resource) -> None:
    session = opened(ada, resource)
    assert text_of(ada.get(PATH)).index("Open now") < text_of(ada.get(PATH)).index("Let yourself in")

    ada.post(path_of(session, "stop"))

    assert "Open now" not in text_of(ended_page(ada, session))


def ended_page(visitor: Visitor, session: Session) -> Any:
    ended(session)
    return visitor.get(PATH)


def test_what_has_ended_is_in_the_history_with_the_reason(ada: Visitor, uma: Visitor, resource: Resource) -> None:
    assert "Nothing has ended yet" in text_of(uma.get(f"{PATH}/history"))
    session = settled(opened(uma, resource, reason="TICKET-421"))
    assert "Nothing has ended yet" in text_of(uma.get(f"{PATH}/history"))
    uma.post(path_of(session, "stop"))
    ended(session)

    shown = text_of(uma.get(f"{PATH}/history"))

    assert f"{resource.name} TICKET-421 {HOME} It was stopped" in shown and "Who" not in shown
    assert "Uma uma@example.com" in text_of(ada.get(f"{PATH}/history"))


def test_nobody_elses_history_is_ones_own(ada: Visitor, uma: Visitor, eve: Visitor, resource: Resource) -> None:
    session = opened(ada, resource)
    ada.post(path_of(session, "stop"))
    ended(session)

    for visitor in (uma, eve):
        assert "Nothing has ended yet" in text_of(visitor.get(f"{PATH}/history"))


def test_what_never_opened_says_so_in_the_history(ada: Visitor, resource: Resource) -> None:
    session = opened(ada, resource)
    ada.post(path_of(session, "stop"))
    ended(session)

    assert "It was stopped Nothing was opened." in text_of(ada.get(f"{PATH}/history"))


@pytest.mark.parametrize(("path", "is_over"), [(PATH, False), (f"{PATH}/history", True)])
def test_long_tables_come_in_pages(ada: Visitor, credential: Credential, path: str, is_over: bool) -> None:
    over = {"status": "EXPIRED", "ended_at": current_time(), "ended_reason": "EXPIRED"} if is_over else {}
    for number in range(51):
        with write():
            made = make_session(credential.organisation_id, user_name=f"person {number:02}")
            Session.update(**over or {"status": "ACTIVE"}).where(Session.id == made.id).execute()
    openable(credential)

    first = ada.get(path)
    older = re.search(rf'href="({path}\?cursor=[^"]+)">Older ones', first.text)
    assert older
    second = ada.get(older[1])

    found = [re.findall(r"person \d\d", table_in(page)) for page in (first, second)]
    assert [len(set(names)) for names in found] == [50, 1] and set(found[1]) == {"person 00"}
    assert "Older ones" not in second.text
    if not is_over:
        assert "person 00" in ada.get(news_path(second).replace("seen=", "seen=x")).text, "the page that is shown"


@pytest.mark.parametrize("path", [PATH, f"{PATH}/open", f"{PATH}/history"])
def test_a_cursor_that_is_none_is_refused_in_words(ada: Visitor, path: str) -> None:
    answer = ada.get(f"{path}?cursor=nonsense")

    assert answer.status_code == 400 and "Something went wrong" in text_of(answer)


def test_the_table_is_the_same_number_of_questions_however_long_it_is(ada: Visitor, credential: Credential) -> None:
    opened(ada, openable(credential), openable(credential))
    with heard() as few:
        ada.get(PATH)
    more = [openable(credential) for _ in range(5)]
    for _ in range(3):
        opened(ada, *more)
    with heard() as many:
        ada.get(PATH)

    assert len(many) == len(few)
