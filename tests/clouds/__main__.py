"""`python -m tests.clouds`: every cloud's stand-in on this machine, to try EntryGuard with, until Enter is pressed."""

import json
import shlex
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.clouds.every_cloud import Clouds, every_cloud

_SERVER = "# Settings of a server that takes these for the clouds: paste them, then `entryguard-server dev`."


def _told(clouds: Clouds, folder: Path) -> Iterator[str]:
    yield _SERVER
    for name, value in clouds.settings(folder).items():
        yield f"export {name}={shlex.quote(value)}"
    for cloud, example in clouds.examples().items():
        yield f"\n# {cloud}: a credential, for POST /api/v1/credentials"
        yield json.dumps(example.credential)
        yield f"# {cloud}: an object, for POST /api/v1/resources, with the credential's id"
        yield json.dumps(example.resource | {"credentialId": "…"}, ensure_ascii=False)
    yield "\nEnter ends it."


def _wait() -> None:
    """Until Enter is pressed; where nobody can, until a signal comes."""
    if not sys.stdin.readline():
        signal.pause()


def main() -> None:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    with (
        suppress(KeyboardInterrupt),
        tempfile.TemporaryDirectory(prefix="entryguard-clouds-") as folder,
        every_cloud() as clouds,
    ):
        sys.stdout.write("\n".join(_told(clouds, Path(folder))) + "\n")
        sys.stdout.flush()
        _wait()


if __name__ == "__main__":
    main()
