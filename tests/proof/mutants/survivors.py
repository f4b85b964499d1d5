"""The mutants that may live, each with the reason."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

FILE = Path(__file__).with_name("survivors.toml")


def explained() -> Mapping[str, str]:
    """Why each of them may live, by the mutant."""
    groups = tomllib.loads(FILE.read_text(encoding="utf-8")).get("group", [])
    return {mutant: group["why"] for group in groups for mutant in group["mutants"]}
