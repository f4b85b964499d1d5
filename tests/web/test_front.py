"""The frame as a person meets it: signing in and out, the sidebar, the keyboard, a lost connection."""

import pytest
from playwright.sync_api import expect

from tests.served_api import EMAIL
from tests.web.site import Site
from tests.web.visitor import Visitor

# On a machine that has no browser yet, the first test waits until it is installed.
pytestmark = pytest.mark.timeout(600)


def test_a_person_signs_in_looks_around_and_signs_out(stranger: Visitor) -> None:
    page = stranger.go("/credentials")
    expect(page.get_by_label("Email")).to_be_focused()
    stranger.look("sign-in")

    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill("not my password")
    page.get_by_text("My address is in several organisations").click()
    page.get_by_label("Organisation").fill(stranger.site.slug)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The email or the password is wrong")
    expect(page.get_by_label("Organisation")).to_have_value(stranger.site.slug)
    stranger.look("sign-in-wrong")
    stranger.sign_in()

    for label in ("Resources", "Credentials", "Sessions"):
        page.get_by_role("navigation").get_by_role("link", name=label).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(label)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_who_administers_nothing_sees_no_admin_page(site: Site, stranger: Visitor) -> None:
    """Admin Only: this page is only visible to organization administrators."""
    site.user("uma@example.com")
    stranger.sign_in("uma@example.com")

    expect(stranger.page.locator("main")).to_contain_text("There is nothing that you may open yet")
    stranger.look("sessions-nothing-for-me")
    expect(stranger.page.get_by_role("navigation")).not_to_contain_text("Credentials")
    page = stranger.go("/credentials")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")
    stranger.look("nothing-here")
    expect(stranger.go("/credentialz").get_by_role("heading", level=1)).to_have_text("There is nothing here")


def test_long_names_break_no_page(site: Site, ada: Visitor) -> None:
    """Without a space in them, as people write identifiers."""
    name = "production-" * 23
    credential = site.credential(name)
    resource = site.resource(name, credential["id"], resourceIdentifier="sg-" + "0" * 17)
    site.ask("POST", "/sessions", {"resourceIds": [resource["id"]], "durationMinutes": 30, "reason": name})

    own = [f"/credentials/{credential['id']}", f"/resources/{resource['id']}"]
    for path in ("/sessions", "/credentials", "/resources", *own, *(f"{one}/delete" for one in own)):
        page = ada.go(path)
        expect(page.locator("main")).to_contain_text(name)
        assert ada.wider() == [], path


def test_the_first_key_press_leads_past_the_sidebar(ada: Visitor) -> None:
    page = ada.go("/credentials")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.locator("main")).to_be_focused()


def test_a_first_visit_is_light(ada: Visitor) -> None:
    ada.go("/credentials")
    sizes = {answer.url: answer.request.sizes() for answer in ada.answers}
    sent = {url: size["responseBodySize"] + size["responseHeadersSize"] for url, size in sizes.items()}

    scripts = sum(size for url, size in sent.items() if url.endswith(".js"))
    assert scripts < 30_000 and sum(sent.values()) < 100_000, sent
    assert all(url.startswith(ada.site.url) for url in sent)
