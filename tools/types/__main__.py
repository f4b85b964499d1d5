"""`python -m tools.types`: write anew what the Pulumi package knows of the clouds."""

from pathlib import Path

from tools.types import least_privilege
from tools.types.written import written

PACKAGE = Path(__file__).resolve().parents[2] / "pulumi_entryguard"

if __name__ == "__main__":
    (PACKAGE / "credential_data.py").write_text(written(), encoding="utf-8")
    (PACKAGE / "least_privilege.json").write_text(least_privilege.written(), encoding="utf-8")
