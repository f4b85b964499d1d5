"""The Resources page, claim by claim, without a browser."""

import re
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from api.clouds import CLOUDS
from api.credentials.models import Credential
from api.database import write
from api.resources.models import Resource
from tests.api.conftest import Caller
from tests.api.web.conftest import Visitor, text_of
from tests.api.web.resource_forms import (
    GROUP,
    MARKUP,
    credential_of,
    form_of,
    only_resource,
    path_of,
    seen,
    static_rule_of,
)
from tests.rows import fresh

pytestmark = pytest.mark.engines("sqlite")


def test_without_a_credential_the_page_says_to_add_one_first(ada: Visitor) -> None:
    page = ada.get("/resources")

    assert "Add a credential first" in text_of(page) and 'href="/credentials/new"' in page.text
    assert ada.get("/resources/new").location == "/resources"


def test_with_a_credential_the_page_says_what_a_resource_is_and_offers_to_add_one(
    ada: Visitor, credential: Credential
) -> None:
    page = ada.get("/resources")

    assert "Add your first resource" in text_of(page) and 'href="/resources/new"' in page.text


def test_the_table_tells_of_each_resource_what_and_where_it_is_and_how_it_stands(
    ada: Visitor, credential: Credential
) -> None:
    seen(credential, resource_identifier=GROUP, config={"ports": [22, 80, 443], "protocol": "udp"})

    page = ada.get("/resources")

    headings = re.findall(r"<th [^>]*>([^<]+)</th>", page.text)
    assert headings == [
        *("Name", "Identifier", "Ports", "Status", "Credential", "Actions"),
    ]
    words = f"Production gateway {GROUP} Security group, eu-central-1 22, 80 and 443 (UDP) Active AWS production AWS"
    assert words in text_of(page)


@pytest.mark.parametrize(
    ("columns", "badge", "word"),
    [
        ({}, "good", "Active"),
        ({"is_active": False, "verification_error": "InvalidGroup.NotFound: no"}, "bad", "Inactive"),
        ({"is_active": False, "verified_revision": None}, "", "Unverified"),
        ({"is_active": False, "revision": 2, "verification_error": "old"}, "", "Unverified"),
        ({"deleting_since": datetime.now(UTC)}, "warn", "Being deleted"),
    ],
)
def test_the_badge_tells_how_it_stands_in_words_and_a_colour(
    ada: Visitor, credential: Credential, columns: dict[str, Any], badge: str, word: str
) -> None:
    resource = seen(credential, **columns)

    for path in ("/resources", path_of(resource), path_of(resource, "/status"), f"/resources/news?id={resource.id}"):
        found = re.search(r'<span class="badge ?(\w*)"><svg.*?</svg>([\w ]+)</span>', ada.get(path).text)
        assert found and found.groups() == (badge, word), path


def test_why_it_is_inactive_and_what_to_do_stands_in_the_table_and_on_its_page(
    ada: Visitor, credential: Credential
) -> None:
    cloud = CLOUDS["AWS"]
    error = f"InvalidGroup.NotFound: {cloud.hints['InvalidGroup.NotFound']}"
    resource = seen(credential, is_active=False, verification_error=error, missing_permissions=["one:Permission"])

    for path in ("/resources", path_of(resource), f"/resources/news?id={resource.id}"):
        shown = text_of(ada.get(path))
        assert error in shown and cloud.remedies["InvalidGroup.NotFound"] in shown, path
    assert "one:Permission" in text_of(ada.get(path_of(resource)))


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("credential is invalid: SignatureDoesNotMatch: no", "Look at its credential, which says what to do."),
        ("SomethingNew: AWS refuses this", "Mend what the cloud names, or edit the resource; then verify again."),
    ],
)
def test_there_is_always_something_to_do(ada: Visitor, credential: Credential, error: str, told: str) -> None:
    resource = seen(credential, is_active=False, verification_error=error)

    assert told in text_of(ada.get(path_of(resource))) and told in text_of(ada.get("/resources"))


def test_that_a_resource_without_ports_opens_nothing_is_told(ada: Visitor, credential: Credential) -> None:
    resource = seen(credential, config=None)

    assert "Nobody can open it yet" in text_of(ada.get(path_of(resource)))


def test_verify_now_in_the_table_stays_there_and_tells_that_a_verdict_is_on_its_way(
    ada: Visitor, credential: Credential
) -> None:
    resource = seen(credential)
    button = f'form="verify" formaction="{path_of(resource, "/verify")}" aria-label="Verify {resource.name} now"'
    page = ada.get("/resources")
    assert button in page.text and "Being verified again" not in text_of(page)

    answer = ada.post(path_of(resource, "/verify"), {"back": "table"})

    assert (answer.status_code, answer.location) == (303, "/resources")
    for path in ("/resources", f"/resources/news?id={resource.id}"):
        assert "Active Being verified again" in text_of(ada.get(path)), path


def test_only_what_is_about_to_change_is_asked_about(ada: Visitor, credential: Credential) -> None:
    ada.post("/resources", form_of(credential))
    resource = only_resource()
    assert f"/resources/news?id={resource.id}" in ada.get("/resources").text
    assert "hx-trigger" in ada.get(path_of(resource, "/status")).text
    with write():
        verdict = {"is_active": True, "verified_revision": 1, "seen_revision": Resource.wanted_revision}
        Resource.update(**verdict).execute()

    assert "hx-trigger" not in ada.get("/resources").text
    assert "hx-trigger" not in ada.get(path_of(resource, "/status")).text
    news = ada.get(f"/resources/news?id={resource.id}")
    assert "hx-trigger" not in news.text and "Production gateway is active." in text_of(news)


def test_what_was_deleted_leaves_the_table_and_its_own_page(ada: Visitor) -> None:
    gone = uuid.uuid4()

    assert f'<tr id="row-{gone}" hx-swap-oob="delete">' in ada.get(f"/resources/news?id={gone}").text
    assert ada.get(f"/resources/{gone}/status").headers["HX-Redirect"] == "/resources"
    assert ada.get("/resources/news?id=nonsense").status_code == 200


def test_markup_in_a_name_is_text_on_every_page(ada: Visitor, admin: Caller) -> None:
    credential = credential_of(admin, "AWS", name=MARKUP)
    resource = seen(credential, name=MARKUP, is_active=False, verification_error=f"Refused: {MARKUP}")
    static_rule_of(admin, resource, MARKUP)

    own = [path_of(resource, rest) for rest in ("", "/status", "/edit", "/delete")]
    for path in ("/resources", "/resources/new", f"/resources/news?id={resource.id}", *own):
        page = ada.get(path)
        assert "<b onclick" not in page.text and "name</b>" not in page.text, path
        assert MARKUP in text_of(page), path


def every_request(resource: Resource) -> list[tuple[str, str]]:
    own = ("", "/status", "/edit", "/delete")
    return [
        *(("GET", path) for path in ("/resources", "/resources/new", f"/resources/news?id={resource.id}")),
        *(("GET", path_of(resource, rest)) for rest in own),
        *(("POST", path) for path in ("/resources", "/resources/new")),
        *(("POST", path_of(resource, rest)) for rest in ("/verify", "/choices", "/edit", "/delete")),
    ]


def test_who_administers_nothing_is_answered_as_if_nothing_were_there(
    uma: Visitor, stranger: Visitor, credential: Credential
) -> None:
    before = seen(credential)

    for method, path in every_request(before):
        answers = [who.get(path) if method == "GET" else who.post(path, form_of(credential)) for who in (uma, stranger)]
        assert [answer.status_code for answer in answers] == [404, 303], (method, path)
        assert before.name not in answers[0].text and answers[1].location.startswith("/sign-in"), (method, path)
    assert fresh(before) == before and Resource.select().count() == 1


def test_another_organisations_resource_does_not_exist(eve: Visitor, credential: Credential) -> None:
    before = seen(credential)

    for method, path in every_request(before):
        answer = eve.get(path) if method == "GET" else eve.post(path, {**form_of(credential), "look": "true"})
        assert before.name not in answer.text and credential.name not in answer.text, (method, path)
        if str(before.id) in path and not path.endswith(("/status", f"?id={before.id}")):
            assert answer.status_code == (303 if (method, path[-7:]) == ("POST", "/delete") else 404), (method, path)
    assert fresh(before).revision == before.revision and Resource.select().count() == 1
