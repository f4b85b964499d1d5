"""The login that `entryguard login` keeps: one file, for its owner's eyes only, always written whole."""

import contextlib
import json
import os
import signal
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pulumi_entryguard.errors import NotConfigured

try:
    import fcntl
except ImportError:  # Windows: the commands that need no login work there too
    fcntl = None  # type: ignore[assignment]

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Login:
    """Who is signed in where. `good_until`: when the access token expires, in seconds by this machine's clock."""

    endpoint: str
    email: str
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    good_until: float


def path() -> Path:
    """Where it is kept. Raises NotConfigured for a user without a home."""
    named = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    try:
        home = named if named.is_absolute() else Path.home() / ".config"
    except RuntimeError:
        raise NotConfigured("there is no home folder to keep a login in: set XDG_CONFIG_HOME") from None
    return home / "entryguard" / "login.json"


def read() -> Login | None:
    """The login, None where nobody is signed in. Raises NotConfigured where the file is not to be trusted."""
    file = path()
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NotConfigured(f"{file} can't be read: {error.strerror}") from None
    with os.fdopen(descriptor, encoding="utf-8") as opened:
        _check_is_private(file, os.fstat(descriptor))
        try:
            found = json.load(opened)
            texts = {name: str(found[name]) for name in ("endpoint", "email", "access_token", "refresh_token")}
            return Login(**texts, good_until=float(found["good_until"]))
        except (LookupError, TypeError, ValueError):
            raise NotConfigured(f"{file} is no login of this version: sign in again with `entryguard login`") from None


def write(login: Login) -> None:
    """Keep it in the place of the one before. Raises NotConfigured where there is no writing."""
    file = path()
    try:
        descriptor, draft = tempfile.mkstemp(dir=_folder(), prefix=".login-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
                json.dump(asdict(login), opened)
            Path(draft).replace(file)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise NotConfigured(f"{file} can't be written: {error.strerror}") from None


def forget() -> None:
    """Delete it, if it is there."""
    path().unlink(missing_ok=True)


@contextmanager
def alone() -> Iterator[None]:
    """Keep other commands from the login meanwhile, and Ctrl-C too: a token that is exchanged must be written down."""
    if fcntl is None:
        raise NotConfigured("a login is kept on Linux and macOS only: set ENTRYGUARD_API_KEY instead")
    try:
        descriptor = os.open(_folder() / "login.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise NotConfigured(f"{path().parent} can't be written: {error.strerror}") from None
    with contextlib.closing(os.fdopen(descriptor)):
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _folder() -> Path:
    folder = path().parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _check_is_private(file: Path, found: os.stat_result) -> None:
    if found.st_mode & _OTHERS or found.st_uid != os.getuid():
        raise NotConfigured(
            f"{file} can be read by others, so it is not used: `chmod 600` it, and if somebody may have read it, "
            "end it with `entryguard logout`"
        )
