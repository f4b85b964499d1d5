"""The stories of the pages by the keyboard alone: what has the focus is seen at each step, and it is never lost."""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.api.published import CREATE_CREDENTIAL
from tests.clouds.aws_standin import REGION, answering
from tests.eventually import eventually
from tests.served_api import PASSWORD
from tests.web.site import Site
from tests.web.visitor import Visitor

# On a machine that has no browser yet, the first test waits until it is installed.
pytestmark = pytest.mark.timeout(600)

# How long a verdict may take where other tests keep both processors busy.
SOON = 60_000
UMA = "uma@example.com"
# More stops than any page here has.
_MANY = 80
# Whether who looks at the page sees where the focus is: an outline, and nothing before it.
_IS_SEEN = """() => {
  const one = document.activeElement, box = one.getClientRects()[0], look = getComputedStyle(one);
  if (one === document.body || !box || !one.matches(":focus-visible")) return false;
  const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  return look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 2 && one.contains(top);
}"""
_HAS_FOCUS = "(one) => one === document.activeElement"


def tab_to(target: Locator, key: str = "Tab") -> None:
    """On from where the focus is, and no step on the way is unseen."""
    page = target.page
    expect(target).to_be_visible()
    for _ in range(_MANY):
        page.keyboard.press(key)
        assert page.evaluate(_IS_SEEN), f"unseen: {page.evaluate('document.activeElement.outerHTML')[:200]}"
        if target.evaluate(_HAS_FOCUS):
            return
    raise AssertionError(f"{target} is not reached")


def press(target: Locator, key: str = "Enter") -> None:
    tab_to(target)
    target.page.keyboard.press(key)


def write(field: Locator, text: str) -> None:
    """What was in the field is selected when the focus comes, as in every browser."""
    tab_to(field)
    field.page.keyboard.type(text)


def choose(field: Locator, value: str) -> None:
    """By the arrow key, from where the field stands on; that parts of the page change meanwhile takes no focus away."""
    for _ in range(field.locator("option").count()):
        if field.input_value() == value:
            break
        field.page.keyboard.press("ArrowDown")
    expect(field).to_have_value(value)
    expect(field).to_be_focused()


def arrived(page: Page, heading: str) -> None:
    """The next page is there, and who goes on with Tab begins with its content."""
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    expect(page.locator("main")).to_be_focused()


@pytest.fixture(scope="module")
def gateway(site: Site) -> Any:
    """A security group that is open to sessions, Uma's too."""
    credential = site.credential("AWS")
    made = site.resource("Gateway", credential["id"])
    assert eventually(lambda: site.ask("GET", f"/resources/{made['id']}")["isActive"], SOON / 1000)
    role = site.ask("POST", "/roles", {"name": "On call"})
    site.ask("PUT", f"/roles/{role['id']}/users/{site.user(UMA)['id']}")
    site.ask("PUT", f"/roles/{role['id']}/resources/{made['id']}")
    return made


def test_signing_in(stranger: Visitor) -> None:
    page = stranger.go("/sign-in")
    expect(page.get_by_label("Email")).to_be_focused()
    page.keyboard.type("ada@example.com")
    write(page.get_by_label("Password"), PASSWORD)
    press(page.get_by_text("My address is in several organisations"), "Space")
    write(page.get_by_label("Organisation"), stranger.site.slug)
    press(page.get_by_role("button", name="Sign in"), "Space")

    expect(page.get_by_role("heading", level=1)).to_have_text("Sessions")
    press(page.get_by_role("button", name="Sign out"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_a_credential_is_added_renamed_verified_and_deleted(ada: Visitor) -> None:
    key = ada.site.key()
    page = ada.go("/sessions")
    press(page.get_by_role("navigation").get_by_role("link", name="Credentials"))
    press(page.get_by_role("link", name="Add Credential"))
    write(page.get_by_label("Name", exact=True), "By keyboard")
    tab_to(page.get_by_label("Provider", exact=True))
    choose(page.get_by_label("Provider", exact=True), "APISIX")
    expect(page.get_by_label("Admin API Key")).to_be_visible()
    expect(page.get_by_label("Provider", exact=True)).to_be_focused()
    page.keyboard.press("Home")
    expect(page.get_by_label("Provider", exact=True)).to_have_value("AWS")
    write(page.get_by_label("Access Key ID"), key.access_key_id)
    write(page.get_by_label("Secret Access Key"), key.secret_access_key)
    press(page.get_by_text("What it must be allowed to do"))
    tab_to(page.get_by_label("Least privilege"))  # what is longer than its box can be scrolled
    press(page.get_by_role("button", name="Create"))

    arrived(page, "Credentials")
    expect(ada.row("By keyboard").locator(".badge")).to_have_text("Valid", timeout=SOON)
    press(page.get_by_role("link", name="By keyboard", exact=True))
    press(page.get_by_role("button", name="Verify now"), "Space")
    arrived(page, "By keyboard")
    press(page.get_by_role("link", name="Rename"))
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("Renamed")
    page.keyboard.press("Enter")
    arrived(page, "Renamed")

    press(page.get_by_role("link", name="Delete", exact=True))
    press(page.get_by_role("button", name="Delete", exact=True))
    arrived(page, "Credentials")
    expect(ada.row("Renamed")).to_have_count(0)


def test_a_resource_is_chosen_added_verified_edited_and_deleted(site: Site, ada: Visitor, gateway: Any) -> None:
    site.ask("POST", "/credentials", {**CREATE_CREDENTIAL["APISIX"], "name": "API gateway"})
    group = site.aws.security_group()
    page = ada.go("/sessions")
    press(page.get_by_role("navigation").get_by_role("link", name="Resources"))
    press(page.get_by_role("link", name="Add Resource"))
    write(page.get_by_label("Name", exact=True), "By keyboard")
    credential = page.get_by_label("Credential", exact=True)
    tab_to(credential)
    there_and_back(credential)
    write(page.get_by_label("Region"), REGION)
    look = page.get_by_role("button", name="Show what the credential can see")
    press(look, "Space")
    groups = page.locator("select#resourceIdentifier")
    expect(groups).to_be_visible(timeout=SOON)
    expect(look).to_be_focused()

    # What was pressed is gone with the list that it was for: the focus is on what came instead.
    press(page.get_by_role("button", name="Type it instead"))
    expect(page.locator("input#resourceIdentifier")).to_be_visible()
    expect(page.locator("#of-object :focus")).to_have_count(1)
    press(look)
    expect(groups).to_be_visible(timeout=SOON)
    tab_to(groups, "Shift+Tab")
    choose(groups, group)
    write(page.get_by_label("Ports"), "443")
    press(page.get_by_role("button", name="Create"))
    arrived(page, "Resources")
    expect(ada.row("By keyboard").locator(".badge")).to_have_text("Active", timeout=SOON)
    verify_edit_and_delete(ada)


def there_and_back(credential: Locator) -> None:
    """To the gateway, whose fields are others, and back."""
    page = credential.page
    first = credential.input_value()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Gateway route")).to_be_visible()
    expect(credential).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_label("Security group")).to_be_visible()
    expect(credential).to_be_focused()
    expect(credential).to_have_value(first)


def verify_edit_and_delete(ada: Visitor) -> None:
    page = ada.page
    press(page.get_by_role("button", name="Verify By keyboard now"), "Space")
    arrived(page, "Resources")
    press(page.get_by_role("link", name="Edit By keyboard"))
    write(page.get_by_label("Name", exact=True), "Edited by keyboard")
    write(page.get_by_label("Ports"), "22, 443")

    # While the verdict is awaited the part around the link is replaced, and when it comes: the next link has the focus.
    behind = page.locator("#status").get_by_role("link", name="AWS")
    with ada.site.aws.failing(answering(503, "ServiceUnavailable")):
        press(page.get_by_role("button", name="Save"))
        arrived(page, "Edited by keyboard")
        expect(page.locator("#status")).to_contain_text("22 and 443 (TCP)")
        expect(page.locator("#status")).to_contain_text("Being verified again")
        tab_to(behind)
    expect(page.locator("#status")).not_to_contain_text("Being verified again", timeout=SOON)
    expect(behind).to_be_focused()
    press(page.get_by_role("link", name="Delete", exact=True))
    press(page.get_by_role("button", name="Delete", exact=True), "Space")
    arrived(page, "Resources")
    expect(ada.row("Edited by keyboard")).to_have_count(0)


def test_a_session_is_started_extended_and_stopped(site: Site, ada: Visitor, gateway: Any) -> None:
    page = ada.go("/sessions")
    tab_to(page.get_by_label("Gateway", exact=True))
    page.keyboard.press("Space")
    expect(page.get_by_label("Gateway", exact=True)).not_to_be_checked()
    page.keyboard.press("Space")
    write(page.get_by_label("Reason"), "By keyboard")
    press(page.get_by_role("button", name="30 min"))
    arrived(page, "Sessions")
    row = ada.row("By keyboard")
    expect(row.locator(".badge")).to_have_text("Open", timeout=SOON)

    press(page.get_by_text("Extend your session"))
    longer = row.get_by_role("button", name="+1 h", exact=True)
    tab_to(longer)
    site.ask("POST", "/sessions", {"durationMinutes": 30}, UMA)
    others = page.get_by_role("button", name="Stop the session of Uma Keller")
    expect(others).to_be_visible(timeout=SOON)
    expect(longer).to_be_focused()  # although the whole table is another one since
    page.keyboard.press("Enter")
    arrived(page, "Sessions")
    expect(row.get_by_role("timer")).to_have_text(re.compile(r"1:\d\d:\d\d"))

    # What has the focus ends by itself: who goes on with Tab goes on in the content.
    tab_to(others)
    [session] = [one for one in site.ask("GET", "/sessions") if one["userEmail"] == UMA]
    site.ask("POST", f"/sessions/{session['id']}/stop")
    expect(others).to_have_count(0, timeout=SOON)
    expect(page.locator("main")).to_be_focused()
    press(page.get_by_role("button", name="Stop your session"), "Space")
    arrived(page, "Sessions")
    expect(row).to_have_count(0, timeout=SOON)
