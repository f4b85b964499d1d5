"""`python -m tools.reference`: write docs/reference.md anew."""

from pathlib import Path

from tools.reference.page import written

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference.md"

if __name__ == "__main__":
    PAGE.write_text(written(), encoding="utf-8")
