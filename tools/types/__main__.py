"""`python -m tools.types`: write pulumi_entryguard/credential_data.py anew."""

from pathlib import Path

from tools.types.written import written

FILE = Path(__file__).resolve().parents[2] / "pulumi_entryguard" / "credential_data.py"

if __name__ == "__main__":
    FILE.write_text(written(), encoding="utf-8")
