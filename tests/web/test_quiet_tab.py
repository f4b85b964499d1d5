"""A tab that nobody looks at asks the server for nothing."""

import pytest
from playwright.sync_api import Page

from tests.web.site import Site
from tests.web.visitor import Visitor

pytestmark = pytest.mark.timeout(300)

# In the page's own time, as that in which it asks: it never waits so long for news.
LONGER = 8_000
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
    page.evaluate("(longer) => new Promise((over) => setTimeout(over, longer))", LONGER)
    assert asked == []

    with page.expect_request("**/sessions/open?*"):
        look(page, is_hidden=False)
