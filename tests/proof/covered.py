"""`python -m tests.proof.covered` after `coverage run`: says what no test runs, and fails where that is too much."""

import json
import sys
import tempfile
from pathlib import Path

from coverage import Coverage

from tests.proof.ledger import proven

LEAST = 95.0


def main() -> None:
    measured = Coverage()
    measured.combine()
    measured.save()
    measured.report()
    lines, branches = _shares(measured)
    figure = f"{lines:.1f} % of the statements, {branches:.1f} % of the branches"
    print(figure)
    if min(lines, branches) < LEAST:
        sys.exit(f"{LEAST} % of both are wanted")
    proven("COVERAGE", "every test, in every process that they start", figure)


def _shares(measured: Coverage) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "coverage.json"
        measured.json_report(outfile=str(file))
        totals = json.loads(file.read_text(encoding="utf-8"))["totals"]
    return (
        100 * totals["covered_lines"] / totals["num_statements"],
        100 * totals["covered_branches"] / totals["num_branches"],
    )


if __name__ == "__main__":
    main()
