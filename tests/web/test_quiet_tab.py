"""A tab that nobody looks at asks the server for nothing."""

import pytest
from playwright.sync_api import Page

from tests.web.site import Site
from tests.web.visitor import Visitor

pytestmark = pytest.mark.timeout(300)

# In seconds: longer than the Sessions page ever waits before it asks for news.
LONGER = 8
SOON = 60_000
_LOOKED_AT = """(isHidden) => {
  Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def look(page: Page, *, is_hidden: bool) -> None:
    page.evaluate(_LOOKED_AT, is_hidden)


def test_a_hidden_tab_asks_for_no_news_and_a_tab_that_is_looked_at_again_does_at_once(site: Site, ada: Visitor) -> None:
    page = ada.go("/sessions")
    with page.expect_request("**/sessions/open?*"):
        pass  # it does, as long as somebody looks
    asked: list[str] = []
    look(page, is_hidden=True)
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_function(f"performance.now() > {page.evaluate('performance.now()') + LONGER * 1000}", timeout=SOON)
    assert asked == []

    with page.expect_request("**/sessions/open?*"):
        look(page, is_hidden=False)
