"""docs/testing.md, made of what the tests noted down."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from tools.proof.promises import ELSEWHERE, KINDS, PROMISES

Entry = Mapping[str, object]

_HEAD = """# How EntryGuard is tested

`make proof` runs all that is told of here, which takes hours, and writes this page. Its figures are in
`tests/proof/figures`, all of one state of the code. Of a test that has a long form, it is that form's figure.

| command | what it runs |
|---|---|
| `make test` | every test, and a short form of the long ones |
| `make long` | every test in its long form; those that measure time come last, by themselves |
| `make faults` | the functional tests with each failure of Redis and PostgreSQL |
| `make fuzz` | 200,000 generated requests, on three seeds |
| `make storm` | thousands of sessions while processes are killed and clouds fail: [its figures](storm.md) |
| `make mutants` | mutmut on the code that matters most |
| `make coverage` | which code and which branches the tests run, in every process |

The databases, Valkey, the browser and the Pulumi CLI in the tests are real ones; the clouds are stand-ins that the
vendors' own SDKs talk to. A seed repeats a run in which chance took part.
"""


def read(folder: Path) -> list[Entry]:
    """What the tests noted in a folder; of notes about the same test that of its long form, else the last one."""
    lines = [line for path in sorted(folder.glob("*.jsonl")) for line in path.read_text(encoding="utf-8").splitlines()]
    entries = sorted((json.loads(line) for line in lines), key=lambda entry: bool(entry["isFull"]))
    return list({(entry["promise"], entry["tested"]): entry for entry in entries}.values())


_IN_THE_STORM = "Its figures are those of [the storm](storm.md)."
_NOT_MEASURED = "No figure yet: this part of `make proof` has not been run to its end."


def missing(entries: Iterable[Entry]) -> list[str]:
    """The promises and kinds of tests that should have a figure, and have none."""
    told = {entry["promise"] for entry in entries}
    return [name for name in (*KINDS, *PROMISES) if name not in told and name not in ELSEWHERE]


def written(entries: Iterable[Entry]) -> str:
    """The page. Raises KeyError for a promise that nobody made."""
    told: dict[str, list[Entry]] = {name: [] for name in (*KINDS, *PROMISES)}
    for entry in entries:
        told[str(entry["promise"])].append(entry)
    kinds = [_section(name.capitalize(), KINDS[name], told[name]) for name in KINDS]
    promises = [_section(name, PROMISES[name], told[name], name in ELSEWHERE) for name in PROMISES]
    return "\n".join([_HEAD, "## Kinds of tests\n", *kinds, "## Promises\n", *promises])


def _section(title: str, text: str, entries: Iterable[Entry], is_elsewhere: bool = False) -> str:
    rows = [f"| {_cell(each['tested'])} | {_cell(each['figure'])} | {_cell(each['seed'])} |" for each in entries]
    if not rows:
        return f"### {title}\n{text}\n\n{_IN_THE_STORM if is_elsewhere else _NOT_MEASURED}\n"
    return "\n".join(
        [f"### {title}", text, "", "| how it was tested | what came out | seed |", "|---|---|---|", *sorted(rows), ""]
    )


def _cell(value: object) -> str:
    return "" if value is None else str(value).replace("|", "\\|").replace("\n", " ")
