"""Lists in pages, and changes only if nobody was quicker."""

import base64
import itertools
from typing import Any

import flask
import pytest

from api.accounts.models import Organisation
from api.audit_log.models import AuditEntry
from api.conditional import check_if_match, etag
from api.database import current_time, database, delete
from api.errors import StaleObject
from api.paging import LONGEST_PAGE, Page, PageArguments, newest_first, oldest_first
from tests.rows import make_organisation


def cursor_of(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def load(**query: str) -> Page:
    page: Page = PageArguments().load(query)
    return page


def all_pages(list_one: Any, limit: int) -> list[list[Any]]:
    pages, page = [], Page(limit)
    while True:
        listing = list_one(page)
        pages.append([row.id for row in listing.rows])
        if listing.next_cursor is None:
            return pages
        page = load(limit=str(limit), cursor=listing.next_cursor)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_pages_show_each_row_once_although_all_were_made_at_once(db: str, limit: int) -> None:
    ids = [make_organisation().id for _ in range(7)]
    Organisation.update(created_at=current_time()).execute()

    oldest = all_pages(lambda page: oldest_first(Organisation.select(), page), limit)
    newest = all_pages(lambda page: newest_first(Organisation.select(), page), limit)

    in_order = list(itertools.chain.from_iterable(oldest))
    assert sorted(in_order) == sorted(ids)
    assert list(itertools.chain.from_iterable(newest)) == in_order[::-1]
    assert all(len(page) <= limit for page in oldest + newest)


def test_what_is_removed_between_two_pages_shifts_nothing(db: str) -> None:
    ids = [make_organisation().id for _ in range(5)]
    first = oldest_first(Organisation.select(), Page(2))
    database.execute_sql("DELETE FROM turns")
    delete(Organisation, Organisation.id.in_(ids[:2]))
    new = make_organisation().id

    assert first.next_cursor is not None
    rest = oldest_first(Organisation.select(), load(cursor=first.next_cursor))

    assert [row.id for row in rest.rows] == [*ids[2:], new]


def test_a_list_without_a_limit_is_whole_and_one_of_the_newest_is_not(db: str) -> None:
    for _ in range(51):
        make_organisation()

    assert len(oldest_first(Organisation.select(), Page()).rows) == 51
    assert len(newest_first(Organisation.select(), Page()).rows) == 50


def test_another_column_may_give_the_order(db: str) -> None:
    assert newest_first(AuditEntry.select(), Page(), AuditEntry.position).rows == []


def test_the_link_keeps_the_rest_of_the_query(app: flask.Flask, db: str) -> None:
    make_organisation()
    make_organisation()
    with app.test_request_context("/api/v1/things?limit=1&kind=a%26b&cursor=old"):
        listing = oldest_first(Organisation.select(), Page(1))
        link = listing.headers()["Link"]

    assert link == f'</api/v1/things?limit=1&kind=a%26b&cursor={listing.next_cursor}>; rel="next"'


# Fixed: the processes that share the tests must give them the same names.
ID = "c2d72843cf25423d8ec2f807e82b6c7a"
PLACE = f"1771417800000000:{ID}"


@pytest.mark.parametrize(
    "cursor",
    [
        "", "x", "!", "=", "é", "0", cursor_of(""), cursor_of(":"), cursor_of("1:2"), cursor_of(f"-{PLACE}"),
        cursor_of(f"0{PLACE}"), cursor_of(PLACE.upper()), cursor_of(f"{PLACE} "), cursor_of(f"{PLACE}\n"),
        cursor_of(f"9999999999999999999:{ID}"), cursor_of(f"{'9' * 5000}:{ID}"),
        cursor_of(PLACE) + "=", cursor_of(PLACE)[:-1], cursor_of(f"1' OR 1=1:{ID}"),
    ],
)  # fmt: skip
def test_a_cursor_that_is_not_ours_is_refused(client: Any, admin: Any, cursor: str) -> None:
    answer = admin.get("/users", query_string={"cursor": cursor})

    assert answer.status_code == 400
    assert answer.json["details"] == {"cursor": ["Not a cursor of this list."]}


@pytest.mark.parametrize("limit", ["0", "-1", "501", "1.0", "1e2", "x", "", " 1", "1_0", "\u0661", "9" * 5000])
def test_a_limit_that_is_no_number_in_range_is_refused(admin: Any, limit: str) -> None:
    answer = admin.get("/users", query_string={"limit": limit})

    assert answer.status_code == 400
    assert list(answer.json["details"]) == ["limit"]


def test_an_unknown_parameter_is_refused(admin: Any) -> None:
    assert admin.get("/users?page=2").status_code == 400


def test_the_longest_page_is_taken(admin: Any) -> None:
    assert admin.get(f"/users?limit={LONGEST_PAGE}").status_code == 200


@pytest.mark.parametrize("header", ['"3"', "*", '"1", "3"', '"3" , "4"'])
def test_a_revision_that_is_named_may_be_changed(app: flask.Flask, header: str) -> None:
    with app.test_request_context(headers={"If-Match": header}):
        check_if_match(3)


@pytest.mark.parametrize("header", ['"2"', 'W/"3"', '"30"', '""', "", '"2", "4"', "x"])
def test_a_revision_that_is_not_named_may_not(app: flask.Flask, header: str) -> None:
    with app.test_request_context(headers={"If-Match": header}), pytest.raises(StaleObject):
        check_if_match(3)


def test_without_a_condition_any_revision_may_be_changed(app: flask.Flask) -> None:
    with app.test_request_context():
        check_if_match(3)
    check_if_match(3)


def test_the_etag_is_made_of_the_revision() -> None:
    assert etag(3) == {"ETag": '"3"'}
