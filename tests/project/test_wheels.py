"""What the two wheels hold, and what they do not."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def content(sources: list[str], project: str, folder: Path) -> set[str]:
    """The files in a wheel, built from a copy: a build leaves its folders beside what it reads."""
    for name in sources:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
            )
        else:
            shutil.copy(ROOT / name, folder / name)
    options = "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(folder / "dist")
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(folder / project)], check=True)
    with zipfile.ZipFile(next((folder / "dist").glob("*.whl"))) as wheel:
        return {name for name in wheel.namelist() if ".dist-info/" not in name}


@pytest.fixture(scope="module")
def server_wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    sources = ["api", "worker", "pulumi_entryguard", "tests", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"]
    return content(sources, ".", tmp_path_factory.mktemp("server"))


@pytest.fixture(scope="module")
def pulumi_wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    return content(["LICENSE", "pulumi_entryguard"], "pulumi_entryguard", tmp_path_factory.mktemp("pulumi"))


@pytest.mark.parametrize("package", ["api", "worker"])
def test_the_servers_wheel_holds_every_file_of_its_packages(server_wheel: set[str], package: str) -> None:
    files = {str(path.relative_to(ROOT)) for path in (ROOT / package).rglob("*") if path.is_file()}

    assert {name for name in files if "__pycache__" not in name} == {
        name for name in server_wheel if name.startswith(f"{package}/")
    }


def test_the_servers_wheel_brings_its_two_packages_and_nothing_else(server_wheel: set[str]) -> None:
    assert {name.split("/")[0] for name in server_wheel} == {"api", "worker"}


def test_the_pulumi_wheel_holds_every_module_its_types_and_the_least_privilege(pulumi_wheel: set[str]) -> None:
    modules = {f"pulumi_entryguard/{path.name}" for path in (ROOT / "pulumi_entryguard").glob("*.py")}

    assert pulumi_wheel == modules | {"pulumi_entryguard/least_privilege.json", "pulumi_entryguard/py.typed"}
