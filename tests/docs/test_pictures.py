"""The pictures of the pages: each stands in a page, and is light."""

from pathlib import Path

import pytest

from tests.docs.pages import ROOT, pages, prose

PICTURES = sorted((ROOT / "docs" / "pictures").glob("*.png"))
MOST_BYTES = 60_000


def test_every_picture_is_shown_somewhere() -> None:
    written = "".join(prose(page) for page in pages())

    assert [picture.name for picture in PICTURES if f"pictures/{picture.name})" not in written] == []


@pytest.mark.parametrize("picture", PICTURES, ids=[picture.name for picture in PICTURES])
def test_no_picture_is_heavy(picture: Path) -> None:
    assert picture.stat().st_size < MOST_BYTES
