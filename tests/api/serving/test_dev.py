"""`entryguard-server dev`, as its user stops it."""

from pathlib import Path

from tests.eventually import eventually
from tests.server_process import SERVER, ServerProcess

# Valkey, API, worker.
PARTS = 3


def test_being_told_to_stop_during_the_start_is_no_failure(tmp_path: Path) -> None:
    command = [*SERVER, "dev", "--port", "0", "--data-dir", str(tmp_path / "data")]
    process = ServerProcess({}, tmp_path / "dev.log", command)
    process.start()
    assert eventually(lambda: bool(process.children()), seconds=20)

    assert process.terminate(seconds=15) == 0

    assert "did not start" not in process.log


def test_the_first_administrators_password_may_stand_in_a_file(tmp_path: Path) -> None:
    folder, file = tmp_path / "data", tmp_path / "password"
    folder.mkdir(mode=0o755)
    file.write_text("correct horse battery staple\n", encoding="ascii")
    command = [*SERVER, "dev", "--port", "0", "--data-dir", str(folder)]
    process = ServerProcess({"ENTRYGUARD_ADMIN_PASSWORD_FILE": str(file)}, tmp_path / "dev.log", command)
    process.start()
    database = folder / "entryguard.sqlite"

    assert eventually(database.exists, seconds=20)
    assert eventually(lambda: len(process.children()) == PARTS, seconds=20)
    assert process.terminate(seconds=15) == 0

    assert not (folder / "admin-password").exists()
    assert database.stat().st_mode & 0o077 == 0
