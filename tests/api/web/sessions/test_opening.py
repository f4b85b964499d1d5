"""Letting oneself in on the Sessions page, claim by claim, without a browser."""

import re
import uuid
from typing import Any

import pytest

from api.accounts.models import Organisation
from api.credentials.models import Credential
from api.database import write
from api.resources.models import Resource
from api.sessions.models import Session
from api.web.durations import choices, clock, written
from tests.api.conftest import Caller
from tests.api.sessions.conftest import HOME, HOME_6, MakeRole, grants_of, openable
from tests.api.web.conftest import Visitor, key_in, text_of
from tests.api.web.sessions.conftest import PATH, at, checked, durations, ended, form_of, news_path, opened, path_of
from tests.rows import make_session

pytestmark = pytest.mark.engines("sqlite")

# Of a role, in hours, and of the resource, in minutes.
Limits = tuple[int | None, int | None]
MARKUP = '<b onclick="x()">&\'name</b><script>'


@pytest.mark.engines("sqlite", "postgresql")
def test_a_person_opens_a_door_with_one_button(
    uma: Visitor, user: Caller, resource: Resource, make_role: MakeRole
) -> None:
    make_role([user], [resource])

    session = opened(uma, resource, minutes=60, reason="TICKET-421")

    assert (session.user_id, session.ipv4_address, session.reason) == (user.user.id, HOME, "TICKET-421")
    assert (session.expires_at - session.created_at).total_seconds() == 3600
    assert [grant.resource_id for grant in grants_of(str(session.id))] == [resource.id]
    shown = text_of(uma.get(PATH))
    assert "Open now" in shown and f"{resource.name} TICKET-421" in shown and HOME in shown


def test_the_address_is_shown_as_it_is_detected(ada: Visitor, resource: Resource) -> None:
    assert f"You are seen at {HOME} . That address is let in, and no other." in text_of(ada.get(PATH))
    assert HOME_6 in text_of(at(ada, HOME_6).get(PATH))


@pytest.mark.parametrize("name", ["ada", "uma"])
def test_an_address_that_is_not_let_in_is_said_before_anything_is_pressed(
    request: pytest.FixtureRequest, name: str, user: Caller, resource: Resource, make_role: MakeRole
) -> None:
    make_role([user], [resource])
    visitor = at(request.getfixturevalue(name), "10.0.0.7")

    page = visitor.get(PATH)

    assert "10.0.0.7 is no public address, and this server is not told to let it in: ask its operator" in text_of(page)
    assert bool(durations(page)) is (name == "ada"), "an administrator may name another address"
    refused = visitor.post(PATH, form_of(resource))
    assert refused.status_code == 400 and "10.0.0.7 is no public address" in text_of(refused)
    assert not Session.select().exists()


def test_an_administrator_may_let_in_another_address_and_nobody_else_may(
    ada: Visitor, uma: Visitor, user: Caller, resource: Resource, make_role: MakeRole
) -> None:
    make_role([user], [resource])
    elsewhere: dict[str, Any] = {"ipv4Address": "198.51.100.20"}

    assert opened(ada, resource, **elsewhere).ipv4_address == "198.51.100.20"
    assert "Let in another address" not in text_of(uma.get(PATH))
    assert uma.post(PATH, form_of(resource, **elsewhere)).status_code == 404
    assert Session.select().count() == 1


def test_what_can_be_opened_is_offered_and_what_cannot_says_why(ada: Visitor, credential: Credential) -> None:
    good = [openable(credential, name=name) for name in ("api", "web")]
    openable(credential, name="broken", is_active=False, verification_error="InvalidGroup.NotFound: gone")

    page = ada.get(PATH)

    assert re.findall(r'name="resourceIds" value="([^"]+)" id=', page.text) == [str(one.id) for one in good]
    assert "broken Cannot be opened now: InvalidGroup.NotFound: gone. Mend it under Resources" in text_of(page)
    assert page.text.count("disabled") == 1


class TestWhatIsChecked:
    """Two clicks, from signing in to an open door, are what it takes every day."""

    def test_the_only_thing_that_can_be_opened_is(self, ada: Visitor, credential: Credential) -> None:
        only = openable(credential)
        openable(credential, is_active=False)

        assert checked(ada.get(PATH)) == [str(only.id)]

    @pytest.mark.parametrize(("few", "expected"), [(8, 8), (9, 0)])
    def test_at_first_all_of_a_few_are_and_nothing_of_many(
        self, ada: Visitor, credential: Credential, few: int, expected: int
    ) -> None:
        first, *_ = [openable(credential, name=f"Gateway {number}") for number in range(few)]
        make_session(credential.organisation_id, first, user_name="Somebody else")

        assert len(checked(ada.get(PATH))) == expected

    def test_what_one_opened_last_is(self, ada: Visitor, credential: Credential) -> None:
        one, two, three = (openable(credential, name=name) for name in ("api", "db", "web"))
        opened(ada, one, two, three)
        ended(opened(ada, one, three))

        assert checked(ada.get(PATH)) == [str(one.id), str(three.id)]

    def test_what_was_opened_last_is_told_by_the_time_alone(
        self, ada: Visitor, admin: Caller, credential: Credential
    ) -> None:
        resources = [openable(credential) for _ in range(3)]
        for number, resource in enumerate(resources):
            session_id = uuid.UUID(int=9 - number)
            make_session(credential.organisation_id, resource, id=session_id, user_id=admin.user.id)

        assert checked(ada.get(PATH)) == [str(resources[-1].id)]

    def test_what_one_opened_last_is_as_far_as_it_can_be_opened(self, ada: Visitor, credential: Credential) -> None:
        one, two, three = (openable(credential, name=name) for name in ("api", "db", "web"))
        opened(ada, one, two)
        close(one)
        assert checked(ada.get(PATH)) == [str(two.id)]

        close(two)
        assert checked(ada.get(PATH)) == [str(three.id)], "the only one that is left"
        four = openable(credential)
        assert set(checked(ada.get(PATH))) == {str(three.id), str(four.id)}


def close(resource: Resource) -> None:
    with write():
        Resource.update(is_active=False).where(Resource.id == resource.id).execute()


def test_an_administrator_is_led_to_what_cannot_be_opened_and_nobody_else_is(
    ada: Visitor, uma: Visitor, user: Caller, credential: Credential, make_role: MakeRole
) -> None:
    broken = openable(credential, is_active=False, verification_error="InvalidGroup.NotFound: gone")
    make_role([user], [broken])

    assert f'<a href="/resources/{broken.id}">Mend it</a> under Resources or Credentials.' in ada.get(PATH).text
    assert "gone. Tell an administrator." in text_of(uma.get(PATH)) and "/resources/" not in uma.get(PATH).text


def test_where_nothing_can_be_opened_now_there_is_no_button(ada: Visitor, credential: Credential) -> None:
    openable(credential, is_active=False)

    page = ada.get(PATH)

    assert durations(page) == []
    assert "The resource has not been verified yet." in text_of(page) and "Nothing of it can be opened now." in text_of(
        page
    )


@pytest.mark.parametrize(
    ("limits", "offered"),
    [
        ((None, None), ["30 min", "1 h", "2 h", "4 h", "8 h", "24 h"]),
        ((8, None), ["30 min", "1 h", "2 h", "4 h", "8 h"]),
        ((3, None), ["30 min", "1 h", "2 h", "3 h"]),
        ((8, 45), ["30 min", "45 min"]),
        ((8, 10), ["10 min"]),
    ],
)
def test_there_is_a_button_for_each_duration_that_is_allowed(
    uma: Visitor, user: Caller, credential: Credential, make_role: MakeRole, limits: Limits, offered: list[str]
) -> None:
    hours, most = limits
    make_role([user], [openable(credential, max_session_minutes=most)], hours=hours)

    assert durations(uma.get(PATH)) == offered


def test_a_free_tier_cuts_the_buttons_for_everybody(
    ada: Visitor, organisation: Organisation, resource: Resource
) -> None:
    with write():
        Organisation.update(tier="FREE").where(Organisation.id == organisation.id).execute()

    assert durations(ada.get(PATH)) == ["30 min", "1 h", "2 h"]


def test_the_shortest_limit_of_what_is_checked_counts(ada: Visitor, credential: Credential) -> None:
    short, long = (openable(credential, name=name, max_session_minutes=most) for name, most in (("a", 60), ("b", 480)))

    page = ada.get(PATH)
    assert durations(page) == ["30 min", "1 h"]
    assert "a 1 h at most b 8 h at most" in text_of(page)

    fewer = ada.post(PATH, form_of(long, minutes=481))
    assert durations(fewer) == ["30 min", "1 h", "2 h", "4 h", "8 h"] and checked(fewer) == [str(long.id)]
    assert "A session on these resources lasts 480 minutes at most, from start to end." in text_of(fewer)
    assert short.name in text_of(fewer)


def test_durations_are_offered_by_what_they_are_limits_of() -> None:
    assert [str(one) for one in choices([45, 480], 45) if one.is_offered] == ["30 min", "45 min"]
    assert [str(one) for one in choices([45, 480], 480) if one.is_offered] == ["30 min", "1 h", "2 h", "4 h", "8 h"]
    assert [str(one) for one in choices([120], 120, least_seconds=3600)] == ["1 h", "2 h"]
    assert choices([], 0) == []


def test_times_are_written_for_people() -> None:
    assert [written(minutes) for minutes in (0, 45, 60, 90, 1440)] == ["0 min", "45 min", "1 h", "1 h 30 min", "24 h"]
    assert [clock(seconds) for seconds in (0, 61, 7187, 86400)] == ["0:00:00", "0:01:01", "1:59:47", "24:00:00"]


def test_a_double_click_opens_once(ada: Visitor, resource: Resource) -> None:
    form = form_of(resource, formKey=key_in(ada.get(PATH)))

    answers = [ada.post(PATH, form) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert Session.select().count() == 1


def test_one_session_too_many_is_said_beside_the_form_and_what_was_typed_stays(
    ada: Visitor, organisation: Organisation, credential: Credential
) -> None:
    first, second = openable(credential), openable(credential)
    with write():
        Organisation.update(tier="FREE").where(Organisation.id == organisation.id).execute()
    opened(ada, first)

    answer = ada.post(PATH, form_of(second, reason="TICKET-7"))

    assert answer.status_code == 400 and 'role="alert"' in answer.text
    assert "You have 1 session open, which is all that your tier allows. Stop one first." in text_of(answer)
    assert 'value="TICKET-7"' in answer.text and checked(answer) == [str(second.id)]
    assert Session.select().count() == 1


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"resourceIds": []}, "Choose at least one."),
    ({"durationMinutes": ""}, "Choose how long."),
    ({"durationMinutes": "soon"}, "Not a valid number."),
    ({"durationMinutes": "-5"}, "Not a valid number."),
    ({"durationMinutes": "0"}, "Must be greater than 0"),
    ({"durationMinutes": "9" * 8}, "Must be"),
    ({"durationMinutes": "1441"}, "1440 minutes at most"),
    ({"reason": "r" * 501}, "Length must be between 1 and 500."),
    ({"reason": "\0"}, "Reason"),
    ({"ipv4Address": "nowhere"}, "Must be an IPv4 address"),
    ({"ipv4Address": "10.0.0.1"}, "no public address"),
    ({"nonsense": "x"}, "Nothing was opened yet"),
    ({"reason": "y", "reason.x": "x"}, "is no field of this form"),
    ({"formKey": "blank blank"}, "Idempotency-Key"),
]


def test_what_is_wrong_is_said_in_words_and_nothing_is_opened(ada: Visitor, resource: Resource) -> None:
    for change, told in WRONG:
        answer = ada.post(PATH, {**form_of(resource), **change})

        assert answer.status_code == 400 and 'role="alert"' in answer.text, change
        assert told in text_of(answer), change
    assert not Session.select().exists()


@pytest.mark.parametrize("which", ["6c1e1a52-54c5-4f0e-9d3c-6a8f4f1f7a10", "nonsense"])
def test_what_is_not_there_any_more_is_said_with_what_is(ada: Visitor, resource: Resource, which: str) -> None:
    answer = ada.post(PATH, form_of(resource, reason="TICKET-7", resourceIds=[str(resource.id), which]))

    assert answer.status_code == 409 and "is not there any more" in text_of(answer)
    assert 'value="TICKET-7"' in answer.text and checked(answer) == [str(resource.id)]
    assert not Session.select().exists()


def test_nobody_opens_what_no_role_of_theirs_names(
    uma: Visitor, eve: Visitor, user: Caller, credential: Credential, make_role: MakeRole
) -> None:
    theirs, other = openable(credential, name="theirs"), openable(credential, name="payroll")
    make_role([user], [theirs])

    assert "payroll" not in text_of(uma.get(PATH))
    assert uma.post(PATH, form_of(theirs, other)).status_code == 409
    assert at(eve, HOME).post(PATH, form_of(theirs)).status_code == 409
    assert not Session.select().exists()


def test_markup_in_a_name_is_text(ada: Visitor, credential: Credential) -> None:
    named = openable(credential, name=MARKUP)
    session = opened(ada, named, reason=MARKUP)
    make_session(credential.organisation_id, named, user_name=MARKUP)

    page = ada.get(PATH)
    assert "<b onclick" not in page.text and text_of(page).count(MARKUP) >= 5

    ada.post(path_of(session, "stop"))
    ended(session)
    history = ada.get(f"{PATH}/history")
    assert "<b onclick" not in history.text and text_of(history).count(MARKUP) == 2


class TestWhereNothingIsYet:
    def test_an_administrator_is_told_to_add_a_credential_first(self, ada: Visitor) -> None:
        page = ada.get(PATH)

        assert "A session lets your address, and nobody else's, through" in text_of(page)
        assert 'href="/credentials/new"' in page.text and durations(page) == []

    def test_an_administrator_with_a_credential_is_told_to_add_a_resource(
        self, ada: Visitor, credential: Credential
    ) -> None:
        page = ada.get(PATH)

        assert "Add a resource" in text_of(page) and "/credentials/new" not in page.text

    def test_a_user_is_told_to_ask_for_a_role(self, uma: Visitor, resource: Resource) -> None:
        page = uma.get(PATH)

        assert "Ask an administrator of your organisation for one" in text_of(page)
        assert resource.name not in page.text and "Add a" not in page.text


def test_more_than_can_be_named_are_opened_all_together(
    ada: Visitor, credential: Credential, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.web.sessions._NAMED_AT_MOST", 9)
    many = [openable(credential) for _ in range(11)]

    assert "0 of 11 that can be opened: choose" in text_of(ada.get(PATH))
    assert '<details id="choose" open>' in ada.get(PATH).text, "nothing is checked yet"
    assert len(grants_of(str(opened(ada, *many).id))) == 11
    assert "All of 11 that can be opened: choose" in text_of(ada.get(PATH))
    assert '<details id="choose">' in ada.get(PATH).text
    assert "and 3 more" in text_of(ada.get(PATH))
    assert len(grants_of(str(opened(ada, *many[1:]).id))) == 10


def test_a_thousand_resources_are_as_light_as_a_first_visit(ada: Visitor, credential: Credential) -> None:
    with write():
        for _ in range(1000):
            openable(credential)

    assert len(ada.get(PATH, headers={"Accept-Encoding": "gzip"}).data) < 100_000
    page = ada.get(PATH)
    assert 'hx-trigger="every 15s, look"' in page.text, "to look at all of them costs the server something"
    assert (ada.get(news_path(page)).status_code, ada.get(news_path(page)).data) == (204, b"")
