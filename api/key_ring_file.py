"""The key ring in a file that its owner alone can read: made, read, followed and edited."""

import contextlib
import fcntl
import hmac
import logging
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from api.key_ring import KeyRing, KeyRingError
from api.secret import Secret

# A hundred keys fit; nobody has that many, and a wrong path may name something endless.
MOST_BYTES = 8192
FIRST_KEY_ID = "key-1"

log = logging.getLogger(__name__)

_State = tuple[int, int, int, int]


class KeyRingFile:
    """A key ring that follows its file: what an operator changes there is used at once, without a restart.

    The first reading raises KeyRingError, with a sentence that names the file or the key id: no file, a directory,
    another user's file, one that others may read, or a ring that `KeyRing.parse` refuses.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[_State | None, KeyRing] | None = None

    @classmethod
    def create(cls, path: Path) -> "KeyRingFile":
        """Make a ring of one random key, mode 0400. KeyRingError where the file is there: it is never replaced."""
        with _directory_locked(path.parent):
            if path.exists() or path.is_symlink():
                raise KeyRingError(f"{path} is there already.")
            _replace(path, KeyRing.fresh(FIRST_KEY_ID))
        return cls(path)

    def current(self) -> KeyRing:
        """The ring as the file has it now, at the cost of one stat() where it is unchanged.

        Where the file turns bad later, the last good ring stays in use, and the log says so once.
        """
        state = _state_of(self.path)
        if self._seen is None or self._seen[0] != state:
            # Noted before it is read: what changes in between is seen the next time.
            self._seen = (state, self._read_or_keep())
        return self._seen[1]

    def edit(self, change: Callable[[KeyRing], KeyRing]) -> KeyRing:
        """Replace the ring by `change(ring)`, in one step, and answer it; comments in the file are lost.

        Two that edit at once wait for each other.
        """
        # A symbolic link (Kubernetes mounts secrets so) stays; what it names is replaced.
        path = self.path.resolve()
        with _directory_locked(path.parent):
            ring = change(_read(path))
            _replace(path, ring)
        return ring

    def _read_or_keep(self) -> KeyRing:
        try:
            ring = _read(self.path)
            if self._seen is not None:
                _check_same_keys(self._seen[1], ring)
            return ring
        except KeyRingError as error:
            if self._seen is None:
                raise
            log.error("The key ring file has changed and cannot be used; the ring read before stays in use. %s", error)
            return self._seen[1]


def _state_of(path: Path) -> _State | None:
    """What changes when a file is replaced or rewritten; None without a file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size


def _check_same_keys(before: KeyRing, now: KeyRing) -> None:
    """Where the id of a key has another one, this is some other server's ring: what it seals, nobody could open."""
    for key_id in set(before.key_ids) & set(now.key_ids):
        if not hmac.compare_digest(before.check_value(key_id), now.check_value(key_id)):
            raise KeyRingError(f"{key_id} in it is another key than before.")


def _read(path: Path) -> KeyRing:
    return KeyRing.parse(_content(path))


def _content(path: Path) -> Secret:
    try:
        # O_NONBLOCK: opening a named pipe must not wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise KeyRingError(f"The key ring file {path} cannot be read: {error.strerror}.") from None
    try:
        _check_owner_and_mode(path, os.fstat(descriptor))
        content = Secret(os.read(descriptor, MOST_BYTES + 1))
    finally:
        os.close(descriptor)
    if len(content.reveal()) > MOST_BYTES:
        raise KeyRingError(f"The key ring file {path} has more than {MOST_BYTES} bytes: that is no key ring.")
    return content


def _check_owner_and_mode(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise KeyRingError(f"{path} is not a file.")
    if status.st_uid not in (0, os.geteuid()):
        raise KeyRingError(
            f"The key ring file {path} belongs to user {status.st_uid}. Run this as that user, or change its owner."
        )
    if status.st_mode & 0o077:
        raise KeyRingError(f"The key ring file {path} can be read by others than its owner: `chmod 0400` it.")


@contextlib.contextmanager
def _directory_locked(directory: Path) -> Iterator[None]:
    """Hold the directory's lock. The file's own would not do: each edit puts another file in its place."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise KeyRingError(f"The key ring's directory {directory} cannot be used: {error.strerror}.") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(path: Path, ring: KeyRing) -> None:
    """Write the ring so that a reader and a power cut find the old ring or the new one, whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        temporary.unlink(missing_ok=True)  # left by a crash: the lock is ours, so nobody is writing it
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o400)
        with os.fdopen(descriptor, "wb") as file:
            file.write(ring.written().reveal())
            file.flush()
            os.fsync(descriptor)
        temporary.rename(path)
        _sync_directory(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise KeyRingError(f"The key ring file {path} cannot be written: {error.strerror}.") from None


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
