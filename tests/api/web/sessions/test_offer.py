"""The form of the Sessions page follows what can be opened, by itself, and leaves alone what was typed into it."""

from collections.abc import Callable
from typing import Any

import pytest

from api.credentials.models import Credential
from api.database import write
from api.resources.models import Resource
from tests.api.conftest import Caller
from tests.api.sessions.conftest import MakeRole, openable
from tests.api.web.conftest import Visitor, text_of
from tests.api.web.sessions.conftest import PATH, checked, durations, news_path

pytestmark = pytest.mark.engines("sqlite")

ANEW = 'id="offer" hx-swap-oob="true"'


def test_what_can_be_opened_since_then_is_there_by_itself_and_is_not_checked(
    ada: Visitor, credential: Credential, resource: Resource
) -> None:
    page = ada.get(PATH)
    assert ada.get(news_path(page)).status_code == 204
    openable(credential, name="Just added")

    news = ada.get(news_path(page))

    assert ANEW in news.text and "What you may open has changed." in text_of(news)
    assert "Just added" in text_of(news) and checked(news) == []
    assert ada.get(news_path(news)).status_code == 204, "it is told once"


def test_what_was_typed_and_checked_stays_where_the_offer_is_another(
    ada: Visitor, credential: Credential, resource: Resource
) -> None:
    page = ada.get(PATH)
    openable(credential)

    news = ada.get(news_path(page))

    for kept in (f"open-{resource.id}", "offer-key", "reason", "ipv4Address", "ipv6Address"):
        assert any(f'id="{kept}"' in tag and "hx-preserve" in tag for tag in news.text.split("<")), kept
    assert "hx-preserve" not in page.text, "a page that is asked for is shown as it is"


def test_who_could_open_nothing_is_shown_the_form_when_a_role_comes(
    uma: Visitor, user: Caller, resource: Resource, make_role: MakeRole
) -> None:
    page = uma.get(PATH)
    assert durations(page) == []
    make_role([user], [resource])

    news = uma.get(news_path(page))

    assert ANEW in news.text and checked(news) == [str(resource.id)]
    assert "Let yourself in" in text_of(news) and 'value="30"' in news.text


@pytest.mark.parametrize("change", ["renamed", "limited", "broken", "deleted"])
def test_every_change_of_what_can_be_opened_is_news(ada: Visitor, resource: Resource, change: str) -> None:
    page = ada.get(PATH)
    columns: dict[str, Any] = {
        "renamed": {"name": "Another name"},
        "limited": {"max_session_minutes": 20},
        "broken": {"is_active": False, "verification_error": "InvalidGroup.NotFound: gone"},
    }
    deeds: dict[str, Callable[[], object]] = {
        name: lambda name=name: Resource.update(**columns[name]).execute() for name in columns
    } | {"deleted": lambda: Resource.delete().execute()}
    with write():
        deeds[change]()

    assert ANEW in ada.get(news_path(page)).text


def test_a_credential_that_comes_changes_what_is_to_be_done_first(ada: Visitor, admin: Caller) -> None:
    page = ada.get(PATH)
    assert "Add a credential" in text_of(page)
    form = {
        "name": "AWS",
        "provider": "AWS",
        "credentialType": "ACCESS_KEY",
        "credentialData.accessKeyId": "AKIA",
        "credentialData.secretAccessKey": "secret",
    }
    assert ada.post("/credentials", form).status_code == 303

    assert "Add a resource" in text_of(ada.get(news_path(page)))
