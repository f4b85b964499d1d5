"""docs/reference.md is what the code says."""

from tests.docs.pages import ROOT
from tools.reference.page import written


def test_the_reference_is_what_the_code_says_now() -> None:
    page = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")

    assert page == written(), "run `make reference`"
