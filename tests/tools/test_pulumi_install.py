"""`tools/pulumi/install`, short of the build itself: `make setup` has done that before any test runs."""

import importlib.machinery
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "pulumi" / "install"


def put_cli(directory: Path, version: str, *others: str) -> Path:
    """A CLI that can tell its version, and what stands beside it."""
    directory.mkdir(parents=True)
    for name in ("pulumi", *others):
        (directory / name).write_text(f"#!/bin/sh\necho {version}\n")
        (directory / name).chmod(0o755)
    return directory


def whole_cli(directory: Path, version: str) -> Path:
    return put_cli(directory, version, "pulumi-language-python", "pulumi-resource-pulumi-python")


def answer(path: Path, cache: Path) -> str:
    """What the script prints with one directory beside the system's on the PATH."""
    system = os.pathsep.join(str(Path(shutil.which(name) or "").parent) for name in ("sh", "env"))
    environment = {"PATH": f"{path}{os.pathsep}{system}", "XDG_CACHE_HOME": str(cache), "HOME": str(cache)}
    return subprocess.check_output([sys.executable, SCRIPT], env=environment, text=True, timeout=30).strip()


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache with a CLI in the place where the script looks for its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    loader = importlib.machinery.SourceFileLoader("pulumi_install", str(SCRIPT))
    specification = importlib.util.spec_from_loader(loader.name, loader)
    assert specification is not None
    script = importlib.util.module_from_spec(specification)
    loader.exec_module(script)
    return whole_cli(script.cached_directory() / "bin", f"v{script.VERSION}")


def test_a_cli_on_the_path_is_taken(tmp_path: Path) -> None:
    own = whole_cli(tmp_path / "own", "v3.272.0")

    assert answer(own, tmp_path / "cache") == str(own)


def test_a_cli_that_is_too_old_is_not_taken(tmp_path: Path, cached: Path) -> None:
    old = whole_cli(tmp_path / "own", "v3.224.9")

    assert answer(old, tmp_path / "cache") == str(cached)


def test_a_cli_without_its_language_host_is_not_taken(tmp_path: Path, cached: Path) -> None:
    alone = put_cli(tmp_path / "own", "v3.272.0")

    assert answer(alone, tmp_path / "cache") == str(cached)


def test_what_the_cache_has_is_not_made_again(tmp_path: Path, cached: Path) -> None:
    assert answer(tmp_path, tmp_path / "cache") == str(cached)
