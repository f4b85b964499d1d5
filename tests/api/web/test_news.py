"""What the tables ask for while something in them is about to change: little, and answered only where it has."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from api.accounts.models import Organisation
from api.credentials.models import Credential
from api.database import current_time, write
from api.resources.models import Resource
from tests.api.conftest import Caller
from tests.api.web.conftest import Visitor, text_of
from tests.proof.statements import heard
from tests.rows import make_credential, make_resource

pytestmark = pytest.mark.engines("sqlite")

TABLES = ("/credentials", "/resources")
# As many as one question is about.
AT_ONCE = 20


def fill(admin: Caller, path: str, rows: int) -> None:
    """Rows that nobody has verified yet."""
    organisation = Organisation.get_by_id(admin.user.organisation_id)
    with write():
        first = None if path == "/credentials" else make_credential(organisation, is_valid=True)
        for _ in range(rows):
            if first is None:
                make_credential(organisation, is_valid=None)
            else:
                make_resource(first)


def decide(path: str, *which: Any, **columns: Any) -> None:
    """Have a verdict about rows, or about all."""
    model = Credential if path == "/credentials" else Resource
    good = {"is_valid": True} if path == "/credentials" else {"is_active": True, "verified_revision": model.revision}
    seen = {"seen_revision": model.wanted_revision, "updated_at": current_time(), **good, **columns}
    with write():
        query = model.update(**seen)
        (query.where(*which) if which else query).execute()


def question_in(page: Any) -> str | None:
    """What a page asks for by itself."""
    found = re.search(r'hx-get="([^"]+)" hx-trigger="every', page.text)
    return found[1].replace("&amp;", "&") if found else None


def asked(page: Any) -> str:
    question = question_in(page)
    assert question
    return question


@pytest.mark.parametrize("path", TABLES)
def test_what_has_not_changed_is_not_sent_again(ada: Visitor, admin: Caller, path: str) -> None:
    fill(admin, path, 3)
    page = ada.get(path)
    assert (ada.get(asked(page)).status_code, ada.get(asked(page)).text) == (204, "")
    model = Credential if path == "/credentials" else Resource
    first = model.select().where(model.seen_revision < model.wanted_revision).first()

    decide(path, model.id == first.id)

    news = ada.get(asked(page))
    assert news.status_code == 200 and f'id="status-{first.id}"' in news.text and first.name in text_of(news)
    assert str(first.id) not in asked(news), "it is decided"
    assert ada.get(asked(news)).status_code == 204


@pytest.mark.parametrize("change", ["verified again", "deleted", "being deleted", "renamed"])
@pytest.mark.parametrize("path", TABLES)
def test_every_change_is_news(ada: Visitor, admin: Caller, path: str, change: str) -> None:
    fill(admin, path, 1)
    page = ada.get(path)
    row: Any = (Credential if path == "/credentials" else Resource).select().order_by("created_at")[-1]
    own = ada.get(f"{path}/{row.id}")
    deeds: dict[str, Callable[[], object]] = {
        "verified again": lambda: ada.post(f"{path}/{row.id}/verify"),
        "deleted": lambda: ada.post(f"{path}/{row.id}/delete"),
        "being deleted": lambda: decide(path, deleting_since=current_time()),
        "renamed": lambda: rename(ada, f"{path}/{row.id}", row.revision),
    }
    assert [ada.get(asked(one)).status_code for one in (page, own)] == [204, 204]

    deeds[change]()

    assert [ada.get(asked(one)).status_code for one in (page, own)] == [200, 200]


def rename(visitor: Visitor, own: str, revision: int) -> None:
    form = {"name": "Another name"}
    is_resource = own.startswith("/resources")
    answer = (
        visitor.post(f"{own}/edit", {**form, "revision": str(revision)})
        if is_resource
        else visitor.post(f"{own}/name", form)
    )
    assert answer.status_code == 303


@pytest.mark.parametrize("path", TABLES)
def test_news_are_of_what_is_asked_about_and_ones_own(ada: Visitor, eve: Visitor, admin: Caller, path: str) -> None:
    fill(admin, path, 2)
    model: Any = Credential if path == "/credentials" else Resource
    first, other = model.select().order_by(model.created_at.desc()).limit(2)

    mine, theirs = (visitor.get(f"{path}/news?id={first.id}").text for visitor in (ada, eve))

    assert f'id="status-{first.id}"' in mine and f"status-{other.id}" not in mine
    assert f"status-{first.id}" not in theirs


@pytest.mark.parametrize("path", TABLES)
def test_a_question_is_the_same_number_of_statements_however_many_it_is_about(
    ada: Visitor, admin: Caller, path: str
) -> None:
    fill(admin, path, 1)
    few_asked = asked(ada.get(path))
    fill(admin, path, AT_ONCE)
    many_asked = asked(ada.get(path))
    assert many_asked.count("id=") == AT_ONCE

    with heard() as few:
        ada.get(few_asked)
    with heard() as many:
        ada.get(many_asked)

    assert len(few) == len(many) == 2, "who asks, and what has become of it"


@pytest.mark.parametrize("path", TABLES)
def test_a_table_in_which_more_waits_than_is_asked_about_goes_on_to_the_next_few(
    ada: Visitor, admin: Caller, path: str
) -> None:
    fill(admin, path, AT_ONCE + 2)
    page = ada.get(path)
    model = Credential if path == "/credentials" else Resource
    ids = re.findall(r"[?&]id=([^&]+)", asked(page))

    decide(path, model.id == ids[0])
    news = ada.get(asked(page))
    assert "HX-Refresh" not in news.headers
    decide(path, model.id.in_(ids))

    assert ada.get(asked(news)).headers["HX-Refresh"] == "true"
    rest = ada.get(path)
    assert len(re.findall("[?&]id=", asked(rest))) == 2
    decide(path)
    news = ada.get(asked(rest))
    assert "HX-Refresh" not in news.headers and question_in(news) is None
