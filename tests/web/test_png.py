"""Small pictures look like the large ones."""

import pytest
from playwright.sync_api import Browser

from tests.web.png import seen, small

# On a machine that has no browser yet, the first test waits until it is installed.
pytestmark = pytest.mark.timeout(600)

_FEW = "<style>body { background: #f5f6f8 } i { display: block; width: 50px; height: 20px }</style>" + "".join(
    f'<i style="background: #{red}{red}80ff"></i>' for red in "0369cf"
)
_MANY = "<style>body { background: linear-gradient(to right, #000, #08f, #fff) }</style>"


def test_a_picture_of_few_colours_stays_what_it_was_and_takes_less_room(chromium: Browser) -> None:
    page = chromium.new_page(viewport={"width": 300, "height": 200})
    page.set_content(_FEW)
    picture = page.screenshot()

    kept = small(page, picture)

    assert seen(page, kept) == seen(page, picture) and len(kept) < len(picture)
    page.close()


def test_of_many_colours_each_becomes_one_that_looks_like_it(chromium: Browser) -> None:
    page = chromium.new_page(viewport={"width": 600, "height": 50})
    page.set_content(_MANY)
    picture = page.screenshot()
    width, height, before = seen(page, picture)

    again = seen(page, small(page, picture))

    assert again[:2] == (width, height) and len(set(before)) > 256 >= len(set(again[2]))
    far = max(abs(a - b) for one, other in zip(before, again[2], strict=True) for a, b in zip(one, other, strict=True))
    assert far < 16
    page.close()
