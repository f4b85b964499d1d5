"""`python -m tools.proof FOLDER`: write docs/testing.md anew, from what the tests noted in a folder."""

import sys
from pathlib import Path

from tools.proof.page import Missing, read, written

PAGE = Path(__file__).resolve().parents[2] / "docs" / "testing.md"

if __name__ == "__main__":
    try:
        PAGE.write_text(written(read(Path(sys.argv[1]))), encoding="utf-8")
    except Missing as missing:
        sys.exit(str(missing))
