"""The story of the Resources page, as a person lives it in a browser."""

import pytest
from playwright.sync_api import Locator, expect

from tests.clouds.aws_standin import REGION
from tests.eventually import eventually
from tests.web.site import Site
from tests.web.visitor import Visitor

# On a machine that has no browser yet, the first test waits until it is installed.
pytestmark = pytest.mark.timeout(600)

# How long a verdict may take where other tests keep both processors busy.
SOON = 60_000


def badge(visitor: Visitor, name: str) -> Locator:
    return visitor.row(name).locator(".badge")


def credential(site: Site, name: str) -> str:
    """The id of a credential that has been found valid."""
    made = site.credential(name)["id"]
    assert eventually(lambda: site.ask("GET", f"/credentials/{made}")["isValid"], SOON / 1000)
    return str(made)


def test_from_nothing_to_an_active_resource(ada: Visitor) -> None:
    """A credential first; then choose what it can see, mend what is wrong, and wait for the badge."""
    site, group = ada.site, ada.site.aws.security_group()
    page = ada.go("/resources")
    expect(page.locator("main")).to_contain_text("Add a credential first")
    ada.look("resources-no-credential")
    credential(site, "AWS production")
    page.reload()
    expect(page.locator("main")).to_contain_text("Add your first resource")
    ada.look("resources-empty")
    page.get_by_role("link", name="Add Resource").click()

    # The groups that the credential can see are there to choose from; the focus stays where it was.
    look = page.get_by_role("button", name="Show what the credential can see")
    look.click()
    expect(page.locator("#region-error")).to_have_text("Region is required for AWS credentials.")
    page.get_by_label("Region").fill(REGION)
    page.get_by_label("Name", exact=True).fill("Gateway <b>1</b>")
    look.click()
    expect(page.get_by_label("Security group")).to_have_js_property("tagName", "SELECT", timeout=SOON)
    expect(page.get_by_label("Name", exact=True)).to_have_value("Gateway <b>1</b>")
    page.get_by_label("Security group").select_option(group)
    page.get_by_label("Ports").fill("22, http")
    page.keyboard.press("Enter")

    expect(page.get_by_label("Ports")).to_be_focused()
    expect(page.locator("#config-ports-error")).to_have_text("Each port must be a whole number from 1 to 65535.")
    expect(page.get_by_label("Ports")).to_have_value("22, http")
    expect(page.get_by_label("Security group")).to_have_value(group)
    page.get_by_label("Ports").fill("22, 443")
    look.click()
    expect(page.get_by_label("Security group")).to_have_js_property("tagName", "SELECT")
    expect(page.get_by_label("Security group")).to_have_value(group)
    ada.look("resources-choose")
    page.get_by_role("button", name="Create").dblclick()

    expect(badge(ada, "Gateway <b>1</b>")).to_have_text("Active", timeout=SOON)
    expect(ada.row("Gateway <b>1</b>")).to_contain_text("22 and 443 (TCP)")
    assert len(site.ask("GET", "/resources")) == 1, "a double click does a thing once"


def test_what_is_not_there_is_told_mended_and_deleted(ada: Visitor) -> None:
    """The table says why and what to do; edited, it is verified again; its deletion names what goes with it."""
    site = ada.site
    made = credential(site, "Another AWS")
    missing = site.resource("Typed by hand", made, resourceIdentifier="sg-0123456789abcdef0")
    taken_away = site.resource("Taken away", made)
    page = ada.go("/resources")
    expect(badge(ada, "Taken away")).to_have_text("Active", timeout=SOON)
    site.aws.delete_security_group(taken_away["resourceIdentifier"])
    page.get_by_role("button", name="Verify Taken away now").click()
    expect(badge(ada, "Taken away")).to_have_text("Inactive", timeout=SOON)
    assert page.url.endswith("/resources")
    expect(badge(ada, "Typed by hand")).to_have_text("Inactive", timeout=SOON)
    expect(ada.row("Typed by hand")).to_contain_text("InvalidGroup.NotFound: Security group doesn't exist")
    expect(ada.row("Typed by hand")).to_contain_text("See in AWS which region and account the group is in")
    ada.look("resources-table")

    page.get_by_role("link", name="Typed by hand", exact=True).click()
    expect(page.locator("#status")).to_contain_text("InvalidGroup.NotFound: Security group doesn't exist")
    expect(page.locator("#status")).to_contain_text("Until then no session opens it.")
    ada.look("resource-inactive")
    page.get_by_role("link", name="Edit", exact=True).click()
    expect(page.get_by_label("Security group")).to_have_value(missing["resourceIdentifier"])
    page.get_by_label("Security group").fill("web")
    page.keyboard.press("Enter")
    expect(page.locator("#resourceIdentifier-error")).to_contain_text("must be the id of a security group")
    ada.look("resource-edit-wrong")
    page.get_by_label("Security group").fill(site.aws.security_group())
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#status .badge")).to_have_text("Active", timeout=SOON)
    expect(page.locator("#status")).not_to_contain_text("Being verified again", timeout=SOON)
    ada.look("resource-active")

    site.ask("POST", "/sessions", {"resourceIds": [missing["id"]], "durationMinutes": 30})
    page.get_by_role("link", name="Delete").click()
    expect(page.locator("main")).to_contain_text("Ada Byron, from 127.0.0.1")
    ada.look("resource-delete")
    page.get_by_role("button", name="End all that and delete").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Resources")
    expect(ada.row("Typed by hand")).to_have_count(0, timeout=SOON)


def test_one_without_ports_says_that_nobody_can_open_it(site: Site, ada: Visitor) -> None:
    made = site.resource("Without ports", credential(site, "Without ports"), config={})
    status = ada.go(f"/resources/{made['id']}").locator("#status")

    expect(status.locator(".badge")).to_have_text("Active", timeout=SOON)
    expect(status).to_contain_text("Nobody can open it yet")
    ada.look("resource-without-ports")


def test_all_of_it_works_without_scripts(site: Site, ada: Visitor) -> None:
    credential(site, "By hand")
    site.ask("POST", "/credentials", GATEWAY)
    group = site.aws.security_group()
    with ada.elsewhere(java_script_enabled=False) as visitor:
        add_and_delete(visitor, group)


def add_and_delete(visitor: Visitor, group: str) -> None:
    page = visitor.go("/resources/new")

    page.get_by_label("Name", exact=True).fill("Made without scripts")
    page.get_by_label("Credential").select_option(label="A gateway (APISIX)")
    page.get_by_role("button", name="Show this credential's fields").click()
    expect(page.get_by_label("Gateway route")).to_be_visible()
    page.get_by_label("Credential").select_option(label="By hand (AWS)")
    page.get_by_role("button", name="Show this credential's fields").click()
    page.get_by_label("Region").fill(REGION)
    page.get_by_role("button", name="Show what the credential can see").click()
    page.get_by_label("Security group").select_option(group)
    page.get_by_label("Ports").fill("8000-8100")
    page.get_by_role("button", name="Create").click()
    expect(visitor.row("Made without scripts")).to_contain_text("8000 to 8100 (TCP)")
    visitor.row("Made without scripts").get_by_role("link", name="Delete Made without scripts").click()
    page.get_by_role("button", name="Delete").click()

    expect(visitor.row("Made without scripts")).to_have_count(0)


GATEWAY = {
    "name": "A gateway",
    "provider": "APISIX",
    "credentialType": "API_KEY",
    "credentialData": {"apiUrl": "https://apisix.example.com", "apiKey": "a key for the gateway"},
}
