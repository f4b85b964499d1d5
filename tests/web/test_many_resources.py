"""The Sessions page for somebody who may open many things: nothing is checked unasked, and all is with one click."""

import pytest
from playwright.sync_api import expect

from tests.web.site import Site
from tests.web.visitor import Visitor

pytestmark = pytest.mark.timeout(600)

SOON = 60_000
# More than are shown without being unfolded.
MANY = 9


def test_of_a_long_list_nothing_is_checked_at_first_and_all_or_none_with_one_click(site: Site, ada: Visitor) -> None:
    credential = site.credential("AWS Production")
    for number in range(MANY):
        site.resource(f"Gateway {number}", credential["id"])
    page = ada.go("/sessions")
    last = page.get_by_label(f"Gateway {MANY - 1}")
    expect(page.locator(".choices :enabled")).to_have_count(MANY, timeout=SOON)
    page.reload()
    expect(page.locator("#choose summary")).to_have_text(f"0 of {MANY} that can be opened: choose")

    page.get_by_role("button", name="Check all or none").click()
    expect(page.locator("#choose summary")).to_have_text(f"All of {MANY} that can be opened: choose")
    ada.look("sessions-many")
    last.uncheck()
    expect(page.locator("#choose summary")).to_have_text(f"{MANY - 1} of {MANY} that can be opened: choose")
    page.get_by_role("button", name="Check all or none").click()
    expect(last).to_be_checked()
    page.get_by_role("button", name="Check all or none").click()
    expect(page.locator(".choices :checked")).to_have_count(0)
