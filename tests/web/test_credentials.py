"""The published page about credentials, sentence by sentence, as a person meets it in a browser."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from tests.api.published import CREATE_CREDENTIAL
from tests.clouds.aws_standin import DESCRIBE, Key, allowing, answering
from tests.eventually import eventually
from tests.web.visitor import Visitor

pytestmark = pytest.mark.timeout(600)

# How long a verdict may take where other tests keep both processors busy.
SOON = 60_000


@pytest.fixture
def ada(ada: Visitor) -> Iterator[Visitor]:
    """Where a verdict was waited for, the page has asked for it in the background."""
    yield ada
    assert all(answer.url.startswith(ada.site.url) for answer in ada.answers)


def badge(visitor: Visitor, name: str) -> Locator:
    return visitor.row(name).locator(".badge")


def colour(badge: Locator) -> tuple[int, int, int]:
    """The colour of the words."""
    found = badge.evaluate("(one) => getComputedStyle(one).color")
    red, green, blue = (int(part) for part in found.removeprefix("rgb(").removesuffix(")").split(",")[:3])
    return red, green, blue


def fill(visitor: Visitor, name: str, key: Key) -> None:
    visitor.page.get_by_label("Name", exact=True).fill(name)
    visitor.page.get_by_label("Access Key ID").fill(key.access_key_id)
    visitor.page.get_by_label("Secret Access Key").fill(key.secret_access_key)


def test_the_first_credential_from_nothing_to_valid(ada: Visitor) -> None:
    """Navigate to Credentials under the Admin section in the sidebar, click Add Credential, fill in, click Create."""
    key = ada.site.key()
    page = ada.go("/sessions")
    expect(page.get_by_role("list", name="Admin")).to_contain_text("Credentials")
    page.get_by_role("navigation").get_by_role("link", name="Credentials").click()
    expect(page.locator("main")).to_contain_text("EntryGuard requires cloud provider credentials to manage IP rules")
    expect(page.locator("main")).to_contain_text("Make a user or a key in your cloud that is for EntryGuard alone")
    ada.look("credentials-empty")

    page.get_by_role("link", name="Add Credential").click()
    providers = page.get_by_label("Provider").locator("option").evaluate_all("(all) => all.map((one) => one.value)")
    assert providers == ["AWS", "GCP", "AZURE", "APISIX"]
    expect(page.get_by_label("Type", exact=True)).to_have_value("ACCESS_KEY")
    named = page.get_by_label("Name", exact=True)
    expect(named).to_have_accessible_description('A descriptive name, such as "AWS Production"')
    fill(ada, "AWS Production", key)
    ada.look("credentials-add")
    page.get_by_role("button", name="Create").dblclick()

    # The credential appears in the table. Verification happens automatically, and the badge changes by itself.
    expect(ada.row("AWS Production")).to_have_count(1)
    expect(ada.row("AWS Production")).to_contain_text("ACCESS_KEY")
    expect(badge(ada, "AWS Production")).to_have_text("Valid", timeout=SOON)
    red, green, blue = colour(badge(ada, "AWS Production"))
    assert green > red and green > blue
    expect(page.locator("#said")).to_have_text("AWS Production is valid.")
    assert len(ada.site.ask("GET", "/credentials")) == 1, "a double click does a thing once"
    assert ada.leaks() == []
    ada.look("credentials-table")


def test_the_fields_follow_the_chosen_provider(ada: Visitor) -> None:
    page = ada.go("/credentials/new")
    page.get_by_label("Name", exact=True).fill("A name that stays")

    for provider, labels in {
        "APISIX": ("Endpoint URL", "Admin API Key"),
        "AZURE": ("Subscription ID", "Tenant ID", "Client ID", "Client Secret"),
        "GCP": ("Project ID", "Private Key", "Client Email"),
    }.items():
        page.get_by_label("Provider").select_option(provider)
        for label in labels:
            expect(page.get_by_label(label, exact=True)).to_be_visible()
        expect(page.locator("#credentialType")).to_have_value(CREATE_CREDENTIAL[provider]["credentialType"])
    expect(page.get_by_label("Name", exact=True)).to_have_value("A name that stays")
    assert "credentialData" not in page.url

    # Eleven fields are more than anybody types: a key file is pasted as it is.
    file = json.dumps(CREATE_CREDENTIAL["GCP"]["credentialData"])
    page.get_by_label("Project ID").evaluate(
        """(field, file) => {
          const data = new DataTransfer();
          data.setData("text/plain", file);
          field.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true}));
        }""",
        file,
    )
    for name, value in CREATE_CREDENTIAL["GCP"]["credentialData"].items():
        expect(page.locator(f'[name="credentialData.{name}"]')).to_have_value(value)
    ada.look("credentials-add-gcp")


def test_errors_stand_beside_their_fields_and_what_was_typed_stays(ada: Visitor) -> None:
    page = ada.go("/credentials/new")
    fill(ada, "N" * 256, Key("nobody", "AKIATYPED", "typed-secret"))

    page.get_by_role("button", name="Create").click()

    name = page.get_by_label("Name", exact=True)
    expect(name).to_have_attribute("aria-invalid", "true")
    expect(name).to_be_focused()
    expect(page.locator("#name-error")).to_contain_text("Length must be between 1 and 255.")
    expect(page.get_by_label("Access Key ID")).to_have_value("AKIATYPED")
    expect(page.get_by_label("Secret Access Key")).to_have_value("")
    ada.site.secrets.append("typed-secret")
    assert ada.leaks() == []
    ada.look("credentials-add-wrong")


def test_an_invalid_credential_says_why_and_what_to_do_until_it_is_mended(ada: Visitor) -> None:
    """Failed: a red badge, the cloud's reason, its remedy, the policy; then replace the secret, and it is valid."""
    aws = ada.site.aws
    key = ada.site.key()
    made = ada.site.credential("Mistyped", credentialData={**key.credential_data, "secretAccessKey": "wrong secret"})
    page = ada.go("/credentials")
    expect(badge(ada, "Mistyped")).to_have_text("Invalid", timeout=SOON)
    red, green, blue = colour(badge(ada, "Mistyped"))
    assert red > green and red > blue
    page.get_by_role("link", name="Mistyped", exact=True).click()
    status = page.locator("#status")
    expect(status).to_contain_text("SignatureDoesNotMatch: Secret Access Key is incorrect")
    expect(status).to_contain_text("Make a new access key in IAM")
    ada.look("credential-invalid")

    page.get_by_role("link", name="Replace the secret").click()
    ada.look("credential-replace-secret")
    page.get_by_label("Access Key ID").fill(key.access_key_id)
    page.get_by_label("Secret Access Key").fill(key.secret_access_key)
    page.get_by_role("button", name="Replace").click()
    expect(status.locator(".badge")).to_have_text("Valid", timeout=SOON)
    expect(status).to_contain_text("Credential verified and working")
    expect(status).to_contain_text("version 2, never shown again")
    assert ada.leaks() == []

    # What is known to be missing is named, and the policy that has it is there to copy.
    aws.give(key.user, allowing((DESCRIBE,)))
    group = ada.site.resource("Gateway", made["id"])
    page.get_by_role("button", name="Verify now").click()
    expect(status.locator(".badge")).to_have_text("Invalid", timeout=SOON)
    expect(status).to_contain_text("ec2:RevokeSecurityGroupIngress")
    expect(page.locator("#policy")).to_contain_text("ec2:AuthorizeSecurityGroupIngress")
    page.reload()
    expect(page.locator("#policy")).to_contain_text(group["resourceIdentifier"])
    ada.look("credential-lacks-permissions")
    ada.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#policy").text_content()


def test_a_credential_without_a_verdict_is_grey_and_says_what_to_do(ada: Visitor) -> None:
    """Unverified: verification in progress. No test's Azure answers, so this one stays so."""
    made = ada.site.ask("POST", "/credentials", {**CREATE_CREDENTIAL["AZURE"], "name": "Nobody answers"})
    page = ada.go("/credentials")
    expect(badge(ada, "Nobody answers")).to_have_text("Unverified")
    tones = colour(badge(ada, "Nobody answers"))
    assert max(tones) - min(tones) < 40

    page.get_by_role("link", name="Nobody answers", exact=True).click()
    expect(page.locator("#status")).to_contain_text("It usually completes within a few seconds")
    expect(page.locator("#status")).to_contain_text("try deleting and re-creating the credential")
    ada.look("credential-unverified")
    ada.site.ask("DELETE", f"/credentials/{made['id']}")


def test_a_new_secret_that_is_turned_down_leaves_the_old_one_serving(ada: Visitor) -> None:
    made = ada.site.credential("Rotated")
    page = ada.go(f"/credentials/{made['id']}")
    status = page.locator("#status")
    expect(status.locator(".badge")).to_have_text("Valid", timeout=SOON)

    page.get_by_role("link", name="Replace the secret").click()
    page.get_by_label("Access Key ID").fill(ada.site.key().access_key_id)
    page.get_by_label("Secret Access Key").fill("nobody's secret")
    page.get_by_role("button", name="Replace").click()

    expect(status).to_contain_text("The new secret was turned down: SignatureDoesNotMatch", timeout=SOON)
    expect(status.locator(".badge")).to_have_text("Valid")
    ada.look("credential-turned-down")


def test_a_credential_is_renamed(ada: Visitor) -> None:
    made = ada.site.credential("Old name")
    page = ada.go(f"/credentials/{made['id']}")

    page.get_by_role("link", name="Rename").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Old name")
    ada.look("credential-rename")
    page.get_by_label("Name", exact=True).fill("New <b>name</b>")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("New <b>name</b>")


def test_the_trash_icon_warns_of_what_goes_with_a_credential(ada: Visitor) -> None:
    made = ada.site.credential("Doomed")
    resource = ada.site.resource("Doomed gateway", made["id"])
    page = ada.go("/credentials")
    assert eventually(lambda: ada.site.ask("GET", f"/resources/{resource['id']}")["isActive"], SOON / 1000)
    ada.site.ask("POST", "/sessions", {"resourceIds": [resource["id"]], "durationMinutes": 30})

    ada.row("Doomed").get_by_role("link", name="Delete Doomed").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Delete Doomed?")
    expect(page.locator("main")).to_contain_text("also deletes all cloud resources associated with it")
    expect(page.locator("main")).to_contain_text("Doomed gateway")
    expect(page.locator("main")).to_contain_text("from 127.0.0.1")
    ada.look("credential-delete")

    # As long as the cloud keeps its rule, both are there and say so; then they go by themselves.
    with ada.site.aws.failing(answering(503, "ServiceUnavailable")):
        page.get_by_role("button", name="End all that and delete").click()
        expect(badge(ada, "Doomed")).to_have_text("Being deleted")
        for path in (f"/resources/{resource['id']}", f"/credentials/{made['id']}"):
            ada.go(path)
            expect(page.locator("#status")).to_contain_text("It lets nobody in any more")
            ada.look(f"{path[1:].split('/')[0]}-being-deleted")
        page.get_by_role("navigation").get_by_role("link", name="Credentials").click()
        expect(badge(ada, "Doomed")).to_have_text("Being deleted")
    expect(ada.row("Doomed")).to_have_count(0, timeout=SOON)
    page.get_by_role("link", name="Resources").click()
    expect(ada.row("Doomed gateway")).to_have_count(0)


def test_a_lost_connection_is_said_and_what_was_typed_stays(ada: Visitor) -> None:
    page = ada.go("/credentials/new")
    key = ada.site.key()
    fill(ada, "Sent into the void", key)

    ada.context.set_offline(True)
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#lost")).to_be_visible()
    expect(page.locator("#lost")).to_contain_text("The connection to EntryGuard is lost.")
    expect(page.get_by_label("Secret Access Key")).to_have_value(key.secret_access_key)
    ada.look("credentials-connection-lost")
    ada.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()

    expect(ada.row("Sent into the void")).to_have_count(1)
    expected = ("ERR_INTERNET_DISCONNECTED", "htmx:")
    ada.complaints[:] = [told for told in ada.complaints if not any(word in told for word in expected)]


def test_all_of_it_works_without_scripts(ada: Visitor) -> None:
    with ada.elsewhere(java_script_enabled=False) as visitor:
        add_and_delete(visitor)


def add_and_delete(visitor: Visitor) -> None:
    page = visitor.go("/credentials/new")

    page.get_by_label("Name", exact=True).fill("By hand")
    page.get_by_label("Provider").select_option("APISIX")
    page.get_by_role("button", name="Show this provider's fields").click()
    page.get_by_label("Endpoint URL").fill("https://apisix.example.com")
    page.get_by_label("Admin API Key").fill("a key for the gateway")
    page.get_by_role("button", name="Create").click()
    visitor.row("By hand").get_by_role("link", name="Delete By hand").click()
    page.get_by_role("button", name="Delete").click()

    expect(visitor.row("By hand")).to_have_count(0)
    assert page.url.endswith("/credentials")
