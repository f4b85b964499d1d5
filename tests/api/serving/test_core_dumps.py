"""No process that has read the settings leaves its memory in a core file."""

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.served_api import served


@pytest.fixture
def cores_allowed() -> Iterator[None]:
    """What is started from here may leave core files, as far as this machine lets anybody."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


@pytest.mark.usefixtures("cores_allowed")
def test_no_process_of_the_server_dumps_core(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        pids = [server.pid, *server.children()]

        assert len(pids) > 1
        for pid in pids:
            limits = Path(f"/proc/{pid}/limits").read_text(encoding="ascii").splitlines()
            [core] = [line.split()[4:6] for line in limits if line.startswith("Max core file size")]
            assert core == ["0", "0"]
