"""docs/testing.md tells of every promise, and the tests keep their figures under promises that are made."""

import ast
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.proof.page import missing, read, written
from tools.proof.promises import ELSEWHERE, KINDS, PROMISES

ROOT = Path(__file__).parents[2]
EVERY = (*KINDS, *PROMISES)


def entry(
    promise: str, figure: str = "7 of 7", tested: str = "in this way", *, is_full: bool = False
) -> dict[str, object]:
    return {"promise": promise, "tested": tested, "figure": figure, "seed": 3, "isFull": is_full}


def all_entries() -> list[dict[str, object]]:
    return [entry(name) for name in EVERY]


def noted() -> Iterator[str]:
    """Every name that may be a promise's, in the files in which a figure is kept."""
    for path in (ROOT / "tests").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.Name) and node.id == "proven" for node in ast.walk(tree)):
            words = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
            yield from (word for word in words if isinstance(word, str) and re.fullmatch(r"P[0-9]+|[A-Z]{6,}", word))


def misnamed() -> Iterator[str]:
    """What a figure is kept under that nobody promised."""
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "proven":
                promise = node.args[0]
                if isinstance(promise, ast.Constant) and promise.value not in EVERY:
                    yield f"{path.name}: {promise.value!r}"


def test_tests_name_only_promises_that_are_made() -> None:
    assert list(misnamed()) == []


def test_every_promise_that_applies_is_tested() -> None:
    assert set(noted()) >= set(EVERY) - set(ELSEWHERE)


def test_the_page_has_every_promise_with_its_figure_and_seed() -> None:
    page = written(all_entries())

    assert all(f"### {name}\n{PROMISES[name]}" in page for name in PROMISES)
    assert page.count("| in this way | 7 of 7 | 3 |") == len(EVERY)


def test_a_promise_without_a_figure_is_said_to_have_none() -> None:
    entries = [each for each in all_entries() if each["promise"] != "P13"]

    assert missing(entries) == ["P13"]
    assert f"### P13\n{PROMISES['P13']}\n\nNo figure yet" in written(entries)


def test_a_promise_that_the_storm_is_about_sends_the_reader_there() -> None:
    entries = [each for each in all_entries() if each["promise"] not in ELSEWHERE]

    assert missing(entries) == []
    assert written(entries).count("Its figures are those of [the storm](storm.md).") == len(ELSEWHERE)


def test_the_last_note_about_a_test_counts(tmp_path: Path) -> None:
    lines = [json.dumps(entry("P7", figure)) for figure in ("early", "late")]
    (tmp_path / "1.jsonl").write_text("\n".join(lines))

    assert [each["figure"] for each in read(tmp_path)] == ["late"]


def test_a_note_of_the_long_form_counts_before_a_later_one(tmp_path: Path) -> None:
    lines = [json.dumps(entry("P7", "long", is_full=True)), json.dumps(entry("P7", "short"))]
    (tmp_path / "1.jsonl").write_text("\n".join(lines))

    assert [each["figure"] for each in read(tmp_path)] == ["long"]


def test_a_figure_cannot_break_its_table() -> None:
    assert "| a \\| b c |" in written([*all_entries(), entry("P7", "a | b\nc", "in another way")])


def test_the_published_page_tells_of_every_promise() -> None:
    page = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")

    assert [line for line in page.splitlines() if line.startswith("### ")] == [
        *(f"### {name.capitalize()}" for name in KINDS),
        *(f"### {name}" for name in PROMISES),
    ]


def test_the_command_writes_the_page_and_says_what_is_missing(tmp_path: Path) -> None:
    copy, notes = tmp_path / "house", tmp_path / "notes"
    shutil.copytree(ROOT / "tools", copy / "tools")
    (copy / "docs").mkdir()
    notes.mkdir()
    (notes / "1.jsonl").write_text(json.dumps(entry("P7")))

    done = subprocess.run(
        [sys.executable, "-m", "tools.proof", notes], cwd=copy, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "has all of `make proof` been run?" in done.stderr
    assert "| in this way | 7 of 7 | 3 |" in (copy / "docs" / "testing.md").read_text(encoding="utf-8")
