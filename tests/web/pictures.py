"""`python -m tests.web.pictures`: the pictures of the pages in docs/pictures, taken anew through a real server.

A server, its worker and the stand-ins of all clouds; what an administrator of a small company would have there; and a
browser, which the server sees at an address that is kept for examples.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.clouds.every_cloud import Clouds, every_cloud
from tests.web.chromium import browser
from tests.web.png import small
from tests.web.site import Site, running_server
from tests.web.visitor import Visitor

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
WIDE, PHONE = {"width": 1280, "height": 720}, {"width": 390, "height": 700}
_SOON = 60_000
_GROUPS = {"Production API": 443, "Staging SSH": 22, "Reporting database": 5432}


def main() -> None:
    """Take all of them."""
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="eg-") as folder,
        every_cloud() as clouds,
        running_server(Path(folder), clouds.aws, **_settings(clouds, Path(folder))) as running,
        browser() as started,
    ):
        site = running.organisation("Example")
        gateways = _furnish(site, clouds)
        _take(started, site, gateways)


def _settings(clouds: Clouds, folder: Path) -> dict[str, str]:
    return {
        **clouds.settings(folder),
        "ENTRYGUARD_TRUSTED_PROXIES": "1",
        "ENTRYGUARD_SESSION_ALLOWED_NETWORKS": "203.0.113.0/24",
    }


def _furnish(site: Site, clouds: Clouds) -> dict[str, Any]:
    """A credential of each cloud, one of them mistyped, and what can be opened. Returns the ids by name."""
    names = {"AWS": "AWS Production", "GCP": "Google Cloud analytics", "AZURE": "Azure office", "APISIX": "API gateway"}
    made = {}
    for cloud, example in clouds.examples().items():
        body = {**example.credential, "name": names[cloud]}
        made[cloud] = site.ask("POST", "/credentials", body)["id"]
        if cloud != "AWS":
            config = {} if cloud == "APISIX" else {"config": {"port": 443}}
            resource = {**example.resource, **config, "name": names[cloud], "credentialId": made[cloud]}
            made[names[cloud]] = site.ask("POST", "/resources", resource)["id"]
    wrong = {**clouds.aws.user().credential_data, "secretAccessKey": "one letter was forgotten"}
    made["AWS Staging"] = site.credential("AWS Staging", credentialData=wrong)["id"]
    for name, port in _GROUPS.items():
        group = clouds.aws.security_group(name.lower().replace(" ", "-"))
        made[name] = site.resource(name, made["AWS"], resourceIdentifier=group, config={"port": port})["id"]
    return made


def _take(started: Browser, site: Site, made: dict[str, Any]) -> None:
    context = started.new_context(extra_http_headers=site.running.proxied, timezone_id="Europe/Zurich")
    visitor = Visitor.at(site, context)
    visitor.sign_in()
    page = visitor.page
    pictures: dict[str, Callable[[], None]] = {
        "credentials": lambda: _credentials(visitor),
        "credential-invalid": lambda: _invalid(visitor, made["AWS Staging"]),
        "resources": lambda: _resources(visitor),
        "resource-add": lambda: _choosing(visitor),
        "sessions": lambda: _sessions(visitor),
    }
    for name, show in pictures.items():
        page.set_viewport_size(WIDE)  # type: ignore[arg-type]
        show()
        _keep(page, name)
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.emulate_media(color_scheme="dark")
    _keep(page, "sessions-phone")
    assert visitor.complaints == [], visitor.complaints
    context.close()


def _keep(page: Page, name: str) -> None:
    page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
    page.mouse.move(0, 0)
    picture = small(page, page.screenshot(full_page=True))
    (FOLDER / f"{name}.png").write_bytes(picture)
    sys.stdout.write(f"docs/pictures/{name}.png {len(picture) / 1000:.0f} kB\n")


def _credentials(visitor: Visitor) -> None:
    page = visitor.go("/credentials")
    expect(page.locator(".badge.good")).to_have_count(4, timeout=_SOON)
    expect(page.locator(".badge.bad")).to_have_count(1, timeout=_SOON)


def _invalid(visitor: Visitor, credential_id: str) -> None:
    page = visitor.go(f"/credentials/{credential_id}")
    expect(page.locator("#status .badge")).to_have_text("Invalid")


def _resources(visitor: Visitor) -> None:
    page = visitor.go("/resources")
    expect(page.locator(".badge.good")).to_have_count(len(_GROUPS) + 3, timeout=_SOON)


def _choosing(visitor: Visitor) -> None:
    page = visitor.go("/resources/new")
    page.get_by_label("Name", exact=True).fill("Staging API")
    page.get_by_label("Region").fill("eu-central-1")
    page.get_by_role("button", name="Show what the credential can see").click()
    expect(page.get_by_label("Security group")).to_have_js_property("tagName", "SELECT", timeout=_SOON)
    page.get_by_label("Security group").select_option(index=1)
    page.get_by_label("Ports").fill("443")


def _sessions(visitor: Visitor) -> None:
    """Two doors opened by hand, for an hour."""
    page = visitor.go("/sessions")
    for label in page.locator(".choice").all():
        label.set_checked(label.inner_text() in ("Production API", "Reporting database"))
    page.get_by_label("Reason").fill("TICKET-421")
    page.get_by_role("button", name="1 h", exact=True).click()
    expect(visitor.row("TICKET-421").locator(".badge")).to_have_text("Open", timeout=_SOON)


if __name__ == "__main__":
    main()
