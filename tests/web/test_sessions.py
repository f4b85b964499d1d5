"""The Sessions page as a person meets it in a browser: from signing in to an open door in two clicks, and back."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.eventually import eventually
from tests.served_api import PASSWORD
from tests.web.site import Site
from tests.web.visitor import Visitor

pytestmark = pytest.mark.timeout(600)

# How long a worker may take where other tests keep both processors busy.
SOON = 60_000
UMA = "uma@example.com"


@pytest.fixture(scope="module")
def gateway(site: Site) -> Any:
    """A security group that can be opened, by Uma too, for two hours."""
    made = site.resource("Gateway", site.credential("AWS Production")["id"])
    assert eventually(lambda: site.ask("GET", f"/resources/{made['id']}")["isActive"], SOON / 1000)
    role = site.ask("POST", "/roles", {"name": "On call", "maxSessionDurationHours": 2})
    site.ask("PUT", f"/roles/{role['id']}/users/{site.user(UMA)['id']}")
    site.ask("PUT", f"/roles/{role['id']}/resources/{made['id']}")
    return made


@pytest.fixture(autouse=True)
def _nothing_is_left_open(site: Site) -> Any:
    yield
    for session in site.ask("GET", "/sessions"):
        if session["endedAt"] is None:
            site.ask("POST", f"/sessions/{session['id']}/stop")


def let_in(site: Site, group: str) -> list[str]:
    """The addresses that the security group lets in."""
    found = site.aws.ec2().describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    return [address["CidrIp"] for rule in found for address in rule["IpRanges"]]


def badge(row: Locator) -> Locator:
    return row.locator(".badge")


def seconds_left(row: Locator) -> int:
    hours, minutes, seconds = row.locator(".left").inner_text().split(":")
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds)


def test_where_nothing_is_yet_the_page_leads_to_the_first_step(ada: Visitor) -> None:
    page = ada.go("/sessions")
    expect(page.locator("main")).to_contain_text("A session lets your address, and nobody else's, through")
    ada.look("sessions-nothing-yet")
    page.get_by_role("link", name="History").click()
    expect(page.locator("main")).to_contain_text("Nothing has ended yet")
    ada.look("sessions-history-empty")
    page.get_by_role("link", name="Sessions").last.click()

    page.get_by_role("link", name="Add Credential").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Add Credential")


def test_from_signing_in_to_an_open_door_in_two_clicks_and_to_a_closed_one(
    site: Site, stranger: Visitor, gateway: Any
) -> None:
    group = gateway["resourceIdentifier"]
    page = stranger.go("/")
    page.get_by_label("Email").fill(UMA)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_text("My address is in several organisations").click()
    page.get_by_label("Organisation").fill(site.slug)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("main")).to_contain_text("You are seen at 127.0.0.1")
    expect(page.locator(".durations button:visible")).to_have_text(["30 min", "1 h", "2 h"])
    page.get_by_role("button", name="1 h", exact=True).dblclick()

    # It opens by itself: the rule is there, and nobody has reloaded anything.
    row = stranger.row("Gateway")
    expect(row).to_have_count(1)
    expect(badge(row)).to_have_text("Open", timeout=SOON)
    assert let_in(site, group) == ["127.0.0.1/32"]
    assert len(site.ask("GET", "/sessions")) == 1, "a double click opens once"
    expect(page.locator("#said")).to_contain_text("Gateway: open.")

    first = seconds_left(row)
    assert 0 < first <= 3600
    assert eventually(lambda: seconds_left(row) < first, 10), "the script counts on"
    page.get_by_text("Extend your session").click()
    stranger.look("sessions-open")
    page.get_by_role("button", name="+30 min").click()
    assert eventually(lambda: seconds_left(row) > 3600, 20)

    page.get_by_role("button", name="Stop your session").click()
    expect(row).to_have_count(0, timeout=SOON)
    assert let_in(site, group) == []
    page.get_by_role("link", name="History").click()
    expect(stranger.row("Gateway")).to_contain_text("It was stopped")
    stranger.look("sessions-history")


def test_the_form_follows_what_can_be_opened_and_keeps_what_was_typed(site: Site, ada: Visitor, gateway: Any) -> None:
    page = ada.go("/sessions")
    page.get_by_label("Gateway", exact=True).uncheck()
    page.get_by_label("Reason").press_sequentially("Half a rea")

    added = site.resource("Added meanwhile", gateway["credentialId"], maxSessionMinutes=50)
    later = page.get_by_label("Added meanwhile")
    expect(later).to_be_enabled(timeout=SOON)

    expect(page.get_by_label("Reason")).to_have_value("Half a rea")
    expect(page.get_by_label("Reason")).to_be_focused()
    page.keyboard.type("son")
    expect(page.get_by_label("Gateway", exact=True)).not_to_be_checked()
    expect(later).not_to_be_checked()
    later.check()
    expect(page.get_by_role("button", name="50 min")).to_be_visible()
    page.get_by_role("button", name="50 min").click()
    expect(ada.row("Half a reason").locator(".badge")).to_have_text("Open", timeout=SOON)
    assert let_in(site, added["resourceIdentifier"]) == ["127.0.0.1/32"]
    site.ask("DELETE", f"/resources/{added['id']}?force=true")


def test_what_cannot_be_opened_and_what_failed_say_why(site: Site, ada: Visitor, gateway: Any) -> None:
    missing = {"resourceIdentifier": "sg-0123456789abcdef0", "maxSessionMinutes": 45}
    broken = site.resource("Broken <b>gateway</b>", gateway["credentialId"], **missing)
    assert eventually(lambda: bool(site.ask("GET", f"/resources/{broken['id']}")["verificationError"]), SOON / 1000)
    short = site.resource("Short", gateway["credentialId"], maxSessionMinutes=45)
    assert eventually(lambda: site.ask("GET", f"/resources/{short['id']}")["isActive"], SOON / 1000)

    page = ada.go("/sessions")
    expect(page.get_by_label("Broken <b>gateway</b>")).to_be_disabled()
    expect(page.locator(".choices")).to_contain_text("InvalidGroup.NotFound")
    buttons = page.locator(".durations button:visible")
    for name in ("Gateway", "Short"):
        page.get_by_label(name, exact=True).check()
    expect(buttons).to_have_text(["30 min", "45 min"])
    page.get_by_label("Short").uncheck()
    expect(buttons).to_have_text(["30 min", "1 h", "2 h", "4 h", "8 h", "24 h"])
    page.get_by_label("Gateway", exact=True).uncheck()
    page.get_by_label("Reason").fill("TICKET-421")
    page.get_by_role("button", name="30 min").click()
    expect(page.get_by_role("alert").filter(visible=True)).to_contain_text("what is marked below needs a change")
    expect(page.locator("#resourceIds-error")).to_have_text("Choose at least one.")
    expect(page.get_by_label("Reason")).to_have_value("TICKET-421")
    page.get_by_text("Let in another address").click()
    ada.look("sessions-wrong")

    # As the command would: with all that there is. And somebody else's beside it.
    site.ask("POST", "/sessions", {"durationMinutes": 30, "reason": "TICKET-421"})
    site.ask("POST", "/sessions", {"durationMinutes": 30}, UMA)
    expect(ada.row("TICKET-421")).to_contain_text("InvalidGroup.NotFound", timeout=SOON)
    expect(badge(ada.row("TICKET-421"))).to_have_text("Partly open", timeout=SOON)
    expect(badge(ada.row("Uma Keller"))).to_have_text("Open", timeout=SOON)
    page.reload()
    ada.look("sessions-everybodys")

    page.get_by_role("button", name="Stop the session of Uma Keller").click()
    expect(ada.row("Uma Keller")).to_have_count(0, timeout=SOON)
    expect(ada.row("TICKET-421")).to_have_count(1)


def test_times_are_told_as_the_readers_clock_has_them(site: Site, ada: Visitor, gateway: Any) -> None:
    """And where no script runs, in UTC."""
    made = site.ask("GET", f"/credentials/{gateway['credentialId']}")["createdAt"]
    zones = {"Asia/Kolkata": timezone(timedelta(hours=5, minutes=30), "GMT+5:30"), "UTC": UTC}
    for name, zone in zones.items():
        with ada.elsewhere(timezone_id=name) as there:
            told = there.go(f"/credentials/{gateway['credentialId']}").locator("time").first
            expect(told).to_have_text(f"{datetime.fromisoformat(made).astimezone(zone):%-d %b %Y, %H:%M %Z}")
            expect(told).to_have_attribute("title", f"{datetime.fromisoformat(made):%Y-%m-%d %H:%M} UTC")
    with ada.elsewhere(timezone_id="Asia/Kolkata", java_script_enabled=False) as there:
        told = there.go(f"/credentials/{gateway['credentialId']}").locator("time").first
        expect(told).to_have_text(f"{datetime.fromisoformat(made):%-d %b %Y, %H:%M} UTC")


def test_a_lost_connection_is_said_and_the_very_button_is_sent_again(site: Site, ada: Visitor, gateway: Any) -> None:
    page = ada.go("/sessions")
    page.get_by_label("Reason").fill("Sent into the void")

    ada.context.set_offline(True)
    page.get_by_role("button", name="30 min").click()
    expect(page.locator("#lost")).to_be_visible()
    ada.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()

    expect(ada.row("Sent into the void")).to_have_count(1)
    expect(page.locator("#lost")).to_be_hidden()
    assert 0 < seconds_left(ada.row("Sent into the void")) <= 1800
    expected = ("ERR_INTERNET_DISCONNECTED", "htmx:")
    ada.complaints[:] = [told for told in ada.complaints if not any(word in told for word in expected)]


def test_all_of_it_works_without_scripts_and_by_the_keyboard(site: Site, ada: Visitor, gateway: Any) -> None:
    with ada.elsewhere(java_script_enabled=False) as visitor:
        open_and_stop(visitor)


def open_and_stop(visitor: Visitor) -> None:
    page = visitor.go("/sessions")
    page.get_by_label("Short").uncheck()
    page.get_by_label("Reason").fill("By hand")
    page.get_by_role("button", name="1 h", exact=True).focus()
    page.keyboard.press("Enter")
    expect(visitor.row("By hand").get_by_role("timer")).to_have_text(re.compile("0:59:..|1:00:00"))
    page.get_by_text("Extend your session").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="+2 h").click()
    expect(visitor.row("By hand").get_by_role("timer")).to_have_text(re.compile("2:59:..|3:00:00"))
    page.get_by_role("button", name="Stop your session").click()
    expect(page.get_by_role("button", name="Stop your session")).to_have_count(0)
