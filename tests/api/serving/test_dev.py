"""`entryguard-server dev`, as its user stops it."""

from pathlib import Path

from tests.eventually import eventually
from tests.server_process import SERVER, ServerProcess


def test_being_told_to_stop_during_the_start_is_no_failure(tmp_path: Path) -> None:
    command = [*SERVER, "dev", "--port", "0", "--data-dir", str(tmp_path / "data")]
    process = ServerProcess({}, tmp_path / "dev.log", command)
    process.start()
    assert eventually(lambda: bool(process.children()), seconds=20)

    assert process.terminate(seconds=15) == 0

    assert "did not start" not in process.log
