"""What the tests found out, kept for docs/testing.md, which `make proof` makes of it."""

import json
import os
from pathlib import Path

from tests.proof.scale import FULL

NAME = "PROOF_LEDGER"


def proven(promise: str, tested: str, figure: str, seed: int | str | None = None) -> None:
    """Note what a test has shown; called when its assertions have passed, and nothing outside `make proof`.

    `promise` is the promise's name in docs/testing.md, `tested` says how it was tested and stays the same from run to
    run, `figure` is what came out, and `seed` repeats it where chance took part. The long form is noted as such.
    """
    folder = os.environ.get(NAME)
    if folder is None:
        return
    entry = {"promise": promise, "tested": tested, "figure": figure, "seed": seed, "isFull": FULL}
    path = Path(folder) / f"{os.getpid()}.jsonl"  # a file for each process: the tests run in several
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as ledger:
        ledger.write(json.dumps(entry) + "\n")
