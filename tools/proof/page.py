"""docs/testing.md, made of what the tests noted down."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from tools.proof.promises import KINDS, LATER, PROMISES

Entry = Mapping[str, object]

_HEAD = """# How EntryGuard is tested

`make proof` runs all that is told of here, which takes hours, and writes this page. The figures are its last run's.

| command | what it runs |
|---|---|
| `make test` | every test, and a short form of the long ones |
| `make faults` | the functional tests with each failure of Redis and PostgreSQL |
| `make fuzz` | 200,000 generated requests, on three seeds |
| `make mutants` | mutmut on the code that matters most |
| `make coverage` | which code and which branches the tests run, in every process |

The databases, Valkey, the browser and the Pulumi CLI in the tests are real ones; the clouds are stand-ins that the
vendors' own SDKs talk to. A seed repeats a run in which chance took part.
"""


class Missing(Exception):
    """A promise without a figure."""


def read(folder: Path) -> list[Entry]:
    """What the tests noted in a folder; of notes about the same test the last one."""
    lines = [line for path in sorted(folder.glob("*.jsonl"), key=_age) for line in path.read_text().splitlines()]
    entries = [json.loads(line) for line in lines]
    return list({(entry["promise"], entry["tested"]): entry for entry in entries}.values())


def written(entries: Iterable[Entry]) -> str:
    """The page. Raises Missing where a promise has no figure, and KeyError for one that nobody made."""
    told: dict[str, list[Entry]] = {name: [] for name in (*KINDS, *PROMISES)}
    for entry in entries:
        told[str(entry["promise"])].append(entry)
    missing = [name for name, found in told.items() if not found and name not in LATER]
    if missing:
        raise Missing(f"nothing was noted for {', '.join(missing)}: has all of `make proof` been run?")
    kinds = [_section(name.capitalize(), KINDS[name], told[name]) for name in KINDS]
    promises = [_section(name, PROMISES[name], told[name]) for name in PROMISES]
    return "\n".join([_HEAD, "## Kinds of tests\n", *kinds, "## Promises\n", *promises])


def _section(title: str, text: str, entries: Iterable[Entry]) -> str:
    rows = [f"| {_cell(each['tested'])} | {_cell(each['figure'])} | {_cell(each['seed'])} |" for each in entries]
    if not rows:
        return f"### {title}\n{text}\n\nNot yet: it comes with sessions.\n"
    return "\n".join(
        [f"### {title}", text, "", "| how it was tested | what came out | seed |", "|---|---|---|", *sorted(rows), ""]
    )


def _cell(value: object) -> str:
    return "" if value is None else str(value).replace("|", "\\|").replace("\n", " ")


def _age(path: Path) -> float:
    return path.stat().st_mtime
