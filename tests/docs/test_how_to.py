"""docs/how-to.md names what a reader will meet."""

import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from api.clouds import CLOUDS
from tests.docs.pages import blocks, text
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


@pytest.mark.engines("sqlite")
@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="the recipe is for those who have sqlite3")
def test_a_backup_of_sqlite_can_be_read_by_its_owner_alone(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "data" / "entryguard.sqlite"
    file.parent.mkdir()
    shutil.copyfile(database_url.removeprefix("sqlite:///"), file)
    backup, restore = (block.text for block in blocks(PAGE) if "entryguard-backup.sqlite" in block.text)

    run(backup, tmp_path)
    modes = [mode_of(tmp_path / "entryguard-backup.sqlite")]
    (tmp_path / "entryguard-backup.sqlite").chmod(0o644)  # one that was made before, or came from elsewhere
    run(restore, tmp_path)

    assert [*modes, mode_of(file)] == [0o600, 0o600]
    assert file.read_bytes() == (tmp_path / "entryguard-backup.sqlite").read_bytes()


def run(recipe: str, folder: Path) -> None:
    """As an operator does whose shell lets everybody read new files."""
    subprocess.run(["/bin/sh", "-ec", f"umask 022\nFOLDER=data\n{recipe}"], cwd=folder, check=True)


def mode_of(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)
