"""The pages' files: small, kept by browsers for good, and under a new address when they change."""

import gzip
import hashlib
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.api.web.conftest import Visitor

pytestmark = pytest.mark.engines("sqlite")

ROOT = Path(__file__).parents[3]
STATIC = ROOT / "api" / "web" / "static"


def files_of(stranger: Visitor) -> list[str]:
    """The files that the sign-in page names."""
    return re.findall(r'(?:href|src)="(/assets/[^"]+)"', stranger.get("/sign-in").text)


def test_every_file_of_a_page_is_there_and_is_kept_for_good(stranger: Visitor) -> None:
    found = files_of(stranger)

    assert {path.rsplit("/", 1)[1] for path in found} == {"icon.svg", "style.css", "htmx.min.js", "pages.js"}
    for path in found:
        answer = stranger.get(path)
        assert answer.status_code == 200 and answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["X-Content-Type-Options"] == "nosniff" and "charset" in answer.headers["Content-Type"]
        assert path.split("/")[2] == hashlib.sha256(answer.data).hexdigest()[:12]


def test_a_file_comes_compressed_to_who_can_read_it(stranger: Visitor) -> None:
    for path in files_of(stranger):
        plain, packed = stranger.get(path), stranger.get(path, headers={"Accept-Encoding": "gzip, br"})

        assert packed.headers["Content-Encoding"] == "gzip" and gzip.decompress(packed.data) == plain.data
        assert "Content-Encoding" not in plain.headers and plain.headers["Vary"] == "Accept-Encoding"
        assert "Content-Encoding" not in stranger.get(path, headers={"Accept-Encoding": "gzip;q=0"}).headers


@pytest.mark.parametrize(
    "path",
    ["000000000000/style.css", "x/..%2Fassets.py", "x/swagger_ui.css", "style.css", "x/..", "x/%2e%2e%2fpages.py"],
)
def test_nothing_else_is_there(client: FlaskClient, path: str) -> None:
    assert client.get(f"/assets/{path}").status_code == 404


def test_the_vendored_library_is_the_one_that_is_written_down() -> None:
    digest = hashlib.sha256((STATIC / "htmx.min.js").read_bytes()).hexdigest()

    assert digest in (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_dark_differs_from_light_in_colours_alone() -> None:
    """`light-dark()` is a colour. In the dark, tests/web/visitor.py asks of nothing else."""
    style = (STATIC / "style.css").read_text(encoding="utf-8")

    assert "light-dark(" in style and "prefers-color-scheme" not in style
    assert "prefers-color-scheme" not in (STATIC / "pages.js").read_text(encoding="utf-8")
