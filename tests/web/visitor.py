"""Somebody at a browser: what they see, what the browser complains of, what it fetched; screenshots and axe-core."""

import functools
import re
import urllib.parse
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import axe_playwright_python
from playwright.sync_api import BrowserContext, Locator, Page, Response

from tests.proof.scale import FULL
from tests.served_api import EMAIL, PASSWORD
from tests.web.site import Site

SCREENSHOTS = Path(__file__).parents[2] / ".screenshots"
WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
Variant = tuple[dict[str, int], Literal["light", "dark"]]
VARIANTS: tuple[Variant, ...] = ((WIDE, "light"), (WIDE, "dark"), (PHONE, "light"), (PHONE, "dark"))
_LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
_EVERYTHING = {"type": "tag", "values": _LEVELS}
# Of these, the rules of axe-core's category cat.color. What is dark differs by the style sheet's `light-dark()` alone,
# which can be nothing but a colour (tests/api/web/test_assets.py): no other rule can find anything else there.
_COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
# An answer with errors beside the fields has a status of its own, of which the browser's console tells.
_EXPECTED = re.compile(r"Failed to load resource: the server responded with a status of 4\d\d")
_WATCH_POLICY = (
    "document.addEventListener('securitypolicyviolation', "
    "(e) => console.error('policy: ' + e.violatedDirective + ' ' + e.blockedURI))"
)

# What axe-core cannot tell of colours, where a gradient lies beneath the words, say, is not in order either.
_FAULTS = """async (rules) => {
  const found = await axe.run({ runOnly: rules, resultTypes: ["violations", "incomplete"] });
  const unclear = found.incomplete.filter((one) => one.tags.includes("cat.color"));
  return [...found.violations, ...unclear].flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html}`));
}"""

_WIDER = """() => [document.documentElement, ...document.querySelectorAll(".table")]
  .filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.className || one.tagName)"""


@dataclass
class Visitor:
    """A page in a browser without a history, and all that was noted on the way."""

    site: Site
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)
    answers: list[Response] = field(default_factory=list)

    @classmethod
    def at(cls, site: Site, context: BrowserContext) -> "Visitor":
        """Somebody who has just opened the browser."""
        visitor = cls(site, context, context.new_page())
        context.add_init_script(_WATCH_POLICY)
        visitor.page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
        visitor.page.on("console", lambda message: visitor._note(message.type, message.text))
        visitor.page.on("response", lambda answer: visitor.answers.append(answer))  # noqa: PLW0108 - it marks what it is given
        visitor.page.set_default_timeout(20_000)
        return visitor

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not _EXPECTED.match(text):
            self.complaints.append(text)

    def go(self, path: str) -> Page:
        """Open a page of the site."""
        self.page.goto(self.site.url + path)
        return self.page

    def sign_in(self, email: str = EMAIL, password: str = PASSWORD) -> None:
        """Through the form, as a person does."""
        self.go("/sign-in")
        self.page.get_by_label("Email").fill(email)
        self.page.get_by_label("Password").fill(password)
        if not self.page.get_by_label("Organisation").is_visible():
            self.page.get_by_text("My address is in several organisations").click()
        self.page.get_by_label("Organisation").fill(self.site.slug)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(lambda url: "/sign-in" not in url)

    @contextmanager
    def elsewhere(self, **options: Any) -> "Iterator[Visitor]":
        """The same person in another browser: without scripts, or in another time zone."""
        assert self.context.browser is not None
        context = self.context.browser.new_context(storage_state=self.context.storage_state(), **options)
        try:
            visitor = Visitor.at(self.site, context)
            yield visitor
            assert visitor.complaints == []
        finally:
            context.close()

    def row(self, name: str) -> Locator:
        """The row of a table that has this name in it."""
        return self.page.get_by_role("row").filter(has_text=name)

    def look(self, name: str) -> None:
        """Keep pictures of the page, wide and narrow, light and dark; it must please axe-core and fit a phone."""
        SCREENSHOTS.mkdir(exist_ok=True)
        self.page.evaluate("scrollTo(0, 0)")  # what sticks to the window stands where a reader would see it first
        for size, scheme in _variants(name):
            which = f"{name}-{size['width']}-{scheme}"
            self.page.set_viewport_size(size)  # type: ignore[arg-type]
            self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            self.page.screenshot(path=SCREENSHOTS / f"{which}.png", full_page=True)
            assert self.violations(_COLOURS if FULL and scheme == "dark" else _EVERYTHING) == [], which
            assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), which
        self.page.set_viewport_size(WIDE)  # type: ignore[arg-type]
        self.page.emulate_media(color_scheme="light")

    def wider(self) -> list[str]:
        """What is wider than the window, or than the table it is in, at any width from a phone's on."""
        found = []
        for width in (WIDE["width"], 1100, 800, PHONE["width"]):
            self.page.set_viewport_size({"width": width, "height": 800})
            found += [f"{one} at {width}" for one in self.page.evaluate(_WIDER)]
        self.page.set_viewport_size(WIDE)  # type: ignore[arg-type]
        return found

    def violations(self, rules: Mapping[str, Any] = _EVERYTHING) -> list[str]:
        """What axe-core finds against WCAG 2.2 AA on the page as it is."""
        if not self.page.evaluate("'axe' in window"):  # half a megabyte: once for each page is enough
            self.page.evaluate(_axe())
        found: list[str] = self.page.evaluate(_FAULTS, rules)
        return found

    def leaks(self) -> list[str]:
        """The secrets that the browser holds, or that stood in an address."""
        has_gone_anywhere = self.page.url.startswith(self.site.url)
        seen = " ".join([self.kept() if has_gone_anywhere else "", *(answer.url for answer in self.answers)])
        return [one for one in self.site.secrets if one in seen or urllib.parse.quote_plus(one) in seen]

    def kept(self) -> str:
        """All that the browser has of the page and keeps beside it."""
        return str(
            self.page.evaluate(
                "JSON.stringify([document.documentElement.outerHTML, {...localStorage}, {...sessionStorage},"
                " location.href, [...document.querySelectorAll('input, textarea')].map((one) => one.value)])"
            )
        )


def _variants(name: str) -> tuple[Variant, ...]:
    """How a page is looked at: in every way; in the short form at both widths, one light and one dark, in turn."""
    if FULL:
        return VARIANTS
    turn = zlib.crc32(name.encode()) % 2
    return VARIANTS[turn], VARIANTS[3 - turn]


@functools.cache
def _axe() -> str:
    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
