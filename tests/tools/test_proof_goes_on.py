"""`make proof` takes hours: what has passed, here or elsewhere, is not done again, as long as the code is the same."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = ["long", "coverage", "mutants", "faults", "fuzz"]
# make prefers a GNUmakefile, here and when it calls itself: the parts only say that they were made.
_STAND_INS = """
include Makefile
setup pulumi $(VENV)/installed $(VENV)/libraries $(BIN)/python requirements-dev.txt $(BUILD_FILES): ;
BIN := bin
coverage mutants faults fuzz long:
	@echo $@ >> made; mkdir $$PROOF_LEDGER; echo "of $@" > $$PROOF_LEDGER/1.jsonl; test ! -e $@-fails
"""
_PYTHON = """#!/bin/sh
echo page >> made
"""
FIGURES = "tests/proof/figures"

Prove = Callable[[], list[str]]


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A repository with the Makefile, and parts of the proof that are made in a moment."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "GNUmakefile").write_text(_STAND_INS)
    (tmp_path / ".gitignore").write_text("/.proof/\n/made\n/*-fails\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").write_text(_PYTHON)
    (tmp_path / "bin" / "python").chmod(0o755)
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    return tmp_path


@pytest.fixture
def prove(house: Path) -> Prove:
    """Runs `make proof`; the parts that it made."""
    return lambda: proved(house)


def proved(house: Path) -> list[str]:
    made = house / "made"
    made.unlink(missing_ok=True)
    subprocess.run(["make", "proof"], cwd=house, capture_output=True, check=False)
    return made.read_text().split() if made.exists() else []


def git(house: Path, *words: str) -> None:
    someone = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    subprocess.run(["git", *someone, *words], cwd=house, check=True)


def commit(house: Path) -> None:
    git(house, "add", "--all")
    git(house, "commit", "--quiet", "--allow-empty", "--message", "Change something")


def test_the_parts_are_made_in_order_and_then_the_page(prove: Prove) -> None:
    assert prove() == [*PARTS, "page"]


def test_it_goes_on_with_the_part_that_failed(house: Path, prove: Prove) -> None:
    (house / "faults-fails").touch()
    assert prove() == ["long", "coverage", "mutants", "faults"]

    (house / "faults-fails").unlink()
    assert prove() == ["faults", "fuzz", "page"]


def test_what_a_part_noted_that_failed_is_not_kept(house: Path, prove: Prove) -> None:
    (house / "faults-fails").touch()
    prove()

    kept = {path.name: path.read_text() for path in (house / FIGURES).glob("*.jsonl")}
    assert kept == {f"{part}.jsonl": f"of {part}\n" for part in ("long", "coverage", "mutants")}


def test_figures_that_are_committed_count_in_another_clone(house: Path, prove: Prove, tmp_path: Path) -> None:
    (house / "mutants-fails").touch()
    prove()
    (house / "README.md").write_text("how it stands now")
    commit(house)

    git(house, "clone", "--quiet", ".", str(tmp_path / "clone"))

    assert proved(tmp_path / "clone") == ["mutants", "faults", "fuzz", "page"]


def test_after_a_change_it_begins_anew(house: Path, prove: Prove) -> None:
    (house / "mutants-fails").touch()
    prove()

    (house / "new.py").touch()
    commit(house)

    assert prove() == ["long", "coverage", "mutants"]


def test_what_is_not_committed_is_not_proved(house: Path, prove: Prove) -> None:
    (house / "mutants-fails").touch()
    prove()

    (house / "new.py").touch()

    assert prove() == []
    assert (house / FIGURES / "coverage.jsonl").exists()


def test_what_is_found_out_about_a_mutant_is_not_noted(house: Path) -> None:
    (house / "GNUmakefile").write_text(_STAND_INS.replace(" mutants ", " "))
    mutmut = house / "bin" / "mutmut"
    mutmut.write_text('#!/bin/sh\necho "${PROOF_LEDGER-nowhere}" > noted\n')
    mutmut.chmod(0o755)

    subprocess.run(["make", "mutants"], cwd=house, env={**os.environ, "PROOF_LEDGER": "ledger"}, check=True)

    assert (house / "noted").read_text() == "nowhere\n"
