"""The locks: everything by its hash, from wherever the user's own pip looks."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ["requirements.txt", "requirements-build.txt", "requirements-dev.txt", "tools/pulumi/go-requirements.txt"]


def requirements(lock: str) -> list[str]:
    """The lock's requirements, each with its hashes in one line."""
    lines = (ROOT / lock).read_text().replace("\\\n", "").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_each_version_and_its_hashes(lock: str) -> None:
    form = re.compile(r"[a-z0-9.-]+==[\w.]+( ; [^-]+)?(\s+--hash=sha256:[0-9a-f]{64})+")

    assert [line for line in requirements(lock) if not form.fullmatch(line)] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_host_and_no_path(lock: str) -> None:
    assert not re.search(r"://|--(index|extra-index|find-links|trusted)|file:|(^| )/", (ROOT / lock).read_text())


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-build.txt"])
def test_what_is_tested_is_what_is_deployed(lock: str) -> None:
    assert set(requirements(lock)) <= set(requirements("requirements-dev.txt"))
