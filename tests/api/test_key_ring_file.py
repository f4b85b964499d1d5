"""The key ring's file: made for its owner alone, refused when others could have read it, followed when it changes."""

import logging
import multiprocessing
import os
import stat
import threading
from pathlib import Path

import pytest

from api.key_ring import KeyRing, KeyRingError
from api.key_ring_file import FIRST_KEY_ID, KeyRingFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "key-ring"


@pytest.fixture
def file(path: Path) -> KeyRingFile:
    return KeyRingFile.create(path)


def write(path: Path, ring: KeyRing) -> None:
    """Write like an operator's own tools do: in place, another content."""
    path.chmod(0o600)
    path.write_bytes(ring.written().reveal())


def test_a_new_file_holds_one_random_key(file: KeyRingFile) -> None:
    assert file.current().key_ids == (FIRST_KEY_ID,)


def test_a_new_file_is_for_its_owner_to_read_only(file: KeyRingFile) -> None:
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o400


def test_nothing_else_is_left_in_the_directory(file: KeyRingFile) -> None:
    assert list(file.path.parent.iterdir()) == [file.path]


def test_a_file_that_is_there_is_never_replaced(file: KeyRingFile) -> None:
    before = file.path.read_bytes()

    with pytest.raises(KeyRingError, match="is there already"):
        KeyRingFile.create(file.path)

    assert file.path.read_bytes() == before


def test_a_dangling_link_is_not_written_through(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(KeyRingError, match="is there already"):
        KeyRingFile.create(path)


def test_a_new_file_needs_its_directory(tmp_path: Path) -> None:
    with pytest.raises(KeyRingError, match=r"directory .* cannot be used: No such file or directory"):
        KeyRingFile.create(tmp_path / "nowhere" / "key-ring")


def test_what_a_crash_left_behind_does_not_stop_a_new_file(path: Path) -> None:
    path.with_name(f".{path.name}.{os.getpid()}.new").write_text("half a ring")

    assert KeyRingFile.create(path).current().key_ids == (FIRST_KEY_ID,)


def test_two_objects_on_one_file_have_the_same_ring(file: KeyRingFile) -> None:
    assert KeyRingFile(file.path).current() == file.current()


def test_a_missing_file_is_refused(path: Path) -> None:
    with pytest.raises(KeyRingError, match="cannot be read: No such file or directory"):
        KeyRingFile(path).current()


def test_an_empty_file_is_refused(path: Path) -> None:
    path.touch(mode=0o400)

    with pytest.raises(KeyRingError, match="holds no key"):
        KeyRingFile(path).current()


def test_a_file_of_other_bytes_is_refused(path: Path) -> None:
    path.touch(mode=0o600)
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(KeyRingError, match="is not text"):
        KeyRingFile(path).current()


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyRingError, match="is not a file"):
        KeyRingFile(tmp_path).current()


def test_a_named_pipe_is_refused_without_waiting_for_its_writer(path: Path) -> None:
    os.mkfifo(path, 0o400)

    with pytest.raises(KeyRingError, match="is not a file"):
        KeyRingFile(path).current()


def test_an_endless_file_is_refused() -> None:
    with pytest.raises(KeyRingError, match="is not a file"):
        KeyRingFile(Path("/dev/zero")).current()


def test_a_huge_file_is_refused(path: Path) -> None:
    path.touch(mode=0o600)
    path.write_bytes(b"#" * 10_000)

    with pytest.raises(KeyRingError, match="has more than 8192 bytes"):
        KeyRingFile(path).current()


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o444, 0o640, 0o600 | 0o020, 0o401, 0o477])
def test_a_file_that_others_may_read_or_write_is_refused(file: KeyRingFile, mode: int) -> None:
    file.path.chmod(mode)

    with pytest.raises(KeyRingError, match="can be read by others"):
        KeyRingFile(file.path).current()


@pytest.mark.parametrize("mode", [0o400, 0o600])
def test_a_file_that_only_its_owner_may_read_is_taken(file: KeyRingFile, mode: int) -> None:
    file.path.chmod(mode)

    assert KeyRingFile(file.path).current().primary == FIRST_KEY_ID


def test_another_users_file_is_refused(file: KeyRingFile, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() == 0:
        os.chown(file.path, 12345, -1)
    else:  # only root may give a file away; so we are somebody else
        monkeypatch.setattr(os, "geteuid", lambda: 12345)

    with pytest.raises(KeyRingError, match="belongs to user"):
        KeyRingFile(file.path).current()


def test_no_refusal_shows_a_key(file: KeyRingFile) -> None:
    line = file.path.read_text()
    write(file.path, file.current())
    with file.path.open("a") as written:
        written.write(line)

    with pytest.raises(KeyRingError) as refusal:
        KeyRingFile(file.path).current()

    assert line.partition(":")[2].strip() not in str(refusal.value)


def test_an_edited_file_stays_its_owners_alone(file: KeyRingFile) -> None:
    file.edit(lambda ring: ring.with_added("key-2"))

    assert stat.S_IMODE(file.path.stat().st_mode) == 0o400


def test_an_edit_answers_the_new_ring(file: KeyRingFile) -> None:
    assert file.edit(lambda ring: ring.with_added("key-2")).key_ids == (FIRST_KEY_ID, "key-2")


def test_an_edit_by_another_is_seen_without_a_restart(file: KeyRingFile) -> None:
    running = KeyRingFile(file.path)
    assert running.current().key_ids == (FIRST_KEY_ID,)

    file.edit(lambda ring: ring.with_added("key-2"))

    assert running.current().key_ids == (FIRST_KEY_ID, "key-2")


def test_an_edit_in_place_is_seen(file: KeyRingFile) -> None:
    wanted = file.current().with_added("key-2")

    write(file.path, wanted)

    assert file.current() == wanted


def test_an_unchanged_file_is_not_read_again(file: KeyRingFile) -> None:
    assert file.current() is file.current()


def test_a_refused_edit_changes_nothing(file: KeyRingFile) -> None:
    before = file.path.read_bytes()

    with pytest.raises(KeyRingError):
        file.edit(lambda ring: ring.without(FIRST_KEY_ID))

    assert file.path.read_bytes() == before


def test_an_edit_through_a_link_keeps_the_link(file: KeyRingFile, tmp_path: Path) -> None:
    folder = tmp_path / "mounted"
    folder.mkdir()
    link = folder / "key-ring"
    link.symlink_to(file.path)

    KeyRingFile(link).edit(lambda ring: ring.with_added("key-2"))

    assert link.is_symlink()
    assert file.current().key_ids == (FIRST_KEY_ID, "key-2")


def test_an_edit_in_a_directory_that_takes_no_file_is_refused() -> None:
    with pytest.raises(KeyRingError, match="cannot be written"):
        KeyRingFile.create(Path("/proc/self/key-ring"))


def test_a_file_that_turns_bad_leaves_the_running_ring_in_use(
    file: KeyRingFile, caplog: pytest.LogCaptureFixture
) -> None:
    ring = file.current()
    file.path.chmod(0o600)
    file.path.write_text("nonsense")

    with caplog.at_level(logging.ERROR):
        assert file.current() is ring
        assert file.current() is ring

    assert [record.getMessage().partition(".")[0] for record in caplog.records] == [
        "The key ring file has changed and cannot be used; the ring read before stays in use"
    ]


def test_another_key_under_an_id_that_is_in_use_is_not_followed(
    file: KeyRingFile, caplog: pytest.LogCaptureFixture
) -> None:
    ring = file.current()
    file.path.unlink()
    KeyRingFile.create(file.path)

    with caplog.at_level(logging.ERROR):
        assert file.current() is ring
        assert file.current() is ring

    (told,) = [record.getMessage() for record in caplog.records]
    assert f"{FIRST_KEY_ID} in it is another key than before" in told


def test_a_file_that_goes_away_and_comes_back_is_followed(file: KeyRingFile) -> None:
    ring = file.current()
    content = file.path.read_bytes()
    file.path.unlink()
    assert file.current() is ring

    file.path.touch(mode=0o600)
    file.path.write_bytes(content)

    assert file.current() == ring


def _add(path: Path, key_id: str) -> None:
    KeyRingFile(path).edit(lambda ring: ring.with_added(key_id))


def _add_twenty(path: Path) -> None:
    for number in range(20):
        _add(path, f"added-{number}")


def _create(path: Path, made: "multiprocessing.Queue[bool]") -> None:
    try:
        KeyRingFile.create(path)
        made.put(True)
    except KeyRingError:
        made.put(False)


def test_of_processes_that_make_the_file_at_once_one_wins(path: Path) -> None:
    processes = multiprocessing.get_context("spawn")
    made: multiprocessing.Queue[bool] = processes.Queue()
    both = [processes.Process(target=_create, args=(path, made)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()

    assert sorted([made.get(), made.get()]) == [False, True]


def test_of_edits_at_once_none_is_lost(file: KeyRingFile) -> None:
    threads = [threading.Thread(target=_add, args=(file.path, f"added-{number}")) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(file.current().key_ids) == {FIRST_KEY_ID, *(f"added-{number}" for number in range(20))}


def test_a_reader_beside_a_busy_writer_always_finds_a_whole_ring(file: KeyRingFile) -> None:
    writer = threading.Thread(target=_add_twenty, args=(file.path,))
    reader = KeyRingFile(file.path)
    writer.start()
    counts = []
    while writer.is_alive():
        counts.append(len(KeyRingFile(file.path).current().key_ids))
        counts.append(len(reader.current().key_ids))
    writer.join()

    assert len(reader.current().key_ids) == 21
    assert counts == sorted(counts)
