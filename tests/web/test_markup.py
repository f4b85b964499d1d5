"""HTML in a name stays text: in every page and its title, in the sidebar, in warnings and in what is read aloud."""

from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.clouds.aws_standin import REGION
from tests.eventually import eventually
from tests.web.site import Running, Site
from tests.web.visitor import Visitor

# On a machine that has no browser yet, the first test waits until it is installed.
pytestmark = pytest.mark.timeout(600)

# How long a verdict may take where other tests keep both processors busy.
SOON = 60_000
MARKUP = "</title><b data-planted>&amp;&lt;i&gt;\"'</b><img src=x data-planted onerror=alert(1)> {{7*7}} ${1}"
# Of what may stand in an address, what a browser would take for other letters.
UMA = "uma&lt&copy'{7*7}@example.com"


def named(what: str) -> str:
    """A name that would show itself in every way that a page could take it for more than text."""
    return f"{what}{MARKUP}"


@pytest.fixture(scope="module")
def site(running: Running) -> Site:
    """An organisation whose own name is one of them, and so are its people's and all that they have made."""
    site = running.organisation(named("Organisation"))
    [ada] = site.ask("GET", "/users")
    site.ask("PATCH", f"/users/{ada['id']}", {"name": named("Ada")})
    site.user(UMA, named("Uma"))
    return site


@dataclass(frozen=True)
class Made:
    """The ids of what was made."""

    credential: str
    resource: str
    group: str


@pytest.fixture(scope="module")
def made(site: Site) -> Made:
    """What can be opened and is, by both; what was; and what cannot."""
    credential = site.credential(named("Credential"))["id"]
    resource = site.resource(named("Resource"), credential)
    site.resource(named("Broken"), credential, resourceIdentifier="sg-0123456789abcdef0")
    assert eventually(lambda: site.ask("GET", f"/resources/{resource['id']}")["isActive"], SOON / 1000)
    role = site.ask("POST", "/roles", {"name": named("Role"), "description": named("Role")})
    [uma] = [user for user in site.ask("GET", "/users") if user["email"] == UMA]
    site.ask("PUT", f"/roles/{role['id']}/users/{uma['id']}")
    site.ask("PUT", f"/roles/{role['id']}/resources/{resource['id']}")
    ended = site.ask("POST", "/sessions", {"durationMinutes": 30, "reason": named("Over")})
    site.ask("POST", f"/sessions/{ended['id']}/stop")
    site.ask("POST", "/sessions", {"durationMinutes": 30, "reason": named("Reason")}, UMA)
    rule = {"label": named("Rule"), "ipAddress": "198.51.100.7", "resourceIds": [resource["id"]]}
    site.ask("POST", "/static-ip-rules", rule)
    return Made(credential, resource["id"], resource["resourceIdentifier"])


def as_text(page: Page) -> None:
    """Nothing on the page, nor in its head, came from a name. Was a script run, the browser complained."""
    assert page.locator("[data-planted]").count() == 0, page.url
    told = page.locator("html").evaluate("(one) => one.innerText")
    assert "49 $" not in told and "&amp;amp;" not in told, page.url


def shows(page: Page, *whats: str, title: str | None = None) -> None:
    """The names are in the content as they were typed, Ada's is in the sidebar, and perhaps one in the title."""
    for what in whats:
        expect(page.locator("main")).to_contain_text(named(what))
    expect(page.locator(".who strong")).to_have_text(named("Ada"))
    assert title is None or page.title() == title.format(named("Credential"), named("Resource")) + " · EntryGuard"
    as_text(page)


def test_on_the_pages_of_credentials(ada: Visitor, made: Made) -> None:
    own = f"/credentials/{made.credential}"
    page = ada.go("/credentials")
    shows(page, "Credential", title="Credentials")
    delete = page.get_by_role("link", name=f"Delete {named('Credential')}", exact=True)
    expect(delete).to_be_visible()
    shows(ada.go(own), "Credential", title="{0}")
    shows(ada.go(f"{own}/secret"), "Credential", title="Replace the secret of {0}")
    shows(ada.go(f"{own}/name"), "Credential", title="Rename {0}")
    expect(page.get_by_label("Name", exact=True)).to_have_value(named("Credential"))
    going = ("Credential", "Resource", "Broken", "Uma", "Rule")
    shows(ada.go(f"{own}/delete"), *going, title="Delete {0}")


def test_on_the_pages_of_resources(ada: Visitor, made: Made) -> None:
    own = f"/resources/{made.resource}"
    page = ada.go("/resources")
    shows(page, "Credential", "Resource", "Broken", title="Resources")
    for deed in ("Edit {}", "Delete {}"):
        expect(page.get_by_role("link", name=deed.format(named("Resource")), exact=True)).to_be_visible()
    expect(page.get_by_role("button", name=f"Verify {named('Resource')} now", exact=True)).to_be_visible()
    shows(ada.go(own), "Credential", "Resource", title="{1}")
    shows(ada.go(f"{own}/edit"), "Credential", "Resource", title="Edit {1}")
    expect(page.get_by_label("Name", exact=True)).to_have_value(named("Resource"))
    shows(ada.go(f"{own}/delete"), "Resource", "Uma", "Rule", title="Delete {1}")


def test_on_the_pages_of_sessions(site: Site, ada: Visitor, made: Made) -> None:
    page = ada.go("/sessions")
    shows(page, "Uma", "Reason", "Resource", "Broken", title="Sessions")
    expect(page.get_by_role("button", name=f"Stop the session of {named('Uma')}", exact=True)).to_be_visible()
    expect(page.get_by_role("checkbox", name=named("Resource"), exact=True)).to_be_checked()
    shows(ada.go("/sessions/history"), "Ada", "Over", "Resource", title="Sessions that have ended")

    # What comes by itself while somebody looks: into the table, and to who cannot see.
    page = ada.go("/sessions")
    site.ask("POST", "/sessions", {"durationMinutes": 30, "reason": named("Mine")})
    expect(page.locator("#said")).to_contain_text(f"{named('Resource')}: open.", timeout=SOON)
    shows(page, "Mine", "Resource")


def test_in_what_comes_by_itself_and_in_what_is_refused(site: Site, ada: Visitor, made: Made) -> None:
    page = ada.go(f"/credentials/{made.credential}")
    page.get_by_role("button", name="Verify now").click()
    page.get_by_role("link", name="Credentials", exact=True).last.click()
    shows(page, "Credential")
    fresh = site.credential(named("Fresh"))["id"]
    page.reload()
    expect(ada.row("Fresh").locator(".badge")).to_have_text("Valid", timeout=SOON)
    shows(page, "Fresh")
    site.resource(named("Behind it"), fresh)
    page = ada.go(f"/credentials/{fresh}/delete")
    shows(page, "Fresh", "Behind it")


def test_in_what_was_typed_and_is_asked_for_again(ada: Visitor, made: Made) -> None:
    group = ada.site.aws.security_group("<b data-planted>group</b>")
    page = ada.go("/resources/new")
    fields = [page.locator(f'[name="{name}"]') for name in ("name", "region", "resourceIdentifier", "config.ports")]
    for field in fields:
        field.fill(named("Typed"))
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("alert").filter(visible=True)).to_contain_text("needs a change")
    for field in fields:
        expect(field).to_have_value(named("Typed"))
    as_text(page)

    # What the cloud calls its groups is nobody's promise either.
    page.get_by_label("Region").fill(REGION)
    page.get_by_role("button", name="Show what the credential can see").click()
    expect(page.locator(f"select#resourceIdentifier option[value={group}]")).to_contain_text(
        "<b data-planted>group</b>", timeout=SOON
    )
    as_text(page)


def test_where_nobody_is_signed_in(stranger: Visitor) -> None:
    page = stranger.go("/sign-in")
    page.get_by_label("Email").fill(UMA)
    page.get_by_label("Password").fill(named("Password"))
    page.get_by_text("My address is in several organisations").click()
    page.get_by_label("Organisation").fill(named("Slug"))
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("alert").filter(visible=True)).to_be_visible()
    expect(page.get_by_label("Organisation")).to_have_value(named("Slug"))
    as_text(page)


def test_for_who_may_not_open_everything(stranger: Visitor, made: Any) -> None:
    stranger.sign_in(UMA)
    page = stranger.page
    expect(page.locator("main")).to_contain_text(named("Reason"))
    expect(page.locator(".who strong")).to_have_text(named("Uma"))
    expect(page.locator(".who")).to_contain_text(UMA)
    as_text(page)
    as_text(stranger.go("/nowhere/<b data-planted>"))
