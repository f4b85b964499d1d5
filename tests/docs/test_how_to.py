"""docs/how-to.md names what a reader will meet."""

import re
from pathlib import Path

import pytest

from api.clouds import CLOUDS
from tests.docs.pages import text
from tools.reference.interface import application

PAGE = Path("docs/how-to.md")
EXPLAINED = ["AWS", "GCP", "AZURE"]


@pytest.mark.parametrize("name", EXPLAINED)
def test_every_verification_error_has_a_remedy(name: str) -> None:
    remedies = set(re.findall(r"^\| `([\w. ]+)[^`]*` \| \w", text(PAGE), re.MULTILINE))

    assert set(CLOUDS[name].hints) - remedies == set()


@pytest.mark.engines("sqlite")
def test_every_figure_that_is_named_is_among_the_metrics(db: str) -> None:
    shown = set(re.findall(r"^# TYPE (\w+)", application().test_client().get("/metrics").text, re.MULTILINE))

    assert set(re.findall(r"entryguard_[a-z_]+(?=`)", text(PAGE))) == shown
