"""What the published page about credentials advises, as a person follows it: with care, and when it went wrong."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.clouds.aws_standin import Fault, Key, answering
from tests.eventually import eventually
from tests.web.site import Site
from tests.web.visitor import Visitor

# On a machine that has no browser yet, the first test waits until it is installed.
pytestmark = pytest.mark.timeout(600)

# How long a verdict may take where other tests keep both processors busy.
SOON = 60_000
NO_ANSWER = answering(503, "ServiceUnavailable")


def badge(visitor: Visitor, name: str) -> Locator:
    return visitor.row(name).locator(".badge")


def create(page: Page, name: str, key: Key) -> None:
    page.get_by_role("link", name="Add Credential").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Access Key ID").fill(key.access_key_id)
    page.get_by_label("Secret Access Key").fill(key.secret_access_key)
    page.get_by_role("button", name="Create").click()


def verify(page: Page, verdict: str) -> Locator:
    """Press the button and wait for the verdict; where it stands."""
    status = page.locator("#status")
    page.get_by_role("button", name="Verify now").click()
    expect(page.locator("main")).to_be_focused()  # the answer is there, with the verdict before or the next one
    expect(status.locator(".badge")).to_have_text(verdict, timeout=SOON)
    expect(status).not_to_contain_text("Being verified again", timeout=SOON)
    return status


def active(site: Site, name: str, credential_id: str) -> Any:
    """A resource that can be opened."""
    made = site.resource(name, credential_id)
    assert eventually(lambda: site.ask("GET", f"/resources/{made['id']}")["isActive"], SOON / 1000)
    return made


def test_the_table_has_the_published_columns(ada: Visitor) -> None:
    made = ada.site.credential("Columns")
    page = ada.go("/credentials")
    expect(badge(ada, "Columns")).to_have_text("Valid", timeout=SOON)

    headers = page.get_by_role("columnheader")
    expect(headers).to_have_text(["Name", "Provider", "Type", "Status", "Created", "Actions"])
    cells = ada.row("Columns").get_by_role("cell")
    moment = re.compile(r"^\d+ \w+ \d{4}, \d\d:\d\d")
    expect(cells).to_have_text(["Columns", "AWS", "ACCESS_KEY", "Valid", moment, ""])
    expect(cells.locator("time")).to_have_attribute("datetime", made["createdAt"])
    expect(cells.last.get_by_role("link", name="Delete Columns").locator("svg")).to_be_visible()


def test_a_secret_is_never_seen_again_once_it_is_created(ada: Visitor) -> None:
    key = ada.site.key()
    create(ada.go("/credentials"), "Hidden", key)
    expect(badge(ada, "Hidden")).to_have_text("Valid", timeout=SOON)
    [made] = [one for one in ada.site.ask("GET", "/credentials") if one["name"] == "Hidden"]

    own = f"/credentials/{made['id']}"
    for path in ("/credentials", own, f"{own}/secret", f"{own}/name", f"{own}/delete", "/credentials/new"):
        page = ada.go(path)
        expect(page.locator("main")).to_be_visible()
        assert ada.leaks() == [] and ada.context.request.get(page.url).ok
        assert key.secret_access_key not in ada.context.request.get(page.url).text()
    for path in ("/credentials", own, f"{own}/policy", "/audit-logs"):
        assert key.secret_access_key not in json.dumps(ada.site.ask("GET", path))


def test_the_policy_on_the_page_is_all_that_a_new_user_needs(ada: Visitor) -> None:
    """Minimum permissions: first what the form shows, then, where a resource is behind it, what its own page shows."""
    site, page = ada.site, ada.go("/credentials/new")
    page.get_by_text("What it must be allowed to do").click()
    key = site.aws.user(json.loads(page.locator("#policy").inner_text()))
    site.secrets.append(key.secret_access_key)
    ada.go("/credentials")
    create(page, "Least", key)
    expect(badge(ada, "Least")).to_have_text("Valid", timeout=SOON)
    [made] = [one for one in site.ask("GET", "/credentials") if one["name"] == "Least"]
    resource = active(site, "Behind the least", made["id"])

    page = ada.go(f"/credentials/{made['id']}")
    expect(page.locator("#policy")).to_contain_text(resource["resourceIdentifier"])
    site.aws.give(key.user, json.loads(page.locator("#policy").inner_text()))
    verify(page, "Valid")
    assert site.ask("POST", f"/resources/{resource['id']}/verify")["isActive"]


def test_a_rotated_key_cuts_nobody_off(ada: Visitor) -> None:
    """Rotate credentials: a second key of the same user takes over, and the first one is deleted in AWS."""
    site, key = ada.site, ada.site.key()
    made = site.credential("Rotated", credentialData=key.credential_data)
    resource = active(site, "Held open", made["id"])
    session = site.ask("POST", "/sessions", {"resourceIds": [resource["id"]], "durationMinutes": 30})
    assert eventually(lambda: site.ask("GET", f"/sessions/{session['id']}")["status"] == "ACTIVE", SOON / 1000)
    rules = site.aws.groups()

    newer = site.aws.another_key(key.user)
    site.secrets.append(newer.secret_access_key)
    page = ada.go(f"/credentials/{made['id']}/secret")
    page.get_by_label("Access Key ID").fill(newer.access_key_id)
    page.get_by_label("Secret Access Key").fill(newer.secret_access_key)
    page.get_by_role("button", name="Replace").click()
    expect(page.locator("#status")).to_contain_text("version 2, never shown again", timeout=SOON)
    site.aws.delete(key)
    verify(page, "Valid")

    assert site.ask("GET", f"/sessions/{session['id']}")["status"] == "ACTIVE" and site.aws.groups() == rules
    site.ask("POST", f"/sessions/{session['id']}/stop")


def test_production_and_staging_stand_side_by_side(ada: Visitor) -> None:
    """Separate environments: what happens to one does nothing to the other."""
    site, keys = ada.site, {name: ada.site.key() for name in ("Production", "Staging")}
    made = {name: site.credential(name, credentialData=key.credential_data) for name, key in keys.items()}
    for name, credential in made.items():
        active(site, f"{name} gateway", credential["id"])
    site.aws.deactivate(keys["Staging"])
    verify(ada.go(f"/credentials/{made['Staging']['id']}"), "Invalid")

    ada.go("/credentials")
    expect(badge(ada, "Production")).to_have_text("Valid")
    expect(badge(ada, "Staging")).to_have_text("Invalid")
    ada.go("/resources")
    expect(badge(ada, "Production gateway")).to_have_text("Active")
    expect(badge(ada, "Staging gateway")).to_have_text("Inactive", timeout=SOON)


CAUSES: dict[str, tuple[Fault, str, str]] = {
    "a key that AWS does not know": (
        answering(403, "InvalidClientTokenId", services=("sts",)),
        "InvalidClientTokenId: Access Key ID is invalid or doesn't exist",
        "See in IAM that the access key is there and active, and its user not disabled",
    ),
    "a user without a permission": (
        answering(403, "AccessDenied", services=("sts",)),
        "AccessDenied: AWS doesn't let the IAM user call sts:GetCallerIdentity",
        "See that the IAM user has the sts:GetCallerIdentity permission",
    ),
    "an account that is blocked": (
        answering(403, "Blocked", services=("ec2",)),
        "Blocked: AWS has blocked the account",
        "Confirm in AWS that the account is in good standing",
    ),
    "an account that has not signed up": (
        answering(403, "OptInRequired", services=("ec2",)),
        "OptInRequired: The account is not signed up for EC2",
        "see that it is in good standing",
    ),
}


def test_for_each_published_cause_the_page_says_what_to_do_about_it(ada: Visitor) -> None:
    """And once it is done, one press of a button makes the credential valid again."""
    aws, key = ada.site.aws, ada.site.key()
    made = ada.site.credential("Troubled", credentialData=key.credential_data)
    page = ada.go(f"/credentials/{made['id']}")
    expect(page.locator("#status .badge")).to_have_text("Valid", timeout=SOON)
    for fault, told, advice in CAUSES.values():
        with aws.failing(fault):
            status = verify(page, "Invalid")
        expect(status).to_contain_text(told)
        expect(status).to_contain_text(advice)
    verify(page, "Valid")

    aws.deactivate(key)
    status = verify(page, "Invalid")
    expect(status).to_contain_text("the access key is there and active, and its user not disabled")
    aws.iam.update_access_key(UserName=key.user, AccessKeyId=key.access_key_id, Status="Active")
    verify(page, "Valid")


def test_a_refresh_shows_the_verdict_and_what_stays_without_one_is_created_again(ada: Visitor) -> None:
    """Without scripts nothing moves by itself: wait, refresh; if it stays unverified, delete and create again."""
    site, keys = ada.site, [ada.site.key() for _ in range(2)]
    with ada.elsewhere(java_script_enabled=False) as reader:
        with site.aws.failing(NO_ANSWER):
            page = reader.go("/credentials")
            create(page, "Refreshed", keys[0])
            create(page, "Stays", keys[1])
            expect(reader.row("Stays")).to_have_count(1)  # the answer is there: it can be asked for anew
            page.reload()
            expect(badge(reader, "Refreshed")).to_have_text("Unverified")
            page.get_by_role("link", name="Stays", exact=True).click()
            expect(page.locator("#status")).to_contain_text("try deleting and re-creating the credential")
            page.get_by_role("link", name="Delete", exact=True).click()
            page.get_by_role("button", name="Delete", exact=True).click()
            expect(reader.row("Stays")).to_have_count(0)
        create(page, "Stays", keys[1])
        expect(reader.row("Stays")).to_have_count(1)
        for name in ("Refreshed", "Stays"):
            assert eventually(lambda name=name: bool(page.reload()) and is_valid(reader, name), SOON / 1000)  # type: ignore[misc]


def is_valid(visitor: Visitor, name: str) -> bool:
    return badge(visitor, name).inner_text() == "Valid"
