"""The command `entryguard`, run where there is nothing but Python's standard library."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
_PROGRAM = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from pulumi_entryguard.command import main
sys.exit(main())
"""


def entryguard(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run it to its end. `environment` has its settings, and there are no others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ENTRYGUARD_")}
    # Without -S, Python would find what is installed; -I keeps this directory and PYTHONPATH out.
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", _PROGRAM, *arguments],
        env={**kept, "XDG_CONFIG_HOME": "/nowhere", **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
