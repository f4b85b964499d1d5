"""Swagger UI as a person meets it, in a real browser: sign in, authorise, create a credential."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page

from tests.api.published import CREATE_CREDENTIAL
from tests.served_api import EMAIL, PASSWORD
from tests.web.site import Site

# On a machine that has no browser yet, the first test waits until it is installed.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def address(site: Site) -> str:
    return site.url


@dataclass
class Visit:
    """A page, what it asked for, and what it complained of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "console",
            lambda message: self.complaints.append(message.text) if message.type in ("error", "warning") else None,
        )


@pytest.fixture(scope="module")
def visit(address: str, chromium: Browser) -> Iterator[Visit]:
    """Swagger UI, opened; what happened on the way is kept."""
    visit = Visit(chromium.new_page(viewport={"width": 1280, "height": 1000}))
    visit.watch()
    visit.page.goto(f"{address}/api/v1/docs")
    visit.page.wait_for_selector(".opblock")
    yield visit
    visit.page.context.close()


def operation(page: Page, name: str) -> Locator:
    """An operation, unfolded."""
    block = page.locator(f"#operations-{name}")
    if "is-open" not in (block.get_attribute("class") or ""):
        block.locator(".opblock-summary-control").click()
    block.locator("button.execute").wait_for()
    return block


def executed(block: Locator, body: Any = None) -> tuple[int, Any]:
    """Press Execute; the status and the JSON of the answer that is shown."""
    if body is not None:
        block.locator("textarea.body-param__text").fill(json.dumps(body))
    if (clear := block.locator("button.btn-clear")).count():
        clear.click()  # or the answer of an earlier request would be read
    block.locator("button.execute").click()
    answer = block.locator(".live-responses-table .response")
    answer.locator(".highlight-code").first.wait_for()
    status = int(answer.locator(".response-col_status").first.inner_text().split()[0])
    return status, json.loads(answer.locator(".highlight-code code").first.inner_text())


def test_everything_comes_from_the_server_itself(visit: Visit, address: str) -> None:
    hosts = {url for url in visit.requests if not url.startswith((f"{address}/", "data:", "blob:"))}

    assert hosts == set() and len(visit.requests) > 4


def test_every_operation_is_listed_with_its_summary(visit: Visit) -> None:
    summaries = visit.page.locator(".opblock-summary-description").all_inner_texts()

    assert {"Sign in", "Create credential", "Create resource", "List audit events"} <= set(summaries)


def test_a_stranger_is_refused_in_the_page(visit: Visit) -> None:
    status, answer = executed(operation(visit.page, "credentials-get_api_v1_credentials"))

    assert (status, answer["error"]) == (401, "UNAUTHORIZED")


def test_a_person_signs_in_authorises_and_creates_a_credential(visit: Visit, site: Site, tmp_path: Path) -> None:
    page = visit.page
    attempt = {"email": EMAIL, "password": PASSWORD, "organizationSlug": site.slug}
    status, login = executed(operation(page, "auth-post_api_v1_auth_login"), attempt)
    assert status == 200
    page.locator("button.authorize").first.click()
    page.locator(".auth-container input").first.fill(login["accessToken"])
    page.locator(".auth-btn-wrapper button.authorize").first.click()
    page.locator(".auth-btn-wrapper button.btn-done").first.click()

    status, created = executed(operation(page, "credentials-post_api_v1_credentials"), CREATE_CREDENTIAL["AWS"])

    page.screenshot(path=os.environ.get("SCREENSHOT", str(tmp_path / "swagger-ui.png")))
    assert status == 201 and created["name"] == CREATE_CREDENTIAL["AWS"]["name"]
    status, listed = executed(operation(page, "credentials-get_api_v1_credentials"))
    assert status == 200 and [row["id"] for row in listed] == [created["id"]]


def test_the_browser_has_nothing_to_complain_of(visit: Visit) -> None:
    """Last of all: no script failed and the content security policy forbade nothing. A 401 is what was asked for."""
    assert [told for told in visit.complaints if "status of 401" not in told] == []
