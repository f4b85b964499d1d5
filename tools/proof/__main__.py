"""`python -m tools.proof FOLDER`: write docs/testing.md anew, from what the tests noted in a folder.

Fails, after it has written the page, if a promise has no figure.
"""

import sys
from pathlib import Path

from tools.proof.page import missing, read, written

PAGE = Path(__file__).resolve().parents[2] / "docs" / "testing.md"

if __name__ == "__main__":
    entries = read(Path(sys.argv[1]))
    PAGE.write_text(written(entries), encoding="utf-8")
    if without := missing(entries):
        sys.exit(f"nothing was noted for {', '.join(without)}: has all of `make proof` been run?")
